"""Statistics against hand computation, against other libraries and against their own promise."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from analysis import stats


def frame_of(table: dict[int, list[float]], row: int = 0) -> pd.DataFrame:
    lines = [(row, c, seed, value) for c, values in table.items() for seed, value in enumerate(values)]
    return pd.DataFrame(lines, columns=["row", "class", "seed", "auroc"])


def test_both_spreads_by_hand():
    """Class 0: .90 .92 (mean .91); class 1: .80 .80 .86 (mean .82, squared deviations .0024); mean of means .865."""
    means = stats.class_means(frame_of({0: [0.90, 0.92], 1: [0.80, 0.80, 0.86]}), "auroc", ["row"])
    assert means["n"].tolist() == [2, 3]
    assert means["mean"].tolist() == pytest.approx([0.91, 0.82])
    assert means["sd"].tolist() == pytest.approx([statistics.stdev([0.90, 0.92]), statistics.stdev([0.8, 0.8, 0.86])])
    (over,) = stats.over_classes(means, ["row"]).to_dict("records")
    assert over["avg"] == pytest.approx(0.865)
    assert over["sd_classes"] == pytest.approx(0.045)  # ddof 0: half the distance of two
    assert over["sd_seeds"] == pytest.approx(math.sqrt((0.0002 + 0.0024) / (1 + 2)))
    assert (over["classes"], over["runs"]) == (2, 5)


def test_one_seed_has_no_spread_among_seeds_and_a_missing_value_is_no_run():
    means = stats.class_means(frame_of({0: [0.9], 1: [0.8, float("nan")], 2: [float("nan")]}), "auroc", ["row"])
    assert means["class"].tolist() == [0, 1]
    assert means["n"].tolist() == [1, 1]
    assert means["sd"].isna().all()
    (over,) = stats.over_classes(means, ["row"]).to_dict("records")
    assert over["avg"] == pytest.approx(0.85)
    assert math.isnan(over["sd_seeds"])
    (alone,) = stats.over_classes(means[means["class"] == 0], ["row"]).to_dict("records")
    assert math.isnan(alone["sd_classes"]), "one class has no spread among classes: 0.00 would claim one"


def test_half_width_is_the_formula_of_equal_numbers_of_runs():
    """t(K(n-1)) s_pooled sqrt(2/(nK)) + .05 at K = 10, n = 3, s = 2 points: 2.086 x 2 x .2582 + .05."""
    result = stats.compare([0.95] * 10, [0.02] * 10, [3] * 10, 94.0)
    expected = scipy.stats.t.ppf(0.975, 20) * 2 * math.sqrt(2 / 30) + 0.05
    assert result.half_width == pytest.approx(expected)
    assert result.half_width == pytest.approx(1.127, abs=1e-3)
    assert (result.difference, result.verdict) == (pytest.approx(1.0), "inside")


@pytest.mark.parametrize(
    ("paper_avg", "verdict"), [(93.8, "above"), (93.9, "inside"), (96.1, "inside"), (96.2, "below")]
)
def test_verdicts(paper_avg, verdict):
    assert stats.compare([0.95] * 10, [0.02] * 10, [3] * 10, paper_avg).verdict == verdict


def test_the_papers_rounding_is_part_of_the_verdict():
    assert stats.compare([0.9804] * 2, [0.0] * 2, [3] * 2, 98.0).verdict == "inside"
    assert stats.compare([0.9806] * 2, [0.0] * 2, [3] * 2, 98.0).verdict == "above"


@pytest.mark.parametrize(
    ("means", "runs", "has_difference"),
    [
        ([0.9, math.nan], [3, 0], False),  # a class is missing: not the paper's mean
        ([0.9, 0.8], [3, 1], True),  # a class has no spread
        ([0.9], [3], True),  # single cells show their range only
        ([], [], False),
    ],
)
def test_no_verdict_without_enough_runs(means, runs, has_difference):
    result = stats.compare(means, [0.01] * len(means), runs, 90.0)
    assert (result.verdict, result.half_width) == ("not enough runs", None)
    assert (result.difference is not None) == has_difference


@pytest.mark.parametrize("runs", [2, 3, 10])
def test_the_comparison_holds_its_level_when_both_are_the_same(runs):
    """3,000 repetitions with unequal spreads among classes: coverage of 95% within four of its standard errors."""
    rng = np.random.default_rng(7)
    spreads = np.linspace(0.005, 0.02, 10)
    truth = np.linspace(0.8, 0.97, 10)
    inside = 0
    for _ in range(3000):
        ours = rng.normal(truth, spreads, (runs, 10))
        theirs = rng.normal(truth, spreads, (3, 10))
        result = stats.compare(
            ours.mean(axis=0).tolist(),
            ours.std(axis=0, ddof=1).tolist(),
            [runs] * 10,
            100 * theirs.mean(),
            rounding=0.0,
        )
        inside += result.verdict == "inside"
    error = math.sqrt(0.95 * 0.05 / 3000)
    assert abs(inside / 3000 - 0.95) < 4 * error + 0.01  # unequal spreads cost up to a point


def test_mean_interval_agrees_with_scipy_for_one_class():
    scores = np.array([0.90, 0.95, 0.91, 0.99])
    result = stats.mean_interval([scores])
    low, high = scipy.stats.t.interval(0.95, 3, loc=scores.mean(), scale=scipy.stats.sem(scores))
    assert (result.estimate, result.low, result.high) == pytest.approx((scores.mean(), low, high))
    assert stats.mean_interval([scores, scores[:1]]).low is None


def test_class_interval_agrees_with_scipy():
    gains = np.array([0.10, -0.02, 0.05, 0.20])
    result = stats.class_interval(gains)
    low, high = scipy.stats.t.interval(0.95, 3, loc=gains.mean(), scale=scipy.stats.sem(gains))
    assert (result.estimate, result.low, result.high) == pytest.approx((gains.mean(), low, high))
    assert stats.class_interval(gains[:1]).low is None
    assert stats.class_interval(gains[:0]) is None


def test_mean_interval_by_hand():
    """SDs .02 and .04 (n = 3, 2) pool to sqrt((2 x .0004 + .0016) / 3); t(3) = 3.182; error sqrt(1/3 + 1/2) / 2."""
    low, high = np.array([0.88, 0.90, 0.92]), 0.8 + np.array([-1, 1]) * 0.04 / math.sqrt(2)
    result = stats.mean_interval([low, high])
    half = 3.1824 * math.sqrt(0.0024 / 3) * math.sqrt(5 / 6) / 2
    assert result.estimate == pytest.approx(0.85)
    assert (result.high - result.low) / 2 == pytest.approx(half, rel=1e-4)


def test_mean_interval_holds_its_level_at_three_seeds():
    rng = np.random.default_rng(11)
    truth, spreads = np.linspace(0.8, 0.97, 10), np.linspace(0.005, 0.02, 10)
    held = 0
    for _ in range(3000):
        result = stats.mean_interval(list(rng.normal(truth, spreads, (3, 10)).T))
        held += result.low <= truth.mean() <= result.high
    assert abs(held / 3000 - 0.95) < 0.026


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
    assert stats.iqm_interval([np.ones(5)] * 10).low == 1.0


def test_paired_uses_the_pairs_that_both_have():
    a = frame_of({0: [0.80, 0.82, 0.84], 1: [0.60, 0.61, 0.62]})
    b = frame_of({0: [0.90, 0.92, 0.94], 1: [0.60, 0.62, math.nan]})
    result = stats.paired(a, b)
    assert (result.pairs, result.classes) == (5, 2)
    assert result.difference.estimate == pytest.approx((0.10 + 0.005) / 2)
    # Class 0: B wins all; class 1, of (.60 .62) against (.60 .61): a tie, a loss, two wins.
    assert result.improvement == pytest.approx((1.0 + 2.5 / 4) / 2)
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


def test_holm_by_hand():
    """Sorted .01 .02 .03 .04, times 4 3 2 1: .04 .06 .06 .04; never falling: .04 .06 .06 .06."""
    assert stats.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]


def test_probability_of_improvement_is_mann_whitneys():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 6, 7) / 6, rng.integers(0, 6, 7) / 6  # with ties
    expected = scipy.stats.mannwhitneyu(b, a).statistic / 49
    assert stats.paired(frame_of({0: a.tolist()}), frame_of({0: b.tolist()})).improvement == pytest.approx(expected)
