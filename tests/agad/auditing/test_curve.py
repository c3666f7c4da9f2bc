"""curve_finding(): a best epoch that was chosen on the test set."""

from __future__ import annotations

import pytest

from agad.auditing.curve import curve_finding
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG
from agad.errors import AuditError

CURVE = [0.7, 0.9, 0.8]


@pytest.mark.parametrize(
    ("curve", "reported", "found", "severity", "words"),
    [
        (None, None, 0.8, UNKNOWN, "No test curve"),
        (CURVE, 0.9, 0.8, WRONG, "that was reported, 90.0, is that of the best of 3 epochs"),
        (CURVE, None, 0.9, WRONG, "of these weights, 90.0, is that of the best of 3 epochs on the test set, number 2"),
        (CURVE, 0.8, 0.8, FINE, "10.0 points above the last (80.0)"),
        (CURVE, None, 0.8, FINE, "a choice by test labels gains that"),
        (CURVE, 0.95, 0.8, WARNING, "a choice by test labels gains that"),
        ([0.7, 0.8], 0.8, 0.8, FINE, "choosing would gain nothing"),
        ([0.8], None, 0.8, FINE, "choosing would gain nothing"),
    ],
)
def test_the_best_of_a_curve_is_recognised(curve, reported, found, severity, words):
    finding = curve_finding(curve, reported, found)

    assert finding.severity == severity
    assert words in finding.sentence


@pytest.mark.parametrize("reported", [93.1, -0.1, float("nan")])
def test_an_auroc_in_percent_is_one_line(reported):
    with pytest.raises(AuditError, match=r"the AUROC that was reported is .*; give it from 0 to 1"):
        curve_finding(None, reported, 0.8)


@pytest.mark.parametrize("curve", [[], [84.1, 85.0], [[0.5]], ["a"], [float("nan")], 3])
def test_a_curve_of_another_kind_is_one_line(curve):
    with pytest.raises(AuditError, match="the curve must be a list of AUROCs between 0 and 1"):
        curve_finding(curve, None, 0.8)
