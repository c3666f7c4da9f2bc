"""Intervals over fresh seeds, against scipy, by hand and against their own promise."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from analysis import stats
from analysis.stats import crossed
from benchmarks.coverage import Setting, measure


def test_shared_seeds_without_gaps_are_a_t_interval_of_the_seed_means():
    """Classes that share their seeds add nothing to what the seed means say."""
    runs = np.random.default_rng(3).normal(0.8, 0.05, (10, 3))
    means = runs.mean(axis=0)
    low, high = scipy.stats.t.interval(0.95, 2, loc=means.mean(), scale=scipy.stats.sem(means))
    found = crossed.mean_interval(runs, shared=True)
    assert (found.estimate, found.low, found.high) == pytest.approx((runs.mean(), low, high))


def test_seeds_of_their_own_are_welchs_interval():
    """Two classes: the error and the degrees of scipy's Welch interval, but for the correction of few degrees."""
    runs = np.random.default_rng(4).normal([[0.9], [0.6]], [[0.01], [0.08]], (2, 40))
    found = crossed.spread(runs, shared=False)
    welch = scipy.stats.ttest_ind(runs[0], -runs[1], equal_var=False)
    assert found.error == pytest.approx(abs(runs[0].mean() + runs[1].mean()) / abs(welch.statistic) / 2)
    assert found.degrees == pytest.approx(welch.df, rel=0.06)


@pytest.mark.parametrize("shared", [True, False])
def test_one_class_is_a_t_interval_of_its_runs(shared):
    runs = np.array([[0.90, 0.95, 0.91, 0.99]])
    low, high = scipy.stats.t.interval(0.95, 3, loc=runs.mean(), scale=scipy.stats.sem(runs[0]))
    found = crossed.mean_interval(runs, shared=shared)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("shared", [True, False])
def test_one_seed_has_no_interval_and_says_so(shared):
    found = crossed.mean_interval(np.array([[0.9], [0.8]]), shared=shared)
    assert (found.low, found.high, found.method) == (None, None, "one seed: no interval over seeds")
    assert crossed.sd_interval(np.array([[0.9], [0.8]]), shared=shared) is None


def test_few_classes_with_a_second_seed_give_no_interval():
    runs = np.array([[0.9, 0.8], [0.9, np.nan], [0.7, np.nan]])
    assert crossed.mean_interval(runs, shared=False).low is None


@pytest.mark.slow
@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_shifting_or_scaling_all_runs_does_so_to_the_interval(classes, seeds, key, shared):
    rng = np.random.default_rng(key)
    runs = rng.normal(size=(classes, seeds))
    runs[rng.random(runs.shape) < 0.1] = np.nan
    runs[:, 0], runs[0] = 1.0, rng.normal(size=seeds)
    one, other = (crossed.mean_interval(values, shared=shared) for values in (runs, 5 + 3 * runs))
    assert other.estimate == pytest.approx(5 + 3 * one.estimate)
    assert (one.low is None) == (other.low is None)
    if one.low is not None:
        assert (other.low, other.high) == pytest.approx((5 + 3 * one.low, 5 + 3 * one.high))


