"""Counts from shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.spec.shares import anomalies_per_batch, anomaly_count


@pytest.mark.parametrize(
    ("normals", "counts"),
    [(5000, (50, 154, 263, 555, 1250)), (2500, (25, 77, 131, 277, 625)), (6000, (60, 185, 315, 666, 1500))],
)
def test_anomaly_counts_of_the_paper(normals: int, counts: tuple[int, ...]) -> None:
    assert tuple(anomaly_count(gamma, normals) for gamma in (0.01, 0.03, 0.05, 0.10, 0.20)) == counts


@given(st.integers(0, 99), st.integers(1, 10_000))
def test_anomaly_count_is_exact(percent: int, normals: int) -> None:
    """Integers only: a float floor was wrong for 846 of 295,005 pairs."""
    assert anomaly_count(percent / 100, normals) == percent * normals // (100 - percent)


def test_anomalies_per_batch() -> None:
    assert [anomalies_per_batch(gamma, 256, 32) for gamma in (0.0, 0.01, 0.05, 0.10, 0.20)] == [0, 32, 32, 32, 51]
    assert anomalies_per_batch(0.5, 5, 1) == 3, "half is rounded up"
