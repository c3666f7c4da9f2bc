"""A digest of a figure is that of its numbers and words, to what can be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from analysis.prose.drawn import digest

X = np.linspace(0.1, 1.0, 5)


def of(draw: Callable[[Axes], object]) -> str:
    figure = Figure()
    draw(figure.subplots())
    return digest(figure)


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes, y: axes.plot(X, y),
        lambda axes, y: axes.fill_between(X, 0.0, y),
        lambda axes, y: axes.scatter(X, y),
        lambda axes, y: axes.bar(X, y),
        lambda axes, y: axes.errorbar(X, y, yerr=y),
        lambda axes, y: axes.boxplot([y, X]),
        lambda axes, y: axes.vlines(X, 0.0, y),
        lambda axes, y: axes.imshow(np.outer(X, y)),
        lambda axes, y: axes.set_title(f"mean {y.mean():.3f}"),
        lambda axes, y: (axes.plot(X, X, label=f"{y.mean():.3f}"), axes.legend()),
    ],
)
def test_other_numbers_are_seen_and_other_last_bits_are_not(draw: Callable[[Axes, np.ndarray], object]) -> None:
    """Of a greatest number of 1 too, which other last bits make a little less."""
    same, less, other = (of(lambda axes, by=by: draw(axes, X * (1 - by))) for by in (0.0, 1e-13, 0.01))
    assert same == less
    assert same != other


def test_colours_and_the_order_of_an_area_s_corners_are_not_seen() -> None:
    assert of(lambda axes: axes.plot(X, X, color="red")) == of(lambda axes: axes.plot(X, X, color="blue"))
    one, other = ([(0, 0), (1, 0), (1, 2), (0, 0)], [(1, 0), (1, 2), (0, 0)])
    assert of(lambda axes: axes.add_collection(PolyCollection([one]))) == of(
        lambda axes: axes.add_collection(PolyCollection([other]))
    )


def test_a_gap_is_a_number_that_is_missing() -> None:
    gap = np.where(X < 0.5, np.nan, X)
    assert of(lambda axes: axes.plot(X, gap)) == of(lambda axes: axes.plot(X, np.ma.masked_less(X, 0.5)))
    assert of(lambda axes: axes.plot(X, gap)) != of(lambda axes: axes.plot(X, np.nan_to_num(gap)))


def test_an_empty_figure_has_one() -> None:
    assert of(lambda axes: axes.plot([], [])) != of(lambda axes: None)
