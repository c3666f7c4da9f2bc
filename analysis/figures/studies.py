"""Pictures of a study: history, importance, slices, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from agad.plan.study import Study

from ..tables import formats
from .drawing import COLOURS, INK, STYLE, Drawing

_SHADES = LinearSegmentedColormap.from_list("score", ["#b9c3cf", COLOURS[0]])
_OWN = COLOURS[1]
"""Colour of trial 0, which has the cells' own values."""


def study_figures(study: Study) -> Iterator[Drawing]:
    """The pictures that a study has enough trials for."""
    if not study.complete:
        return
    yield _history(study)
    if study.importance:
        yield _importance(study)
    if len(study.complete) > 1:
        yield _slices(study)
        yield _parallel(study)


def _history(study: Study) -> Drawing:
    with mpl.rc_context(STYLE):
        figure, panel = _figure(5.6, 2.2)
        numbers = [trial.number for trial in study.complete]
        scores = [100 * trial.scores[0] for trial in study.complete]
        panel.plot(numbers, scores, "o", ms=3.5, color=COLOURS[0], alpha=0.7, label="trial")
        panel.step(numbers, np.maximum.accumulate(scores), where="post", lw=1, color=INK, label="best so far")
        own = [(n, s) for n, s in zip(numbers, scores, strict=True) if n == 0]
        panel.plot(*zip(*own, strict=True), "D", ms=5, color=_OWN, label="own values") if own else None
        for trial in study.trials:
            if trial.state in ("pruned", "failed"):
                panel.axvline(trial.number, lw=0.5, ls=":", color=INK, alpha=0.6)
        panel.set_xlabel("trial")
        panel.set_ylabel("validation AUROC (%)")
        panel.legend(loc="lower right", ncols=3)
    return Drawing(
        name=f"study-{study.name}-history",
        caption=f"Study {study.name}: each trial's score, and the best by then; dotted: pruned or failed.",
        alt=f"Scatter of validation AUROC over {len(scores)} trials: from {min(scores):.1f} to {max(scores):.1f}.",
        figure=figure,
    )


def _importance(study: Study) -> Drawing:
    shares = sorted(study.importance.items(), key=lambda one: one[1])
    with mpl.rc_context(STYLE):
        figure, panel = _figure(5.6, 0.6 + 0.3 * len(shares), left=1.2)
        panel.barh([name for name, _ in shares], [100 * share for _, share in shares], color=COLOURS[0], height=0.6)
        panel.set_xlabel("share of the score's variance (%)")
    listed = ", ".join(f"{name} {100 * share:.0f}%" for name, share in reversed(shares))
    return Drawing(
        name=f"study-{study.name}-importance",
        caption=f"Study {study.name}: how much of the score's variance each field explains (fANOVA over the trials).",
        alt=f"Bars of importance: {listed}.",
        figure=figure,
    )


def _slices(study: Study) -> Drawing:
    axes = study.space
    with mpl.rc_context(STYLE):
        width = 0.65 + 1.7 * len(axes)
        figure = Figure(figsize=(max(width, 5.6), 2.2))
        panels = figure.subplots(1, len(axes), squeeze=False, sharey=True)[0]
        figure.subplots_adjust(left=0.6 / max(width, 5.6), right=0.985, bottom=0.22, top=0.9, wspace=0.16)
        for panel, axis in zip(panels, axes, strict=True):
            name = axis["name"]
            xs = [_position(axis, trial.values[name]) for trial in study.complete]
            ys = [100 * trial.scores[0] for trial in study.complete]
            order = [trial.number for trial in study.complete]
            panel.scatter(xs, ys, c=order, cmap=_SHADES, s=12, linewidths=0)
            own = [(x, y) for x, y, n in zip(xs, ys, order, strict=True) if n == 0]
            if own:
                panel.plot(*zip(*own, strict=True), "D", ms=4, color=_OWN)
            _scale(panel, axis)
            panel.set_xlabel(name)
        panels[0].set_ylabel("validation AUROC (%)")
    return Drawing(
        name=f"study-{study.name}-slices",
        caption=f"Study {study.name}: score against each searched field; later trials darker, own values red.",
        alt=_best_alt(study),
        figure=figure,
    )


