"""Counts and draws that are checked without data."""

from __future__ import annotations

import pytest

from agad.errors import SpecError
from agad.spec.counts import check_counts
from agad.spec.run import RunSpec


def test_counts_are_checked_without_data():
    check_counts(RunSpec(dataset="mnist", normal_class=0, gamma=0.5))
    check_counts(RunSpec(dataset="npz:unknown", normal_class=0, gamma=0.9, batch_size=1000))  # nothing is known of it
    with pytest.raises(SpecError, match="asks for 5923 anomalies; class 5 has 5421 training images"):
        check_counts(RunSpec(dataset="mnist", normal_class=0, gamma=0.5, known_anomaly_classes=(5,)))
    with pytest.raises(SpecError, match="gives no anomaly"):
        check_counts(RunSpec(dataset="digits", normal_class=0, gamma=0.001))


def test_fig_2_of_the_paper_cannot_be_drawn_as_printed():
    """Leaving out "vehicles 2" at gamma = .10 would need 5,277 anomalies of a class that has 2,500."""
    spec = RunSpec(dataset="cifar100", protocol="leave_one_out", abnormal_class=19, gamma=0.1)
    with pytest.raises(SpecError, match="5277 anomalies; class 19 has 2500"):
        check_counts(spec)
    check_counts(spec.replace(gamma=0.05))
