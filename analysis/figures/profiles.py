"""Performance profiles: the share of runs above each AUROC, as Agarwal et al. (2021) propose for few runs."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from agad.spec import datasets

from ..cells import Cells
from ..summary import CELL, HEADLINE
from ..tables import formats
from ..tables.footnotes import in_short
from ..tables.formats import GAMMA
from ..tables.keys import heading, key_text
from .drawing import COLOURS, MOST_PANELS, STYLE, Drawing, Panels, say_on_hover, ticks
from .rows import also_differing, detector_name, most_alike, of_which_settings

_STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Beside the colours, for who does not tell these apart."""

_MOST = len(COLOURS)
_NAMED = ("method", "backbone")
"""What a curve's name says."""


def profile_figure(cells: Cells) -> Drawing | None:
    """A panel per data set and share of anomalies, a step curve per generator or method; None where none has two.

    Each class weighs the same, however many runs it has, and so does each known anomaly class of it.
    """
    panels = _panels(cells)
    if not panels:
        return None
    shown = [row for _, of in panels for row in of.values()]
    with mpl.rc_context(STYLE):
        layout = Panels(columns=3, width=2.3, height=1.6, bottom=0.45, between=0.55, top=0.45)
        figure, axes = layout.panels(len(panels))
        words = []
        for panel, (title, of) in zip(axes, panels, strict=True):
            panel.set_title(title)
            place = title.replace("\n", ", ")
            for (name, row), colour, style in zip(of.items(), COLOURS, _STYLES, strict=False):
                x, y = _profile(cells.ok[cells.ok["row"] == row])
                (drawn,) = panel.step(x, y, where="post", color=colour, linestyle=style, linewidth=1.3, label=name)
                average = formats.auroc(cells.summary["avg"].iloc[row])
                say_on_hover(drawn, f"{place}\n{name}, mean {average}")
                words.append(f"{place}, {name}: mean {average}")
            panel.legend(loc="lower left", fontsize=6, handlelength=2.6)
        low = 10 * math.floor(10 * cells.ok.loc[cells.ok["row"].isin(shown), HEADLINE].min())
        axes[0].set_xlim(low, 100)
        axes[0].set_xticks(*ticks(low, 100))
        axes[0].set_ylim(-0.02, 1.02)
        layout.label(axes, "AUROC, %", "share of runs above")
    return Drawing(
        name="profiles",
        caption=(
            "Performance profiles under eval: the share of runs whose AUROC lies above the one on the x axis, each "
            "class weighing the same; a curve further right and above is better. Of each data set and share of "
            f"anomalies the {_MOST} best generators and methods whose classes are all there, most runs first where "
            f"settings differ.{of_which_settings(cells, shown)}"
            f"{also_differing(cells, shown, *_QUESTION, *_NAMED)}"
        ),
        alt="; ".join(words) + ".",
        figure=figure,
        caution=in_short(cells),
    )


def _panels(cells: Cells) -> list[tuple[str, dict[str, int]]]:
    """Title, and name -> row, the best first, of each panel: of all rows whose classes are all there.

    A panel's rows are about the same question: the same images and known anomalies, and of those with other classes the
    ones with most. Of a name with several rows the one with most runs is drawn, of equally many that whose settings the
    others have too; one with a study's values only where there is no other.
    """
    summary, tuned = cells.summary, set(cells.ok.loc[cells.ok["tuned_by"].notna(), "row"])
    classes = {row: frozenset(of) for row, of in cells.runs.groupby("row")["class"]}
    found: dict[tuple[Any, ...], dict[str, list[int]]] = {}
    for index, values in enumerate(cells.rows):
        if not 1 < summary["classes"].iloc[index] == summary["classes_wanted"].iloc[index]:
            continue
        rows = found.setdefault((*(json.dumps(values[name]) for name in _QUESTION), classes[index]), {})
        rows.setdefault(detector_name(values), []).append(index)
    most: dict[tuple[Any, ...], dict[str, int]] = {}
    for (*question, whole), rows in found.items():
        firsts = [_first(several, summary, tuned) for several in rows.values()]
        of = dict(zip(rows, most_alike(cells, firsts), strict=True))
        there = most.get(key := tuple(question))
        if len(of) > 1 and (there is None or len(whole) > len(classes[next(iter(there.values()))])):
            most[key] = of
    best = [sorted(of.items(), key=lambda one: -summary["avg"].iloc[one[1]]) for of in most.values()]
    panels = [dict(of[:_MOST]) for of in best][:MOST_PANELS]
    return list(zip(_titles(cells, [next(iter(of.values())) for of in panels]), panels, strict=True))


_QUESTION = ("dataset", "gamma", "image_size", "protocol", "known_anomaly_classes", "known_anomaly_draw", "validation")
"""Fields that say what is asked of a detector, and on which images: curves of others cannot be compared."""


def _first(rows: Sequence[int], summary: pd.DataFrame, tuned: Collection[int]) -> list[int]:
    """Those with most runs, of those without a study's values where there are some."""
    runs = {row: (row not in tuned, int(summary["ok"].iloc[row])) for row in rows}
    return [row for row in rows if runs[row] == max(runs.values())]


def _titles(cells: Cells, rows: Sequence[int]) -> Iterator[str]:
    """Data set and share of each panel, by one of its rows; of several alike also what tells them apart."""
    values = [cells.rows[row] for row in rows]
    plain = [f"{datasets.title(of['dataset'])}, {GAMMA} {formats.gamma(of['gamma'])}" for of in values]
    for row, title in zip(rows, plain, strict=True):
        alike = [cells.rows[other] for other, text in zip(rows, plain, strict=True) if text == title]
        names = [name for name in _QUESTION if len({json.dumps(of[name]) for of in alike}) > 1]
        texts = [f"{heading(name)} {key_text(name, cells.rows[row][name])}" for name in names]
        yield "\n".join((title, *texts[:1])) + "".join(f", {text}" for text in texts[1:])


def _profile(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs in percent, rising, and the share of runs above each, from 0 to 100."""
    of_class = runs.groupby("class")
    weights = 1 / runs.groupby([*CELL])[HEADLINE].transform("size") / of_class["known"].transform("nunique")
    order = np.argsort(runs[HEADLINE].to_numpy())
    values = 100 * runs[HEADLINE].to_numpy()[order]
    below = np.cumsum(weights.to_numpy()[order]) / weights.sum()
    return np.concatenate([[0.0], values, [100.0]]), np.concatenate([[1.0], 1 - below, [1 - below[-1]]])
