"""The figure of an audit: the same weights and images under every evaluation protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from agad.auditing.result import LABELS, Line, points

from .drawing import COLOURS, INK, STYLE, Drawing, legend_on_top, ticks

_LEFT, _RIGHT, _PANEL, _TOP, _BOTTOM, _STEP = 3.0, 0.3, 3.8, 0.4, 0.5, 0.24
"""Inches: margins, the panel's width, a line's height."""


def audit_figure(lines: Sequence[Line]) -> Drawing:
    """A line for each protocol that could be scored: AUROC, its interval, the range of the shuffles."""
    shown = [line for line in lines if line.auroc is not None]
    height = _TOP + _STEP * len(shown) + _BOTTOM
    width = _LEFT + _PANEL + _RIGHT
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        panel = figure.add_axes((_LEFT / width, _BOTTOM / height, _PANEL / width, _STEP * len(shown) / height))
        for place, line in enumerate(shown):
            _draw(panel, line, place)
        given = shown[0].auroc
        assert given is not None, "the audit's first line is the test set as it is given"
        panel.axvline(100 * given.value, color=INK, linewidth=0.6, linestyle=(0, (4, 2)), alpha=0.6)
        ends = [100 * end for line in shown for end in _ends(line)]
        low, high = 5 * math.floor(min(ends) / 5), min(100.5, max(ends) + 2)
        panel.set_xlim(low, high)
        panel.set_xticks(*ticks(low, high))
        panel.set_ylim(len(shown) - 0.5, -0.5)
        panel.set_yticks(range(len(shown)), [_label(line) for line in shown])
        panel.xaxis.grid(visible=True, linewidth=0.3, alpha=0.5, color=INK)
        panel.set_axisbelow(True)
        panel.set_xlabel("AUROC, %", labelpad=2)
        legend_on_top(figure, _handles())
    return Drawing(
        name="audit",
        caption=(
            "The same weights, the same test images. Points: AUROC, the mean over shuffles where there are several; "
            "thin: 95% interval over test images; thick: lowest to highest shuffle; dashed: the test set as given."
        ),
        alt="AUROC in percent. " + "; ".join(f"{_label(one)}: {points(one.auroc.value)}" for one in shown if one.auroc),
        figure=figure,
    )


def _ends(line: Line) -> list[float]:
    assert line.auroc is not None, "only lines with an AUROC are drawn"
    found = [line.auroc.low, line.auroc.high, line.lowest, line.highest, line.auroc.value]
    return [min(max(end, 0.0), 1.0) for end in found if end is not None]


def _draw(panel: Any, line: Line, place: int) -> None:
    assert line.auroc is not None, "only lines with an AUROC are drawn"
    colour = COLOURS[0] if line.independent else COLOURS[1]
    if line.auroc.low is not None and line.auroc.high is not None:
        panel.plot([100 * line.auroc.low, 100 * line.auroc.high], [place, place], color=colour, linewidth=0.7)
    if line.lowest is not None and line.highest is not None:
        panel.plot([100 * line.lowest, 100 * line.highest], [place, place], color=colour, linewidth=3, alpha=0.5)
    panel.plot([100 * line.auroc.value], [place], color=colour, marker="o", markersize=4)


def _label(line: Line) -> str:
    # Of a single image the batch says nothing more.
    return LABELS[line.protocol] + ("" if line.batch in (None, 1) else f", {line.batch}")


def _handles() -> list[Any]:
    from matplotlib.lines import Line2D

    names = ("no score depends on other test images", "scores depend on other test images")
    return [
        Line2D([], [], color=colour, linewidth=0.8, marker="o", markersize=4, label=name)
        for colour, name in zip(COLOURS, names, strict=False)
    ]
