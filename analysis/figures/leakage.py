"""The figure of leakage: the same weights under every evaluation protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..cells import Cells
from ..summary import by_class, whole_rows
from ..tables import formats, leakage
from ..tables.footnotes import classes_text, in_short
from .drawing import (
    COLOURS,
    FAINT,
    INK,
    MOST_PANELS,
    PAPER_COLOUR,
    STYLE,
    Drawing,
    Panels,
    legend_on_top,
    say_on_hover,
    ticks,
)
from .rows import TITLE, also_differing, class_name, full_title, of_which_settings, plain_rows, row_title

_MOST_NAMED = 3
"""Rows up to which panels are large enough for the classes' names."""
_NAMES_IN_HEIGHT = 28
_SMALL = Panels(columns=4, width=1.75, height=1.7, bottom=0.75)
_PRINTED = "the paper"
"""Words of the place behind the protocols, where the paper's own classes stand."""


def leakage_figure(cells: Cells) -> Drawing | None:
    """The protocol on the x axis, a line per class, a panel per row; behind, what the paper prints for these classes.

    None where all is eval. Of many rows, those without anomalies in training and with the paper's own batch norm and
    context are shown.
    """
    protocols = leakage.scored(cells)
    if len(protocols) < 2:
        return None
    compared = leakage.compared_rows(cells)
    rows = [row for row in plain_rows(cells) if row in compared][:MOST_PANELS]
    if not rows:
        return None
    with mpl.rc_context(STYLE):
        named = len(rows) <= _MOST_NAMED
        layout = Panels(columns=4, width=3.4, height=2.6, bottom=0.75) if named else _SMALL
        figure, axes = layout.panels(len(rows))
        lows = []
        for panel, index in zip(axes, rows, strict=False):
            lows.append(_leakage_panel(panel, cells, index, protocols))
            panel.set_title(row_title(cells, index) + _of_classes(cells, index, rows))
        first = axes[0]  # what is set of it is set of all panels: they share their axes
        low = 5 * math.floor((min(lows) - 1) / 5)
        first.set_ylim(low, 101)
        first.set_yticks(*ticks(low, 100))
        first.set_xlim(-0.3, len(protocols) + (1.9 if named else 0.4))
        words = [*(leakage.LABELS[protocol] for protocol in protocols), _PRINTED]
        first.set_xticks(range(len(words)), words)
        if named:
            for panel, index in zip(axes, rows, strict=False):
                _name_lines(panel, cells, index, leakage.column(protocols[-1]), len(protocols))
        for word in (label for panel in axes for label in panel.get_xticklabels()):
            word.set(rotation=40, ha="right")
        layout.label(axes, "", "AUROC, %")
        legend_on_top(figure, _leakage_handles())
    return Drawing(
        name="leakage",
        caption=(
            "The same trained weights, scored under every evaluation protocol at the last update. Left, each image "
            "alone: an image's score depends on no other test image. Right, in batches of a test set that is ordered "
            "by label. Thin lines: a class each, mean over seeds; thick: mean over classes; at the right end what the "
            "paper prints, for each class (dots) and on average (bar), under a protocol that it does not state. "
            f"Grey line: chance.{of_which_settings(cells, rows)}"
            f"{also_differing(cells, rows, *TITLE, what='panels')}"
        ),
        alt=_leakage_alt(cells, rows, protocols),
        figure=figure,
        caution=in_short(cells),
    )


def _of_classes(cells: Cells, index: int, rows: Sequence[int]) -> str:
    """Of a row beside such of more or fewer classes, how many it has: their means cannot be compared."""
    counts = {row: classes_text(cells, row) for row in rows}
    return f", classes: {counts[index]}" if len(set(counts.values())) > 1 or "/" in counts[index] else ""


