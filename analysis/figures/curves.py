"""Learning curves (Figure 6)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from agad.spec import datasets

from .. import stats
from ..cells import Cells
from ..summary import CELL
from ..tables.footnotes import in_short
from ..tables.keys import heading, key_text, role
from .drawing import COLOURS, MOST_PANELS, STYLE, Drawing, Panels, file_name, legend_on_top, ticks
from .rows import also_differing, backbones_from, class_name, groups, of_which_settings, plain_rows

MOST_LINES = 5


def curve_figures(cells: Cells, curves: pd.DataFrame) -> Iterator[Drawing]:
    """Figure 6: a panel per class, a line per variant with the range of its seeds.

    One drawing per data set; those in which one class only is normal share one.

    Args:
        cells: the runs; those that were pruned are left out: a mean of them too would rise where they end.
        curves: see curves.read; protocol eval is drawn.
    """
    points = curves[curves["protocol"] == "eval"].merge(cells.ok[["run_id", "row", *CELL, "seed"]], on="run_id")
    for group in groups(cells):
        lines = _Lines.of(cells, group, set(points["row"]))
        here = points[points["row"].isin(lines.rows)]
        if len(here) and here.groupby("run_id").size().max() > 1:
            yield _curve_figure(cells, here, group, lines)


@dataclass(frozen=True)
class _Lines:
    """Rows that are drawn against each other.

    Attributes:
        field: of RunSpec in which they differ.
        rows: their indices.
        colours: row -> colour, the same for one value of the field.
    """

    field: str
    rows: tuple[int, ...]
    colours: Mapping[int, str]

    @classmethod
    def of(cls, cells: Cells, group: Sequence[str], drawn: Collection[int]) -> _Lines:
        """Backbones where a data set has several, else methods, else shares of anomalies; of rows that have points."""
        plain = [row for row in plain_rows(cells) if cells.rows[row]["dataset"] in group and row in drawn]
        for field, order in {
            "method": sorted({cells.rows[row]["method"] for row in plain}),
            "backbone": backbones_from("unet", "unetpp", "naive"),  # Figure 6's blue and red come first
        }.items():
            if len({cells.rows[row][field] for row in plain}) > 1:
                return cls._by(cells, field, plain, order)
        rows = [row for base in plain for row in _other_shares(cells, cells.rows[base])[:MOST_LINES] if row in drawn]
        return cls._by(cells, "gamma", rows, sorted({cells.rows[row]["gamma"] for row in rows}))

    @classmethod
    def _by(cls, cells: Cells, field: str, rows: Sequence[int], order: Sequence[Any]) -> _Lines:
        numbers = {row: order.index(cells.rows[row][field]) for row in rows}
        return cls(field, tuple(rows), {row: COLOURS[n % len(COLOURS)] for row, n in numbers.items()})

    def values(self, cells: Cells) -> dict[str, str]:
        """The field's values as text -> colour."""
        ordered = sorted(self.rows, key=lambda row: (cells.rows[row]["gamma"], str(cells.rows[row][self.field])))
        return {key_text(self.field, cells.rows[row][self.field]): self.colours[row] for row in ordered}


def _other_shares(cells: Cells, base: Mapping[str, Any]) -> list[int]:
    return [
        index
        for index, values in enumerate(cells.rows)
        if all(values[name] == base[name] for name in values if name != "gamma")
    ]


def _curve_figure(cells: Cells, points: pd.DataFrame, group: Sequence[str], lines: _Lines) -> Drawing:
    panels: dict[tuple[str, int], list[int]] = {}
    for row, target in sorted(
        set(zip(points["row"], points["class"], strict=True)), key=lambda pair: (pair[1], pair[0])
    ):
        panels.setdefault((cells.rows[row]["dataset"], int(target)), []).append(row)
    shown = list(panels)[:MOST_PANELS]
    with mpl.rc_context(STYLE):
        layout = Panels(columns=5, width=1.4, height=0.95, bottom=0.5)
        figure, axes = layout.panels(len(shown))
        spreads = _spreads(points)
        for panel, key in zip(axes, shown, strict=False):
            for row in panels[key]:
                by_update = spreads.xs((row, key[1]))
                panel.fill_between(
                    by_update.index,
                    by_update["min"],
                    by_update["max"],
                    color=lines.colours[row],
                    alpha=0.22,
                    linewidth=0,
                )
                panel.plot(by_update.index, by_update["mean"], color=lines.colours[row], linewidth=1.1)
            panel.set_title(
                datasets.title(key[0])
                if len(group) > 1
                else f"{key[1]} {class_name(*key)}"
                if class_name(*key)
                else f"class {key[1]}"
            )
        floor = _floor(points)
        axes[0].set_ylim(floor, 101)  # of all panels, as below: they share their axes
        axes[0].set_yticks(*ticks(floor, 100))
        axes[0].set_xticks(*ticks(0, float(points["update"].max())))
        layout.label(axes, "updates", "AUROC, %")
        legend_on_top(figure, _handles(cells, lines))
    titles = ", ".join(map(datasets.title, group))
    which = role(cells.rows[row] for row in lines.rows)
    return Drawing(
        name=f"curves-{file_name(group[0]) if len(group) == 1 else 'single-class'}",
        caption=(
            f"Learning curves on {titles} under eval, by {which} class: mean over seeds, with the range of the seeds, "
            f"by {heading(lines.field)}.{of_which_settings(cells, lines.rows)}"
            f"{also_differing(cells, lines.rows, 'dataset', lines.field)}"
        ),
        alt=_curve_alt(cells, points, titles, lines),
        figure=figure,
        caution=in_short(cells),
    )


def _curve_alt(cells: Cells, points: pd.DataFrame, titles: str, lines: _Lines) -> str:
    ends = points[points["update"] == points.groupby("run_id")["update"].transform("max")]
    spans = []
    for value in lines.values(cells):
        rows = [row for row in lines.rows if key_text(lines.field, cells.rows[row][lines.field]) == value]
        own = 100 * ends.loc[ends["row"].isin(rows), "auroc"]
        spans.append(f"{heading(lines.field)} {value} ends between {own.min():.0f} and {own.max():.0f}")
    return f"Learning curves on {titles}, AUROC in percent: {'; '.join(spans)}."


def _spreads(points: pd.DataFrame) -> pd.DataFrame:
    """Mean, min and max over seeds in percent, of each row, class and update.

    Where runs know one anomaly class each, a seed's value is the mean over these (see stats.by_class).
    """
    panel = ["row", "class", "update"]
    places = stats.numbered(points, [*panel, "known"])
    runs = stats.aligned(places, points["auroc"].to_numpy(float), places.max(axis=1) + 1)
    drawn = np.unique(points[[*panel, "known"]].to_numpy(), axis=0)[:, : len(panel)]  # in the order of `runs`
    keys, of = np.unique(drawn, axis=0, return_inverse=True)
    seeds = 100 * stats.by_class(runs, of.reshape(-1))
    ends = {"mean": np.nanmean(seeds, axis=1), "min": np.nanmin(seeds, axis=1), "max": np.nanmax(seeds, axis=1)}
    return pd.DataFrame(ends, index=pd.MultiIndex.from_arrays([*keys.T], names=panel))


def _floor(points: pd.DataFrame) -> float:
    return 10.0 * math.floor(10 * float(points["auroc"].min()))


def _handles(cells: Cells, lines: _Lines) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=colour, linewidth=1.5, label=f"{heading(lines.field)} {value}")
        for value, colour in lines.values(cells).items()
    ]
