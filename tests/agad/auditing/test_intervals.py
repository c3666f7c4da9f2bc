"""Placements: their mean is the AUROC, and their interval covers as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from agad.auditing.intervals import Placements


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=40))
def test_the_mean_is_sklearns_auroc_ties_included(pairs: list[tuple[int, int]]):
    labels, scores = np.array([0, 1, *(a for a, _ in pairs)]), np.array([0.0, 0.0, *(float(b) for _, b in pairs)])
    found = Placements.of(labels, scores)

    assert found.estimate().value == pytest.approx(roc_auc_score(labels, scores))
    assert found.of_normals.mean() == pytest.approx(found.of_anomalies.mean())


def test_intervals_cover_the_truth_as_often_as_they_say():
    """AUROCs of normal scores, and differences of two correlated ones, in 400 samples of 60 and 40 images."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 40])
    one = two = 0
    for _ in range(400):
        shared = generator.normal(size=100)
        a = shared + generator.normal(size=100) + labels
        b = shared + generator.normal(size=100) + 1.5 * labels
        first, second = Placements.of(labels, a), Placements.of(labels, b)
        truth_a, truth_b = 0.691462, 0.786448  # the normal CDF at shift / 2, for SDs of sqrt(2)
        single, difference = first.estimate(), (second - first).estimate()
        one += single.low <= truth_a <= single.high
        two += difference.low <= truth_b - truth_a <= difference.high

    # Four standard errors of 400 draws at 95% are 4.4 points.
    assert one / 400 == pytest.approx(0.95, abs=0.045)
    assert two / 400 == pytest.approx(0.95, abs=0.045)


def test_of_one_anomaly_there_is_no_interval():
    found = Placements.of(np.array([0, 0, 1]), np.array([0.0, 1.0, 0.5])).estimate()

    assert (found.value, found.low, found.high, found.is_above_zero) == (0.5, None, None, False)


@pytest.mark.parametrize("scores", [[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]])
def test_few_images_in_perfect_order_are_no_certainty(scores: list[float]):
    """All placements are equal, so that their variance is 0; two normals and two anomalies prove little."""
    found = Placements.of(np.array([0, 0, 1, 1]), np.array(scores)).auroc()

    assert found.value in (found.low, found.high)
    assert found.high - found.low > 0.3


@given(st.integers(0, 1000))
def test_the_interval_of_an_auroc_stays_between_0_and_1(seed: int):
    generator = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 8)
    found = Placements.of(labels, generator.normal(size=16) + 3 * labels).auroc()

    assert 0 <= found.low <= found.value <= found.high <= 1
