"""Thresholds and intervals hold what they promise, over many draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from agad.detector.threshold import (
    Threshold,
    excess_p_value,
    highest_quantile,
    percentiles,
    rate_interval,
    threshold_of,
)
from agad.errors import SpecError
from agad.scoring.auroc import auroc, auroc_interval


@pytest.mark.slow
@pytest.mark.parametrize(("count", "quantile"), [(19, 0.95), (50, 0.9), (99, 0.99), (200, 0.95)])
def test_a_new_normal_exceeds_the_threshold_as_often_as_stated(count: int, quantile: float) -> None:
    """Over the draw of held-out normals and of the new one; and never much less often."""
    rng = np.random.default_rng(0)
    draws = np.sort(rng.gamma(2, size=(4000, count)), axis=1)
    exceeded = rng.gamma(2, size=4000) > [threshold_of(one, quantile).value for one in draws]
    spread = 3 * np.sqrt(quantile * (1 - quantile) / 4000)

    assert exceeded.mean() <= 1 - quantile + spread
    assert exceeded.mean() >= 1 - quantile - 1 / (count + 1) - spread


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_the_interval_holds_the_true_quantile(quantile: float) -> None:
    rng = np.random.default_rng(1)
    found = [threshold_of(np.sort(rng.random(80)), quantile) for _ in range(1500)]
    inside = [(t.low is None or t.low <= quantile) and (t.high is None or quantile <= t.high) for t in found]

    assert 0.95 - 0.02 <= np.mean(inside) <= 0.99


def test_too_few_normals_for_the_ends_of_an_interval() -> None:
    found = threshold_of(np.arange(20.0), 0.95)

    assert (found.value, found.high) == (19.0, None)
    assert found.low is not None


@given(st.integers(1, 300), st.floats(0.001, 0.9999))
def test_a_quantile_is_given_or_refused(count: int, quantile: float) -> None:
    """Refused exactly where a new normal would exceed every score more often than 1 - q; what is advised works."""
    scores = np.arange(count, dtype=float)
    if quantile <= highest_quantile(count) - 1e-6:
        assert threshold_of(scores, quantile).value in scores
    elif quantile >= highest_quantile(count) + 1e-6:
        with pytest.raises(SpecError, match=f"held-out normals, the detector has {count}: take q="):
            threshold_of(scores, quantile)
    assert threshold_of(scores, highest_quantile(count)).value == count - 1


@pytest.mark.parametrize("quantile", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_no_quantile(quantile: float) -> None:
    with pytest.raises(SpecError, match="between 0 and 1"):
        threshold_of(np.arange(5.0), quantile)


def test_percentiles_count_normals_that_do_not_exceed() -> None:
    assert percentiles(np.arange(4.0), np.array([-1.0, 0.0, 1.5, 9.0])).tolist() == [0, 25, 50, 100]
    assert np.isnan(percentiles(np.arange(4.0), np.array([np.nan]))).all()


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.6, 0.9, 0.99])
def test_the_interval_of_an_auroc_holds_its_level(true: float) -> None:
    """Two normal distributions with that AUROC; 40 normals and 25 anomalies."""
    from scipy.special import ndtri

    rng, shift = np.random.default_rng(2), float(np.sqrt(2) * ndtri(true))
    labels = np.repeat([0, 1], [40, 25])
    inside = []
    for _ in range(600):
        scores = rng.normal(size=65) + shift * labels
        low, high = auroc_interval(auroc(labels, scores), 40, 25)
        inside.append(low <= true <= high)

    assert np.mean(inside) >= 0.93


def test_the_interval_of_a_perfect_auroc_has_a_width() -> None:
    low, high = auroc_interval(1.0, 20, 20)

    assert high == 1.0
    assert 0.8 < low < 0.99
    assert auroc_interval(0.0, 20, 20) == pytest.approx((0.0, 1 - low))


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (3, 10), (1, 500)])
def test_the_interval_of_a_rate(hits: int, count: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(hits, count).proportion_ci(0.95, method="exact")

    assert rate_interval(hits, count) == pytest.approx((expected.low, expected.high))


@pytest.mark.slow
@pytest.mark.parametrize(("held_out", "count"), [(19, 5), (40, 2000), (400, 300)])
def test_normals_of_one_kind_are_seldom_called_others(held_out: int, count: int) -> None:
    """Over the draw of the held-out normals and of the test's: 2.5% at most, also where few make the threshold."""
    rng = np.random.default_rng(0)
    thresholds = [threshold_of(np.sort(draw), 0.95).value for draw in rng.random((2000, held_out))]
    p_values = np.array([excess_p_value(int((rng.random(count) > t).sum()), count, held_out, 0.95) for t in thresholds])

    assert np.mean(p_values <= 0.025) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2000)


@pytest.mark.parametrize(("hits", "count", "held_out"), [(0, 10, 19), (5, 30, 19), (3, 100, 40), (2000, 2000, 400)])
def test_the_p_value_is_the_beta_binomial_s(hits: int, count: int, held_out: int) -> None:
    rank = int(np.ceil((held_out + 1) * 0.95 - 1e-9))
    expected = betabinom.sf(hits - 1, count, held_out + 1 - rank, rank)

    assert excess_p_value(hits, count, held_out, 0.95) == pytest.approx(expected, abs=1e-10)


@given(st.floats(1e-6, 1, exclude_max=True))
def test_no_threshold_is_called_q_1(quantile: float) -> None:
    """However few digits are printed: q=1 is a threshold that no normal exceeds."""
    shown = Threshold(0.0, quantile, None, None, 9).name.removeprefix("q=")
    assert float(shown) == pytest.approx(quantile, rel=5e-3)
    assert float(shown) < 1 or quantile > 1 - 1e-9
