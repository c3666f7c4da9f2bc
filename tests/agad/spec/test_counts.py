"""Counts and draws that are checked without data."""

from __future__ import annotations

from typing import Any

import pytest

from agad.errors import SpecError
from agad.spec.counts import batch_sizes, check_counts
from agad.spec.run import RunSpec
from tests.helpers.science import small


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


@pytest.mark.parametrize(
    ("changes", "normals", "expected"),
    [
        ({"gamma": 0.0}, 5000, (256, 0)),
        ({"gamma": 0.01}, 5000, (224, 32)),
        ({"gamma": 0.1}, 5000, (224, 32)),
        ({"gamma": 0.2}, 5000, (205, 51)),
        ({"gamma": 0.2, "anomaly_place": "appended"}, 5000, (256, 51)),
        ({"gamma": 0.05, "anomaly_place": "appended"}, 5000, (256, 32)),
        ({"gamma": 0.0}, 143, (143, 0)),
        ({"gamma": 0.05}, 143, (111, 32)),
        ({"gamma": 0.5, "min_anomalies": 1}, 7, (3, 4)),
    ],
)
def test_sizes_of_a_batch(changes: dict[str, Any], normals: int, expected: tuple[int, int]):
    sizes = batch_sizes(small(**({"batch_size": 256, "min_anomalies": 32} | changes)), normals)
    assert (sizes.normal, sizes.anomaly) == expected


def test_too_few_normals_for_the_anomalies_is_a_spec_error():
    with pytest.raises(SpecError, match=r"a batch of 30 .* has no room beside 32 anomalies"):
        batch_sizes(small(gamma=0.05, batch_size=256, min_anomalies=32), 30)
