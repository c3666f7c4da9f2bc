"""Two variants on the same classes and seeds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import stats


def frame_of(table: dict[int, list[float]], row: int = 0) -> pd.DataFrame:
    lines = [(row, c, seed, value) for c, values in table.items() for seed, value in enumerate(values)]
    return pd.DataFrame(lines, columns=["row", "class", "seed", "auroc"])


def test_paired_uses_the_pairs_that_both_have():
    a = frame_of({0: [0.80, 0.82, 0.84], 1: [0.60, 0.61, 0.62]})
    b = frame_of({0: [0.90, 0.92, 0.94], 1: [0.60, 0.62, math.nan]})
    result = stats.paired(a, b)
    assert (result.pairs, result.classes) == (5, 2)
    assert result.difference.estimate == pytest.approx((0.10 + 0.005) / 2)
    # Class 0: B wins all; class 1, of (.60 .62) against (.60 .61): a tie, a loss, two wins.
    assert result.improvement.estimate == pytest.approx((1.0 + 2.5 / 4) / 2)
    assert (result.improvement.low, result.improvement.high) == (None, None)  # three seeds
    assert result.p_value is None  # two classes cannot fall below .05


def test_paired_interval_agrees_with_scipy_for_one_class():
    a, b = frame_of({0: [0.80, 0.82, 0.85]}), frame_of({0: [0.90, 0.91, 0.97]})
    result = stats.paired(a, b).difference
    gains = np.array([0.10, 0.09, 0.12])
    low, high = scipy.stats.t.interval(0.95, 2, loc=gains.mean(), scale=scipy.stats.sem(gains))
    assert (result.low, result.high) == pytest.approx((low, high))


def test_paired_without_a_common_seed_is_nothing():
    a = frame_of({0: [0.8]})
    assert stats.paired(a, a.assign(seed=9)) is None


def test_paired_wilcoxon_over_classes():
    rng = np.random.default_rng(3)
    a = frame_of({c: rng.normal(0.8, 0.01, 3).tolist() for c in range(10)})
    b = a.assign(auroc=a["auroc"] + 0.05)
    assert stats.paired(a, b).p_value == pytest.approx(2 / 2**10)


@pytest.mark.slow
@given(st.lists(st.integers(-4, 4), min_size=6, max_size=8).filter(any), st.sampled_from([0, 1, 8]))
@settings(max_examples=20, deadline=None)
def test_wilcoxon_is_scipys_exact_one_ties_and_zeros_included(gains, zeros):
    """Few different numbers: most examples have ties. scipy goes through all signs of those that are not 0."""
    values = np.array([*gains, *[0] * zeros], float)
    if len(values[values != 0]) <= 13 < len(values):
        expected = scipy.stats.wilcoxon(values[values != 0]).pvalue  # a class that does not move is left out
    else:
        expected = scipy.stats.wilcoxon(values).pvalue
    assert stats.wilcoxon(values) == pytest.approx(expected)


def test_probability_of_improvement_is_mann_whitneys():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 6, 7) / 6, rng.integers(0, 6, 7) / 6  # with ties
    expected = scipy.stats.mannwhitneyu(b, a).statistic / 49
    assert stats.paired(frame_of({0: a.tolist()}), frame_of({0: b.tolist()})).improvement.estimate == pytest.approx(
        expected
    )


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_the_interval_of_the_probability_of_improvement_is_a_bootstrap_of_seeds(shared):
    """As a loop would do it: seeds drawn within each class, or once for all, A's and B's run of a seed together."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, (3, 11)), rng.normal(0.4, 1, (3, 11))
    b[2, 5] = a[2, 5] = math.nan
    found = stats.improvement_interval(a, b, shared=shared)
    means = []
    for _ in range(2000):
        drawn = rng.integers(11, size=11)
        shares = []
        for one, other in zip(a, b, strict=True):
            drawn = drawn if shared else rng.integers(11, size=11)
            distances = np.subtract.outer(other[drawn], one[drawn])
            shares.append(np.nanmean(np.where(np.isnan(distances), np.nan, distances > 0)))
        means.append(np.mean(shares))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.03)
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize(("shared", "fewest"), [(False, 5), (True, 10)])
def test_fewer_seeds_than_hold_the_level_give_no_interval(shared, fewest):
    a, b = np.random.default_rng(2).normal(size=(2, 4, fewest))
    assert stats.improvement_interval(a[:, 1:], b[:, 1:], shared=shared).low is None
    assert stats.improvement_interval(a, b, shared=shared).low is not None


def test_where_every_pair_is_won_the_bootstrap_has_nothing_to_say():
    a = np.zeros((2, 6))
    found = stats.improvement_interval(a, a + 1, shared=True)
    assert (found.estimate, found.low, found.high) == (1.0, None, None)
    assert stats.improvement_interval(a, a, shared=True).estimate == 0.5


def test_sign_test_takes_the_classes_as_they_are():
    """10 of 10 up: 2 / 2^10; ties count for nothing; size plays no part."""
    assert stats.sign_test(np.full(10, 0.01)) == pytest.approx(2 / 2**10)
    assert stats.sign_test(np.array([5.0, -0.1, 0.0])) == 1.0
    assert stats.sign_test(np.zeros(3)) is None


def test_ranks_that_point_elsewhere_than_the_mean_bear_nothing_out():
    """Eighteen classes lose a little and two win much: most lose, the mean wins."""
    gains = np.array([-0.003 - 0.0005 * n for n in range(18)] + [0.27, 0.28])
    assert stats.wilcoxon(gains) < 0.05
    assert gains.mean() > 0
    assert stats.mean_wilcoxon(gains) == stats.mean_wilcoxon(-gains) == 1.0
    assert stats.mean_wilcoxon(abs(gains)) == stats.wilcoxon(abs(gains))


def test_cells_of_one_class_weigh_as_one_class():
    """Class 0 knows one of three others, class 1 one: a pair of class 0 says a third of what that of class 1 says."""
    cells = [(0, 1, 0.1), (0, 2, 0.2), (0, 3, 0.3), (1, 0, -0.2)]
    a, b = (
        pd.DataFrame(
            [
                {"class": c, "known": known, "seed": seed, "auroc": 0.5 + 0.01 * seed + part * gain}
                for c, known, gain in cells
                for seed in (0, 1)
            ]
        )
        for part in (0, 1)
    )
    found = stats.paired(a, b, of=("class", "known"), shared=False)
    assert found.difference.estimate == pytest.approx((0.2 - 0.2) / 2)
    assert found.improvement.estimate == pytest.approx((1 + 0) / 2)
    assert (found.classes, found.pairs) == (2, 8)


def test_the_bootstrap_draws_seeds_of_a_class_for_all_its_cells():
    """What is known does not make a class two: its cells' runs of a seed have one draw, and the interval its width."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 0.1, (2, 3, 12))
    one = stats.improvement_interval(a, b, np.arange(3), shared=False)
    twice = stats.improvement_interval(
        *(np.repeat(x, 2, axis=0) for x in (a, b)), np.repeat([0, 1, 2], 2), shared=False
    )
    assert (twice.estimate, twice.low, twice.high) == pytest.approx((one.estimate, one.low, one.high))