def _name_lines(panel: Axes, cells: Cells, index: int, last: str, x: float) -> None:
    """Write each class's name behind its last point; where these lie close together, apart and led to."""
    runs, dataset = cells.runs[cells.runs["row"] == index], cells.rows[index]["dataset"]
    printed = _printed_classes(cells, index)
    ends = 100 * _class_means(runs, [last])[last]
    if printed:
        ends = pd.Series({number: printed[number] for number in ends.index})
    else:
        x -= 1
    low, high = panel.get_ylim()
    step = (high - low) / _NAMES_IN_HEIGHT
    height = math.inf
    for number, end in ends.sort_values(ascending=False).items():
        height = min(float(end), height - step)
        name = class_name(dataset, int(str(number))) or str(number)
        panel.plot([x + 0.08, x + 0.3], [float(end), height], color=FAINT, linewidth=0.4)
        panel.text(x + 0.35, height, name, fontsize=6, va="center", color=INK)


def _leakage_panel(panel: Axes, cells: Cells, index: int, protocols: Sequence[str]) -> float:
    """Draw a row; the lowest number in it."""
    runs, values = cells.runs[cells.runs["row"] == index], cells.rows[index]
    columns = [leakage.column(protocol) for protocol in protocols]
    of_class = 100 * _class_means(runs, columns)
    printed, places = _printed_classes(cells, index), range(len(columns))
    for number, line in of_class.iterrows():
        target = int(str(number))
        (drawn,) = panel.plot(places, line.to_numpy(), color=FAINT, linewidth=0.8)
        beside = printed.get(target)
        if beside is not None:
            panel.plot([len(columns)], [beside], color=PAPER_COLOUR, marker="o", markersize=2.5, linewidth=0)
        name = f"class {target} {class_name(values['dataset'], target)}".strip()
        say_on_hover(drawn, _hover(f"{full_title(cells, index)}, {name}", protocols, line.to_numpy(), beside))
    whole = [index in whole_rows(cells.runs, cells.runs[name]) for name in columns]
    means = np.where(whole, of_class.mean().to_numpy(), np.nan)
    (drawn,) = panel.plot(places, means, color=COLOURS[0], linewidth=2.2, marker="o", markersize=3)
    average, count = cells.summary["paper_avg"].iloc[index], classes_text(cells, index)
    average = None if formats.is_missing(average) or "/" in count else float(average)  # the paper's is of all classes
    if average is not None:
        panel.plot(len(columns) + np.array([-0.25, 0.25]), [average, average], color=PAPER_COLOUR, linewidth=2.2)
    say_on_hover(drawn, _hover(f"{full_title(cells, index)}, mean, classes: {count}", protocols, means, average))
    panel.plot([0, len(columns)], [50, 50], color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    return float(np.nanmin([of_class.min().min(), *printed.values(), 50]))


def _class_means(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Class -> mean of each column, of the runs of one row."""
    return pd.DataFrame({name: by_class(runs, name)["mean"] for name in columns}).droplevel("row")


def _printed_classes(cells: Cells, index: int) -> dict[int, float]:
    """Class -> what the paper prints for it, in percent; empty where it prints no classes for the row."""
    match = cells.matches[index]
    return dict(enumerate(match.row.classes)) if match else {}


def _hover(title: str, protocols: Sequence[str], values: Iterable[float], printed: float | None) -> str:
    texts = [f"{leakage.LABELS[p]} {formats.auroc(v / 100)}" for p, v in zip(protocols, values, strict=True)]
    texts += [] if printed is None else [f"{_PRINTED} {printed:.1f}"]
    return "\n".join((title, *texts))


def _leakage_handles() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=FAINT, linewidth=0.8, label="class"),
        Line2D([], [], color=COLOURS[0], linewidth=2.2, marker="o", markersize=3, label="mean over classes"),
        Line2D([], [], color=PAPER_COLOUR, linewidth=0, marker="o", markersize=3, label="class, the paper's"),
        Line2D([], [], color=PAPER_COLOUR, linewidth=2.2, label="mean, the paper's"),
    ]


def _leakage_alt(cells: Cells, rows: Sequence[int], protocols: Sequence[str]) -> str:
    summary = cells.summary
    parts = []
    for index in rows:
        values = (
            f"{leakage.LABELS[p]} {formats.auroc(summary['avg' + leakage.column(p).removeprefix('auroc')].iloc[index])}"
            for p in protocols
        )
        parts.append(f"{full_title(cells, index)}{_of_classes(cells, index, rows)}: {', '.join(values)}")
    return "Mean AUROC in percent by protocol. " + "; ".join(parts) + "."
