"""reported_finding(): a published AUROC beside those of the weights."""

from __future__ import annotations

import pytest

from agad.auditing.intervals import Estimate
from agad.auditing.reported import reported_finding
from agad.auditing.result import FINE, WARNING, WRONG, Line


def line(protocol: str, lowest: float, highest: float, *, independent: bool) -> Line:
    value = (lowest + highest) / 2
    return Line(protocol, 64, 1, Estimate(value, value - 0.03, value + 0.03), lowest, highest, independent=independent)


LINES = [
    line("as_given", 0.592, 0.592, independent=False),
    line("eval", 0.555, 0.555, independent=True),
    line("batch_shuffled", 0.565, 0.575, independent=False),
    line("batch_normals_first", 0.917, 0.917, independent=False),
    line("batch_shuffled", 0.651, 0.653, independent=False),
    Line("batch1", 1, 0, None, None, None, independent=False, note="the score of image 0 is nan"),
]


@pytest.mark.parametrize(
    ("reported", "severity", "words"),
    [
        (0.592, FINE, "59.2, agrees with that of these weights in your order, 59.2."),
        (0.5924, FINE, "agrees with that of these weights in your order, 59.2."),
        (0.59, FINE, "in your order, 59.2, as far as two decimals tell."),
        (0.98, WRONG, "98.0, is not that of these weights under any protocol that was tried (55.5 to 91.7): in your "
         "order it is 59.2 (95% interval 56.2 to 62.2)."),
        (0.6125, WARNING, "is not that of these weights under any protocol that was tried"),
        (0.31, WRONG, "is not that of these weights under any protocol that was tried"),
        (0.555, WARNING, "in your order, 59.2, but agrees with that under: running statistics (55.5)."),
        (0.917, WRONG, "agrees with that under: statistics of the batch, normals first (91.7), where an image's score "
         "depends on the other test images."),
        (0.572, WRONG, "statistics of the batch, shuffled (57.0), where"),
        (0.652, WRONG, "statistics of the batch, shuffled (65.2), where"),
    ],
)  # fmt: skip
def test_a_published_auroc_is_found_among_those_of_the_weights(reported: float, severity: str, words: str) -> None:
    finding = reported_finding(reported, LINES)

    assert (finding.kind, finding.severity) == ("reported", severity)
    assert finding.sentence.startswith("The AUROC that was reported, ")
    assert words in finding.sentence


def test_one_protocol_has_no_range() -> None:
    assert "that was tried (59.2): in your order" in reported_finding(0.98, LINES[:1]).sentence


def test_an_auroc_without_interval_is_near_nothing() -> None:
    alone = Line("as_given", 64, 1, Estimate(0.592, None, None), 0.592, 0.592, independent=True)
    finding = reported_finding(0.601, [alone])

    assert finding.severity == WRONG
    assert finding.sentence.endswith("in your order it is 59.2.")
