"""Verdicts beside a printed number: equivalence, relevant differences, families."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import stats

RUNS = np.array([[0.94, 0.95, 0.96]] * 10) + np.linspace(-0.02, 0.02, 10)[:, None]
"""Mean 95.0, seed means 94, 95, 96: standard error of the mean .577, of the difference .816 points, 2 degrees."""

BARELY = np.tile([-1e-7, 0.0, 1e-7], (10, 1))
"""A spread among three seeds that decides nothing."""


def verdict(runs: np.ndarray, paper_avg: float, classes: int = 10, **settings) -> str:
    found = stats.compare(runs, classes, paper_avg, shared=settings.pop("shared", True), **settings)
    return found.verdict(found.p_value)


def test_half_width_by_hand():
    """t(2) = 4.303, standard error sqrt(1/3 + 1/3) points, rounding .05."""
    found = stats.compare(RUNS, 10, 94.0, shared=True)
    assert found.difference == pytest.approx(1.0)
    assert found.half_width == pytest.approx(4.3027 * np.sqrt(2 / 3) + 0.05, rel=1e-4)


@pytest.mark.parametrize("gap", np.linspace(-12, 12, 49))
@pytest.mark.parametrize("margin", [1.0, 4.0, 8.0])
def test_the_verdict_is_where_the_interval_lies(gap, margin):
    """Inside, above and below are the 95% interval within, beyond, or beyond the margin; else undecided."""
    found = stats.compare(RUNS, 10, 95.0 - gap, shared=True, margin=margin)
    low, high = found.difference - found.half_width, found.difference + found.half_width
    if abs(abs(low) - margin) < 1e-9 or abs(abs(high) - margin) < 1e-9:
        return
    expected = stats.UNDECIDED
    if -margin < low and high < margin:
        expected = stats.INSIDE
    elif low > margin or high < -margin:
        expected = stats.ABOVE if low > margin else stats.BELOW
    assert found.verdict(found.p_value) == expected


def test_a_wide_interval_around_the_papers_number_is_not_agreement():
    """The same mean with a large spread is undecided, not inside."""
    assert verdict(RUNS, 95.0) == stats.UNDECIDED
    assert verdict(0.95 + (RUNS - 0.95) / 10, 95.0) == stats.INSIDE


def test_a_small_difference_that_is_certain_is_inside_and_not_below():
    """.5 points below with hardly any spread: no relevant difference."""
    assert verdict(0.945 + BARELY, 95.0) == stats.INSIDE
    assert verdict(0.935 + BARELY, 95.0) == stats.BELOW


def test_a_single_class_can_be_judged():
    """Table 3 has one class: its seeds alone decide."""
    one = np.array([[0.700, 0.701, 0.702]])
    assert verdict(one, 90.0, classes=1) == stats.BELOW
    assert verdict(one, 70.1, classes=1) == stats.INSIDE
    assert verdict(one[:, :1], 90.0, classes=1) == stats.NOT_ENOUGH


@pytest.mark.parametrize("runs", [RUNS[:9], RUNS[:, :1], None])
def test_no_verdict_without_enough_runs(runs):
    assert verdict(runs, 50.0) == stats.NOT_ENOUGH


def test_the_papers_rounding_is_part_of_the_verdict():
    assert verdict(0.9704 + BARELY[:2], 98.0, classes=2) == stats.UNDECIDED
    assert verdict(0.9706 + BARELY[:2], 98.0, classes=2) == stats.INSIDE
    assert verdict(0.9694 + BARELY[:2], 98.0, classes=2) == stats.BELOW


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 1.0, -1.0])
def test_a_wrong_verdict_is_rare(gap):
    """At the paper's number and on both edges of the margin, at most 5% say what is not so."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(2000):
        ours, theirs = (rng.normal(0.9, 0.01, (10, 3)) + rng.normal(0, 0.003, 3) for _ in range(2))
        said = verdict(ours + gap / 100, 100 * theirs.mean(), rounding=0.0)
        true = {0.0: (stats.INSIDE,), 1.0: (stats.INSIDE, stats.ABOVE), -1.0: (stats.INSIDE, stats.BELOW)}[gap]
        wrong += said not in (*true, stats.UNDECIDED)
    assert wrong / 2000 < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_holm_by_hand():
    """Sorted .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04; never falling: .04 .06 .06 .06."""
    assert stats.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_family_counts_the_tests_that_are_not_there_yet():
    """So that a verdict does not get weaker as a sweep goes on."""
    assert stats.holm_of([0.01, None]) == [pytest.approx(0.02), None]
    assert stats.holm_of([0.01], 5) == [pytest.approx(0.05)]


@pytest.mark.parametrize("paper_avg", [99.5, 90.0])
def test_seeds_without_a_spread_give_no_verdict(paper_avg):
    """Two runs at the ceiling are not certain: inside and above would have p = 0."""
    assert verdict(np.ones((1, 2)), paper_avg, classes=1) == stats.NOT_ENOUGH
