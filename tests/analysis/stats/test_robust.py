"""Interquartile means, and intervals of correlations."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import stats


def test_iqm_is_the_mean_of_the_middle_half():
    scores = list(np.arange(16, dtype=float).reshape(4, 4) / 16)
    assert stats.iqm_interval(scores).estimate == pytest.approx(np.arange(4, 12).mean() / 16)


def test_iqm_has_an_interval_from_five_seeds_on_and_the_same_one_twice():
    rng = np.random.default_rng(1)
    few, enough = list(rng.normal(0.9, 0.02, (10, 4))), list(rng.normal(0.9, 0.02, (10, 5)))
    assert (stats.iqm_interval(few).low, stats.iqm_interval(few).high) == (None, None)
    first, second = stats.iqm_interval(enough), stats.iqm_interval(enough)
    assert first == second
    assert first.low < first.estimate < first.high
    assert stats.iqm_interval([np.full(5, 0.9), np.ones(5)]).low is None, "no spread was seen"


def test_rank_correlations_have_wider_intervals_than_correlations():
    """Bonett and Wright's error is Fisher's times sqrt(1 + r^2 / 2): equal at 0."""
    assert stats.spearman_interval(0.0, 10) == pytest.approx(stats.fisher_interval(0.0, 10))
    low, high = stats.spearman_interval(0.9, 10)
    assert low < stats.fisher_interval(0.9, 10)[0] < 0.9 < stats.fisher_interval(0.9, 10)[1] < high
    assert stats.spearman_interval(0.9, 3) is None


@pytest.mark.parametrize("correlation", [1.0, -1.0, 1 - 2**-53])
def test_a_perfect_correlation_has_no_interval(correlation):
    """Five classes in the paper's order are no proof that all would be; a sum's rounding may leave it short of 1."""
    assert stats.spearman_interval(correlation, 5) is stats.fisher_interval(correlation, 5) is None


def test_an_improvement_that_no_resampling_moves_has_no_interval():
    """Ties in one class, wins in another: whichever seeds are drawn, the mean is the same."""
    a = np.full((2, 10), 0.5)
    b = np.array([[0.5] * 10, [0.9] * 10])
    found = stats.improvement_interval(a, b, shared=True)
    assert (found.estimate, found.low) == (0.75, None)
