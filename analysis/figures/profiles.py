"""Performance profiles: the share of runs above each AUROC, as Agarwal et al. (2021) propose for few runs."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pandas as pd

from agad.spec import datasets

from ..cells import Cells
from ..summary import HEADLINE
from ..tables import formats
from ..tables.formats import GAMMA
from .drawing import COLOURS, MOST_PANELS, STYLE, Drawing, Panels, say_on_hover, ticks
from .rows import detector_name

_STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Beside the colours, for who does not tell these apart."""

_MOST = len(COLOURS)


def profile_figure(cells: Cells) -> Drawing | None:
    """A panel per data set and share of anomalies, a step curve per generator or method; None where none has two.

    Each class weighs the same, however many runs it has.
    """
    panels = _panels(cells)
    if not panels:
        return None
    shown = [row for of in panels.values() for row in of.values()]
    with mpl.rc_context(STYLE):
        layout = Panels(columns=3, width=2.3, height=1.6, bottom=0.45, between=0.4, top=0.3)
        figure, axes = layout.panels(len(panels))
        words = []
        for panel, ((dataset, gamma), of) in zip(axes, panels.items(), strict=True):
            title = f"{datasets.title(dataset)}, {GAMMA} {formats.gamma(gamma)}"
            panel.set_title(title)
            for (name, row), colour, style in zip(of.items(), COLOURS, _STYLES, strict=False):
                x, y = _profile(cells.ok[cells.ok["row"] == row])
                (drawn,) = panel.step(x, y, where="post", color=colour, linestyle=style, linewidth=1.3, label=name)
                average = formats.auroc(cells.summary["avg"].iloc[row])
                say_on_hover(drawn, f"{title}\n{name}, mean {average}")
                words.append(f"{title}, {name}: mean {average}")
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
            "settings differ."
        ),
        alt="; ".join(words) + ".",
        figure=figure,
    )


def _panels(cells: Cells) -> dict[tuple[str, float], dict[str, int]]:
    """(data set, share of anomalies) -> name -> row, the best first, of all whose classes are all there.

    Of rows over other classes those with the most: curves over other classes cannot be compared.
    """
    summary = cells.summary
    found: dict[tuple[str, float], dict[str, int]] = {}
    for index, values in enumerate(cells.rows):
        if 1 < summary["classes"].iloc[index] == summary["classes_wanted"].iloc[index]:
            of = found.setdefault((values["dataset"], values["gamma"]), {})
            rival = of.get(name := detector_name(values))
            if rival is None or summary["ok"].iloc[index] > summary["ok"].iloc[rival]:
                of[name] = index
    wanted = {row: frozenset(classes) for row, classes in cells.runs.groupby("row")["class"]}
    best = {}
    for key, of in found.items():
        most = max((wanted[row] for row in of.values()), key=len)
        alike = [(name, row) for name, row in of.items() if wanted[row] == most]
        best[key] = sorted(alike, key=lambda one: -summary["avg"].iloc[one[1]])
    several = [(key, dict(of[:_MOST])) for key, of in best.items() if len(of) > 1]
    return dict(several[:MOST_PANELS])


def _profile(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """AUROCs in percent, rising, and the share of runs above each, from 0 to 100."""
    weights = 1 / runs.groupby("class")[HEADLINE].transform("size")
    order = np.argsort(runs[HEADLINE].to_numpy())
    values = 100 * runs[HEADLINE].to_numpy()[order]
    below = np.cumsum(weights.to_numpy()[order]) / weights.sum()
    return np.concatenate([[0.0], values, [100.0]]), np.concatenate([[1.0], 1 - below, [1 - below[-1]]])
