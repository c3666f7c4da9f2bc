"""The figure of leakage: the same weights under every evaluation protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from ..cells import Cells
from ..tables import formats, leakage
from .drawing import (
    COLOURS,
    INK,
    MOST_PANELS,
    PAPER_COLOUR,
    STYLE,
    Drawing,
    Panels,
    legend_on_top,
    ticks,
)
from .rows import class_name, plain_rows, row_title

_MOST_NAMED = 3
"""Rows up to which panels are large enough for the classes' names."""
_NAMES_IN_HEIGHT = 28
_SMALL = Panels(columns=4, width=1.75, height=1.7, bottom=0.75)


def leakage_figure(cells: Cells) -> Drawing | None:
    """The protocol on the x axis, a line per class, a panel per row; None where all is eval.

    Of many rows, those without anomalies in training and with the paper's own batch norm and context are shown.
    """
    protocols = leakage.scored(cells)
    if len(protocols) < 2:
        return None
    summary = cells.summary
    rows = [row for row in plain_rows(cells) if summary["ok"].iloc[row]][:MOST_PANELS]
    with mpl.rc_context(STYLE):
        named = len(rows) <= _MOST_NAMED
        layout = Panels(columns=4, width=3.4, height=2.8, bottom=0.75) if named else _SMALL
        figure, axes = layout.panels(len(rows))
        for panel, index in zip(axes, rows, strict=False):
            _leakage_panel(panel, cells, index, protocols)
            printed = summary["paper_avg"].iloc[index]
            if not formats.is_missing(printed):
                across = [0, len(protocols) - 1]  # and not through the names behind
                panel.plot(across, [printed, printed], color=PAPER_COLOUR, linewidth=1, linestyle=(0, (4, 2)))
            panel.set_title(row_title(cells, index))
        first = axes[0]  # what is set of it is set of all panels: they share their axes
        low = 10 * math.floor(first.get_ylim()[0] / 10)
        first.set_ylim(low, 101.5)
        first.set_yticks(*ticks(low, 100))
        first.set_xlim(-0.3, len(protocols) - (-0.55 if named else 0.7))
        first.set_xticks(range(len(protocols)), [leakage.LABELS[protocol] for protocol in protocols])
        if named:
            for panel, index in zip(axes, rows, strict=False):
                _name_lines(panel, cells, index, leakage.column(protocols[-1]), len(protocols) - 1)
        for word in (label for panel in axes for label in panel.get_xticklabels()):
            word.set(rotation=40, ha="right")
        layout.label(axes, "", "AUROC, %")
        legend_on_top(figure, _leakage_handles())
    return Drawing(
        name="leakage",
        caption=(
            "The same weights under every evaluation protocol, last update. Thin lines: one class each, mean over "
            "seeds; thick: mean over classes; dashed: the paper's mean."
        ),
        alt=_leakage_alt(cells, rows, protocols),
        figure=figure,
    )


def _name_lines(panel: Axes, cells: Cells, index: int, last: str, x: float) -> None:
    """Write each class's name behind the end of its line; where lines end close together, apart and led to."""
    runs, dataset = cells.runs[cells.runs["row"] == index], cells.rows[index]["dataset"]
    ends = (100 * runs.groupby("class")[last].mean()).dropna().sort_values(ascending=False)
    low, high = panel.get_ylim()
    step = (high - low) / _NAMES_IN_HEIGHT
    height = math.inf
    for number, end in ends.items():
        height = min(float(end), height - step)
        name = class_name(dataset, int(str(number))) or str(number)
        panel.plot([x + 0.03, x + 0.25], [float(end), height], color=COLOURS[0], linewidth=0.4, alpha=0.55)
        panel.text(x + 0.3, height, name, fontsize=6, va="center", color=INK, alpha=0.8)


def _leakage_panel(panel: Axes, cells: Cells, index: int, protocols: Sequence[str]) -> None:
    runs = cells.runs[cells.runs["row"] == index]
    columns = [leakage.column(protocol) for protocol in protocols]
    of_class = 100 * runs.groupby("class")[columns].mean()
    for _, line in of_class.iterrows():
        panel.plot(range(len(columns)), line.to_numpy(), color=COLOURS[0], linewidth=0.6, alpha=0.55)
    panel.plot(
        range(len(columns)), of_class.mean().to_numpy(), color=COLOURS[0], linewidth=2.2, marker="o", markersize=3
    )
    panel.axhline(50, color=INK, linewidth=0.4, alpha=0.4)


def _leakage_handles() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=COLOURS[0], linewidth=0.8, alpha=0.6, label="class"),
        Line2D([], [], color=COLOURS[0], linewidth=2.2, marker="o", markersize=3, label="mean over classes"),
        Line2D([], [], color=PAPER_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label="the paper's mean"),
    ]


def _leakage_alt(cells: Cells, rows: Sequence[int], protocols: Sequence[str]) -> str:
    summary = cells.summary
    parts = []
    for index in rows:
        values = (
            f"{leakage.LABELS[p]} {formats.auroc(summary['avg' + leakage.column(p).removeprefix('auroc')].iloc[index])}"
            for p in protocols
        )
        parts.append(f"{row_title(cells, index)}: {', '.join(values)}")
    return "Mean AUROC in percent by protocol. " + "; ".join(parts) + "."
