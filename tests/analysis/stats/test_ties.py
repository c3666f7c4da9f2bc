"""Equal AUROCs that differ in their last bits are ties to every test of signs and ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from agad.scoring.auroc import auroc
from analysis import stats
from analysis.tables import agreement

NORMALS, ANOMALIES = 5, 10
LABELS = np.repeat([0, 1], (NORMALS, ANOMALIES))


def scores(rng: np.random.Generator, lift: float = 1.0) -> np.ndarray:
    return (rng.normal(size=len(LABELS)) + lift * LABELS).astype(np.float32)


def rightly_ordered(drawn: np.ndarray) -> int:
    """Mann-Whitney's U: pairs of an anomaly above a normal; of 50 an AUROC is the exact multiple."""
    return int((drawn[LABELS == 1][:, None] > drawn[LABELS == 0]).sum())


def alike(rng: np.random.Generator, count: int, pairs: int = 40) -> np.ndarray:
    """AUROCs of score vectors that order as many pairs rightly."""
    found: list[float] = []
    while len(found) < count:
        drawn = scores(rng)
        if rightly_ordered(drawn) == pairs:
            found.append(auroc(LABELS, drawn))
    return np.array(found)


@pytest.mark.parametrize("classes", [10, 16])
def test_ranks_and_signs_are_those_of_the_counts_behind_the_aurocs(classes):
    """Above 13 classes scipy ranks them."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        drawn = [(scores(rng), scores(rng, 1.3)) for _ in range(classes)]
        gains = np.array([auroc(LABELS, b) - auroc(LABELS, a) for a, b in drawn])
        counts = np.array([float(rightly_ordered(b) - rightly_ordered(a)) for a, b in drawn])
        assert stats.wilcoxon(gains) == stats.wilcoxon(counts)
        assert stats.mean_wilcoxon(gains) == stats.mean_wilcoxon(counts)
        assert stats.sign_test(gains) == stats.sign_test(counts)


def test_a_mean_of_nothing_bears_no_ranks_out():
    """Gains of sum 0, that of their floats is not: the ranks have no side of the mean to speak for."""
    gains = np.array([*[-0.1] * 13, 1.3])
    assert gains.sum() < 0
    assert stats.wilcoxon(gains) < 0.05
    assert stats.mean_wilcoxon(gains) == stats.mean_wilcoxon(-gains) == 1.0


def test_runs_of_one_auroc_are_ties():
    rng = np.random.default_rng(0)
    a, b = alike(rng, 20).reshape(10, 2), alike(rng, 20).reshape(10, 2)
    assert (a != b).any()
    assert stats.improvement_interval(a, b, shared=False).estimate == 0.5
    assert stats.sign_test((b - a).mean(axis=1)) is None
    frames = [pd.DataFrame({"class": range(10), "seed": 0, "auroc": values[:, 0]}) for values in (a, b)]
    found = stats.paired(*frames)
    assert (found.improvement.estimate, found.p_value) == (0.5, None)


def test_levels_of_which_a_grid_would_part_equal_ones():
    """976562.5 in units of 1e-9: half way between two points of such a grid."""
    middle = 1 / 1024
    values = np.array([middle, np.nextafter(middle, 0), np.nextafter(middle, 1), 0.5, np.nan])
    assert len(np.unique(np.round(values[:3], 9))) > 1
    np.testing.assert_array_equal(stats.levelled(values), [*[np.nextafter(middle, 0)] * 3, 0.5, np.nan])
    np.testing.assert_array_equal(stats.levelled_gains(np.array([1e-16, -0.2, 0.2 + 1e-16])), [0, -0.2, 0.2])
    assert len(stats.levelled(np.empty(0))) == 0


def test_numbers_that_differ_in_the_least_stay_apart():
    """The AUROC of 1000 normals and 9000 anomalies, half a pair off, a mean over ten seeds."""
    step = 1 / (2 * 1000 * 9000 * 10)
    values = 0.8 + step * np.arange(5)
    np.testing.assert_array_equal(stats.levelled(values), values)


def test_rank_correlations_take_equal_aurocs_for_ties():
    below = np.nextafter(0.7, 0)
    ours = np.array([0.7, below, 0.7, below, 0.7, 0.7, 0.5, 0.9])
    assert len(set(100 * ours)) == 4
    printed = [93.0, 81.0, 97.0, 78.0, 90.0, 85.0, 60.0, 99.0]
    expected = scipy.stats.spearmanr(np.round(ours, 6), printed).statistic
    assert agreement.agreement(ours.tolist(), printed).spearman == pytest.approx(expected)
    assert agreement.agreement(ours[:6].tolist(), printed[:6]).pearson is None
