"""What an audit found. Loads no torch: a page is made of it elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agad.auditing.intervals import Estimate

WRONG, WARNING, FINE, UNKNOWN = "wrong", "warning", "fine", "unknown"
"""What a finding means: the AUROC is not what it seems; it deserves a look; no fault; it could not be tested."""

LABELS = {
    "as_given": "your code, your order",
    "as_is_shuffled": "your code, shuffled",
    "as_is_normals_first": "your code, normals first",
    "as_is_class_sorted": "your code, class by class",
    "as_is_one": "your code, each image alone",
    "eval": "running statistics",
    "eval_recal": "statistics re-estimated on training images",
    "batch1": "statistics of each image alone",
    "batch_shuffled": "statistics of the batch, shuffled",
    "batch_normals_first": "statistics of the batch, normals first",
    "batch_class_sorted": "statistics of the batch, class by class",
}
"""Protocol -> what it is; those from `eval` on are agad's own (agad/scoring/evaluate.py)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the audit tested.

    Attributes:
        kind: its name, such as `train_mode`.
        severity: WRONG, WARNING, FINE or UNKNOWN.
        sentence: what was found.
    """

    kind: str
    severity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """The AUROC under one protocol and batch size.

    Attributes:
        protocol: a key of LABELS.
        batch: images in a batch; None: the score function makes its own batches.
        repeats: shuffles behind it; 1 for an order that is fixed.
        auroc: mean over the shuffles, in [0, 1], with its interval over test images; None where it failed.
        lowest: the lowest AUROC of a shuffle; None where it failed.
        highest: the highest.
        independent: whether no image's score depends on the other test images.
        note: why there is no AUROC; else empty.
    """

    protocol: str
    batch: int | None
    repeats: int
    auroc: Estimate | None
    lowest: float | None
    highest: float | None
    independent: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Worth:
    """A difference between two protocols on the same images and weights.

    Attributes:
        name: `order`: your order minus shuffled. `worst_order`: normals first minus shuffled. `others`: your AUROC
            minus the highest of those under which no score depends on the other test images.
        minuend: the protocol that is compared.
        subtrahend: the protocol that it is compared with.
        difference: of the AUROCs, with its interval over test images.
    """

    name: str
    minuend: str
    subtrahend: str
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes:
        sentence: the answer in plain words.
        auroc: as the code and the order given have it, in [0, 1].
        depends: whether an image's score, or its rank, depends on the other test images; None: it could not be tested.
        findings: what was tested, the worst first.
        lines: AUROC under each protocol.
        worth: what the order and the other images are worth.
        facts: numbers behind the findings: images, tolerance, batch norms and so on.
    """

    sentence: str
    auroc: Estimate
    depends: bool | None
    findings: tuple[Finding, ...]
    lines: tuple[Line, ...]
    worth: tuple[Worth, ...]
    facts: dict[str, Any]

    def with_warnings(self, kind: str, sentences: Iterable[str]) -> Audit:
        """The same with further findings to look at, before those that are fine."""
        is_amiss = [finding for finding in self.findings if finding.severity in (WRONG, WARNING)]
        more = [Finding(kind, WARNING, sentence) for sentence in sentences]
        return dataclasses.replace(self, findings=(*is_amiss, *more, *self.findings[len(is_amiss) :]))

    def with_facts(self, **facts: Any) -> Audit:
        """The same with further facts."""
        return dataclasses.replace(self, facts=self.facts | facts)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return dataclasses.asdict(self)

    def finding(self, kind: str) -> Finding | None:
        """The finding of a kind; None where it was not tested."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def __str__(self) -> str:
        return "\n".join([self.sentence, *(f"{f.severity:<8} {f.sentence}" for f in self.findings)])


def points(value: float) -> str:
    """An AUROC, or a difference, in points of 100; a rounded 0 has no sign."""
    return f"{100 * value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "−")


def interval(estimate: Estimate) -> str:
    """The interval in words, in points; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f" (95% interval {points(estimate.low)} to {points(estimate.high)})"
