"""audit(): what of a detector's AUROC depends on which other test images are scored with an image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from agad.auditing.answer import answer, worth
from agad.auditing.behaviour import Behaviour, behaviour
from agad.auditing.curve import curve_finding
from agad.auditing.findings import (
    behaviour_findings,
    below_half_finding,
    changed_images_finding,
    constant_finding,
    skipped_finding,
)
from agad.auditing.inputs import TestSet, repeats_finding, training_findings
from agad.auditing.intervals import Placements
from agad.auditing.model.fresh import Fresh
from agad.auditing.model.norms import Norms
from agad.auditing.model.scorer import FIRST, Scorer, Scores
from agad.auditing.model.watch import Watch
from agad.auditing.probes import Prober, are_tied, moved
from agad.auditing.protocols import Progress, Protocols, Scored, shuffle
from agad.auditing.reported import reported_finding
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Audit, Finding, Line, points
from agad.errors import AuditError
from agad.tensors.seeding import seed_of

BATCH, SIZES, SHUFFLES = 64, (16, 256), 5
"""Defaults: images in a batch, further sizes, shuffled orders."""


def _nothing(_: str) -> None:
    """The default of `progress`."""


def audit(
    score: Callable[[Any], Any],
    images: Any,
    labels: Any,
    *,
    classes: Any = None,
    batch_size: int | None = BATCH,
    sizes: Sequence[int] = SIZES,
    shuffles: int = SHUFFLES,
    train_images: Any = None,
    curve: Sequence[float] | None = None,
    reported: float | None = None,
    limit: int | None = None,
    fresh: Callable[[], Callable[[Any], Any]] | None = None,
    progress: Progress = _nothing,
) -> Audit:
    """Audit a detector: score its test set under every evaluation protocol, and say what its AUROC rests on.

    The model is found by itself: every module that `score` calls. At the end its parameters, buffers, modes and plain
    attributes, and the global random generators, are as they were.

    Args:
        score: from a batch, `images[positions]`, to one number an image, higher for anomalies.
        images: the test set in its own order: a tensor, an array, a list or a column of pandas, N long.
        labels: (N,) 0 normal, 1 anomalous.
        classes: (N,) class indices, for the protocol class by class; None: it is left out.
        batch_size: images in a batch, as in your evaluation; None: `score` takes any number of images and makes its own
            batches, for example to normalise scores over the test set.
        sizes: further batch sizes under which the order is shuffled.
        shuffles: number of shuffled orders for each size.
        train_images: training images, for the protocol `eval_recal` and to find test images among them.
        curve: AUROC on the test set after each epoch, in [0, 1].
        reported: the AUROC that was published, in [0, 1]: it is compared with that of the weights under each protocol.
        limit: at most this many images, chosen at random; None: all.
        fresh: makes the score function again, as it was before it saw an image: what it keeps of the first images shows
            by that. None: a copy is made before the first call.
        progress: is given one line for each protocol.

    Raises:
        AuditError: one line, for images and labels that no AUROC can be computed of, and for a score function that
            raises, or returns other than one finite number an image, on the test set as it is given.
    """
    test = TestSet.of(images, labels, classes)
    if not callable(score):
        raise AuditError(f"the score function is {type(score).__name__}, which cannot be called")
    for name, value in (
        ("batch_size", batch_size),
        ("shuffles", shuffles),
        ("limit", limit),
        *(("sizes", s) for s in sizes),
    ):
        if value is not None and not (isinstance(value, int | np.integer) and value >= 1):
            raise AuditError(f"{name} must be a whole number, at least 1, not {value!r}")
    curve_finding(curve, reported, 0.5)  # what no AUROC can be is refused now, and not after minutes of scoring
    generator = np.random.default_rng(seed_of("audit", "images"))
    if limit is not None and limit < len(test.labels):
        test = test.part(limit, generator)
    with Watch() as watch:
        auditor = _Auditor(
            score, test, watch, batch=batch_size, sizes=sizes, shuffles=shuffles, fresh=fresh, progress=progress,
            generator=generator,
        )  # fmt: skip
        return auditor.run(train_images, curve, reported)


class _Auditor:
    """One audit, from the test set as it is given to the answer."""

    def __init__(
        self, score: Callable[[Any], Any], test: TestSet, watch: Watch, *, batch: int | None, sizes: Sequence[int],
        shuffles: int, fresh: Callable[[], Callable[[Any], Any]] | None, progress: Progress,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        count = len(test.labels)
        self._batch = None if batch is None else min(batch, count)
        self._sizes = [] if batch is None else sorted({min(size, count) for size in sizes} - {self._batch})
        self._scorer = Scorer(score, test.images, self._batch)
        self._test, self._watch, self._shuffles, self._progress = test, watch, shuffles, progress
        self._fresh = Fresh(self._scorer, watch, fresh)
        self._prober = Prober(self._scorer, test.labels, watch.restore, generator)

    def run(self, train_images: Any, curve: Sequence[float] | None, reported: float | None) -> Audit:
        given = self._scorer.all(np.arange(len(self._test.labels)), self._batch)
        changed = tuple(self._watch.changed())
        found = self._kept(self._shuffled(given, self._repeated(given, behaviour(self._prober, self._watch, changed))))
        norms = Norms(self._watch.batch_norms())
        protocols = Protocols(
            self._scorer, self._test, self._watch, norms, fresh=self._fresh if found.kept else None,
            shuffles=self._shuffles, progress=self._progress,
        )  # fmt: skip
        first = protocols.placed("as_given", self._batch, [given], independent=_is_independent(found, self._batch))
        scored = [first, *self._others(protocols, norms, found, train_images)]
        differences = worth(scored, self._batch)
        auroc = first.line.auroc
        assert auroc is not None, "scores as given are finite"
        findings = [
            *behaviour_findings(found, self._watch, self._test, first.line),
            self._leaked(train_images, given),
            repeats_finding(self._test),
            curve_finding(curve, reported, auroc.value),
            *([] if reported is None else [reported_finding(reported, [one.line for one in scored])]),
            *_there(constant_finding(found), below_half_finding(auroc), changed_images_finding(self._scorer)),
            *_skipped(norms, found, train_images),
        ]
        severities = [WRONG, WARNING, FINE, UNKNOWN]
        return Audit(
            sentence=answer(found, first.line, differences, whole=self._batch is None),
            auroc=auroc,
            depends=_depends(found, first.line),
            findings=tuple(sorted(findings, key=lambda finding: severities.index(finding.severity))),
            lines=tuple(one.line for one in scored),
            worth=differences,
            facts=self._facts(found, norms) | {"reported": None if reported is None else float(reported)},
        )

    def _repeated(self, given: Scores, found: Behaviour) -> Behaviour:
        """What was found, after the test set was scored once more as it is given.

        A maximum or a bank that a function gathers outside of the model is full after the first pass, and then moves no
        score of any probe: only the first scores rest on it, and they are the user's.
        """
        self._watch.restore()
        again = moved(given, self._scorer.all(np.arange(len(given)), self._batch), found.tolerance)
        if not again or not found.is_repeatable:
            return found
        return dataclasses.replace(found, is_repeatable=False, noise=again.most)

    def _shuffled(self, given: Scores, found: Behaviour) -> Behaviour:
        """What was found, after the whole test set was scored in another order where no score seems to depend on it.

        A few batches do not show what few images do to others, or few batches to their images.
        """
        if self._batch is None or found.is_random or not _is_independent(found, self._batch):
            return found
        self._watch.restore()
        try:
            scores = self._scorer.all(shuffle(len(given), 0), self._batch)
        except AuditError:  # the protocol of that order says so
            return found
        again = dataclasses.replace(moved(given, scores, found.tolerance), where="in two orders of the test set")
        return dataclasses.replace(found, composition=again) if again else found

    def _kept(self, found: Behaviour) -> Behaviour:
        """What was found, after a function that has seen nothing scored some batches too.

        What the function that is audited keeps of the first images that it saw is there in every later call, and moves
        no score of any probe.
        """
        if not found.is_repeatable:
            return found
        count = len(self._test.labels)
        if self._batch is None:
            batches, given = [np.flatnonzero(self._test.labels == 0)], [np.arange(count)]
        else:
            splits = range(self._batch, count, self._batch)
            batches, given = (np.split(order, splits)[:FIRST] for order in (shuffle(count, 0), np.arange(count)))
        differs = self._fresh.kept(batches, given, found.tolerance)
        return dataclasses.replace(found, kept=differs)

    def _others(self, protocols: Protocols, norms: Norms, found: Behaviour, train_images: Any) -> Iterator[Scored]:
        """The other protocols: the code's own with other orders, and with forced statistics where there are any."""
        if found.kept:  # other statistics are those of modules that a fresh function does not call
            yield from self._orders(protocols, "as_is")
            return
        independent = _is_independent(found, self._batch)
        is_forced_the_same = len(norms) > 0 and len(self._watch.in_batch_mode()) == len(norms) and found.is_repeatable
        is_forced_the_same = is_forced_the_same and not (found.is_random or found.history)
        if independent:
            yield protocols.scored("as_is_shuffled", self._batch, independent=True)
        elif not is_forced_the_same:
            yield from self._orders(protocols, "as_is")
            if self._batch not in (None, 1) and not found.history:
                yield protocols.scored("as_is_one", 1, independent=found.is_repeatable)
        if not len(norms):
            return
        for protocol in self._single_images(protocols, norms, train_images):
            batch = 1 if protocol == "batch1" else self._batch
            alone = protocol == "batch1" or protocols.is_independent(protocol, self._prober, found)
            stateless = found.is_repeatable and not (found.history and not changed_by_norms(found))
            yield protocols.scored(protocol, batch, independent=alone and stateless)
        yield from self._orders(protocols, "batch")
        for size in self._sizes:
            yield protocols.scored("batch_shuffled", size)

    def _orders(self, protocols: Protocols, prefix: str) -> Iterator[Scored]:
        yield protocols.scored(f"{prefix}_shuffled", self._batch)
        yield protocols.scored(f"{prefix}_normals_first", self._batch)
        if self._test.classes is not None:
            yield protocols.scored(f"{prefix}_class_sorted", self._batch)

    def _single_images(self, protocols: Protocols, norms: Norms, train_images: Any) -> Iterator[str]:
        """The protocols of agad's under which batch norm makes no score depend on other test images."""
        if norms.have_running:
            yield "eval"
        if train_images is not None and protocols.estimate(train_images, self._batch):
            yield "eval_recal"
        if self._batch is not None:
            yield "batch1"

    def _leaked(self, train_images: Any, given: Scores) -> Finding:
        where, finding = training_findings(self._test, train_images)
        if where is None or not where.any():
            return finding
        kept = self._test.labels[~where]
        if len(np.unique(kept)) < 2:
            return finding
        without = Placements.of(kept, given[~where]).estimate().value
        return Finding(
            finding.kind, finding.severity, f"{finding.sentence} Without them the AUROC is {points(without)}."
        )

    def _facts(self, found: Behaviour, norms: Norms) -> dict[str, Any]:
        return {
            "images": len(self._test.labels),
            "anomalies": int(self._test.labels.sum()),
            "batch": self._batch,
            "shuffles": self._shuffles,
            "batch_norms": len(norms),
            "batch_norms_in_batch_mode": len(self._watch.in_batch_mode()),
            "modules": len(self._watch.seen),
            "spread": found.spread,
            "noise": found.noise,
            "tolerance": found.tolerance,
        }