def _parallel(study: Study) -> Drawing:
    axes = study.space
    ranked = sorted(study.complete, key=lambda trial: trial.scores[0])  # the best are drawn last
    scores = np.array([trial.scores[0] for trial in ranked])
    spread = float(np.ptp(scores)) or 1.0
    with mpl.rc_context(STYLE):
        figure, panel = _figure(max(5.6, 1.2 * (len(axes) + 1)), 2.4, left=0.6, bottom=0.3)
        for trial, score in zip(ranked, scores, strict=True):
            heights = [_height(axis, trial.values[axis["name"]]) for axis in axes]
            heights.append((score - scores.min()) / spread)
            colour = _OWN if trial.number == 0 else _SHADES((score - scores.min()) / spread)
            panel.plot(range(len(heights)), heights, lw=0.9, color=colour, alpha=0.9)
        names = [axis["name"] for axis in axes]
        panel.set_xticks(range(len(names) + 1), [*names, "score"])
        panel.set_yticks([])
        for number, axis in enumerate(axes):
            panel.axvline(number, lw=0.5, color=INK, alpha=0.5)
            for height, text in _ends(axis):
                panel.annotate(text, (number, height), fontsize=6, xytext=(2, 0), textcoords="offset points")
        for height, score in ((0, scores.min()), (1, scores.max())):
            panel.annotate(formats.auroc(float(score)), (len(axes), height), fontsize=6, xytext=(2, 0),
                           textcoords="offset points")  # fmt: skip
        panel.set_xlim(-0.1, len(axes) + 0.35)
    return Drawing(
        name=f"study-{study.name}-parallel",
        caption=f"Study {study.name}: each trial as a line through its values; the better the darker, own values red.",
        alt=_best_alt(study),
        figure=figure,
    )


def _best_alt(study: Study) -> str:
    best = next(trial for trial in study.complete if trial.number == study.best)
    values = ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                       for name, value in best.values.items())  # fmt: skip
    return f"Values and scores of {len(study.complete)} trials; the best, trial {best.number}, has {values}."


# -- axes ---------------------------------------------------------------------------------------------------------


def _figure(width: float, height: float, left: float = 0.6, bottom: float = 0.4) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height))
    panel = figure.subplots()
    figure.subplots_adjust(left=left / width, right=0.985, bottom=bottom / height, top=0.95)
    return figure, panel


def _position(axis: Mapping[str, Any], value: Any) -> float:
    """Where a value lies on its own axis."""
    if "choices" in axis:
        return float(axis["choices"].index(value))
    return math.log10(value) if axis["log"] else float(value)


def _limits(axis: Mapping[str, Any]) -> tuple[float, float]:
    if "choices" in axis:
        return 0.0, float(len(axis["choices"]) - 1)
    return _position(axis, axis["low"]), _position(axis, axis["high"])


def _height(axis: Mapping[str, Any], value: Any) -> float:
    low, high = _limits(axis)
    return (_position(axis, value) - low) / (high - low)


def _ends(axis: Mapping[str, Any]) -> list[tuple[float, str]]:
    if "choices" in axis:
        return [(_height(axis, choice), str(choice)) for choice in axis["choices"]]
    return [(0.0, f"{axis['low']:g}"), (1.0, f"{axis['high']:g}")]


def _scale(panel: Any, axis: Mapping[str, Any]) -> None:
    """Ticks at the ends and, of a log scale, in the middle; the labels at the ends do not reach the next panel's."""
    if "choices" in axis:
        panel.set_xticks(range(len(axis["choices"])), [str(choice) for choice in axis["choices"]])
        return
    low, high = _limits(axis)
    positions = (low, (low + high) / 2, high)
    panel.set_xticks(positions, [f"{10**x if axis['log'] else x:.3g}" for x in positions])
    for label, side in zip(panel.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)