@pytest.mark.slow
@given(st.integers(1, 12), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_squares_of_seeds_and_rest_add_up(classes, seeds, key):
    """Without gaps: the two-way analysis of variance, by its textbook sums."""
    runs = np.random.default_rng(key).normal(size=(classes, seeds))
    of_seeds, rest, seed_degrees, rest_degrees = crossed.sum_of_squares(runs)
    assert of_seeds == pytest.approx(classes * ((runs.mean(axis=0) - runs.mean()) ** 2).sum())
    assert of_seeds + rest == pytest.approx(((runs - runs.mean(axis=1, keepdims=True)) ** 2).sum())
    assert (seed_degrees, rest_degrees) == (seeds - 1, (classes - 1) * (seeds - 1))


def test_welchs_degrees_are_right_on_average_at_one_degree_each():
    """Ten equal variances of one degree each have ten degrees together; Satterthwaite's plain formula finds four."""
    squares = np.random.default_rng(1).chisquare(1, (4000, 10))
    ones = np.ones(10, int)
    assert np.median([crossed.welch(row, ones) for row in squares]) == pytest.approx(10, abs=1)
    assert np.median([row.sum() ** 2 / (row**2).sum() for row in squares]) < 5


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_hold_their_level(seeds, missing, shared):
    """Unequal class variances; 93 to 97%, and four standard errors of 400 repetitions."""
    found = measure(Setting(10, seeds, 8.0, shared, missing), 400, np.random.default_rng(seeds))
    assert abs(found.mean - 0.95) < 0.02 + 4 * np.sqrt(0.95 * 0.05 / 400)
    assert found.given == 1.0


@pytest.mark.slow
def test_intervals_of_before_do_not_hold_where_seeds_are_shared():
    """What the change is for: pooled over classes, an interval that says 95% held 72%."""
    found = measure(Setting(10, 3, 1.0, 0.3, 0.0), 600, np.random.default_rng(0))
    assert found.pooled < 0.80
    assert found.mean > 0.92


def test_sd_interval_is_chi_squares_for_one_class():
    runs = np.array([[0.90, 0.95, 0.91, 0.99]])
    found = crossed.sd_interval(runs, shared=False)
    variance = runs.var(ddof=1)
    ends = np.sqrt(3 * variance / scipy.stats.chi2.ppf([0.975, 0.025], 3))
    assert (found.low, found.high) == pytest.approx(tuple(ends))


def test_class_interval_agrees_with_scipy():
    gains = np.array([0.10, -0.02, 0.05, 0.20])
    result = crossed.class_interval(gains)
    low, high = scipy.stats.t.interval(0.95, 3, loc=gains.mean(), scale=scipy.stats.sem(gains))
    assert (result.estimate, result.low, result.high) == pytest.approx((gains.mean(), low, high))
    assert crossed.class_interval(gains[:1]).low is None
    for constant in (0.0, 0.01, 1 / 3):
        alike = crossed.class_interval(np.full(10, constant))
        assert (alike.estimate, alike.low, alike.high) == (pytest.approx(constant), None, None)
    assert crossed.class_interval(gains[:0]) is None


@given(st.floats(0.01, 1), st.integers(1, 5), st.integers(2, 5), st.booleans())
def test_seeds_without_a_spread_have_no_interval(value, classes, seeds, shared):
    """At the ceiling all seeds are equal, and fresh ones may still differ: an interval of no width would deny it."""
    runs = np.repeat(value * np.linspace(0.5, 1, classes)[:, None], seeds, axis=1)
    mean, sd = crossed.mean_interval(runs, shared=shared), crossed.sd_interval(runs, shared=shared)
    assert (mean.low, mean.high) == (None, None)
    assert (sd.estimate, sd.low, sd.high) == (0.0, None, None)
    assert mean.estimate == pytest.approx(runs.mean())


def test_shared_seeds_whose_classes_cancel_have_no_interval():
    runs = np.array([[0.9, 0.8], [0.8, 0.9]])
    assert crossed.mean_interval(runs, shared=True).low is None
    assert crossed.mean_interval(runs, shared=False).low is not None


@pytest.mark.parametrize("shared", [True, False])
def test_half_of_a_second_seed_gives_no_interval(shared):
    """As every sweep has it that goes breadth first; of all but one class there is one again."""
    runs = np.random.default_rng(7).normal(0.8, 0.05, (10, 2))
    runs[5:, 1] = np.nan
    assert crossed.mean_interval(runs, shared=shared).low is None
    runs[5:9, 1] = 0.8
    assert crossed.mean_interval(runs, shared=shared).low is not None


def test_pairs_of_a_class_and_seed_are_one_draw():
    """Where all are there it is their mean."""
    pairs = np.array([[1.0, 2.0], [3.0, 5.0], [10.0, 20.0], [np.nan, np.nan], [30.0, 10.0], [np.nan, np.nan]])
    found = stats.by_class(pairs, np.array([0, 0, 4, 4, 4, 5]))
    np.testing.assert_allclose(found, [[2.0, 3.5], [20.0, 15.0], [np.nan, np.nan]])


def test_a_seed_that_lacks_pairs_moves_no_mean():
    """Pairs of very different levels, of which a last seed has begun with the lowest and an earlier one lacks one."""
    rng = np.random.default_rng(3)
    whole = np.array([10.0, 50.0, 90.0])[:, None] + rng.normal(0, 0.1, (3, 4))
    some = whole.copy()
    some[1:, 3], some[2, 1] = np.nan, np.nan
    (found,) = stats.by_class(some, np.zeros(3, int))
    assert found.mean() == pytest.approx(np.nanmean(some, axis=1).mean())
    assert found == pytest.approx(whole.mean(axis=0), abs=0.2)