def changed_by_norms(found: Behaviour) -> bool:
    """Whether what scoring changes is the batch norms' own statistics alone, which forced ones never move."""
    return bool(found.changed) and all(
        name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in found.changed
    )


def _is_independent(found: Behaviour, batch: int | None) -> bool:
    """Whether the AUROC as given rests on no other test image."""
    tied = are_tied([found.composition, found.position, found.size, found.kept], whole=batch is None)
    return found.is_repeatable and not (tied or found.history)


def _depends(found: Behaviour, given: Line) -> bool | None:
    """Whether a score depends on other test images; None where that could not be tested."""
    if not found.is_repeatable or (given.independent and found.kept.failed):
        return None
    return not given.independent


def _there(*findings: Finding | None) -> list[Finding]:
    return [finding for finding in findings if finding is not None]


def _skipped(norms: Norms, found: Behaviour, train_images: Any) -> Iterator[Finding]:
    if len(norms) and found.kept:
        yield skipped_finding("Your code keeps what it saw first, so other statistics of batch norm were not tried.")
    elif len(norms) and train_images is None:
        yield skipped_finding("No training images were given, so statistics were not re-estimated on them.")
    if not len(norms) and found.composition:
        yield skipped_finding("No batch norm layer was seen in a call, so its statistics could not be varied.")
