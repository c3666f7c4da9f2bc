"""What a score function's behaviour means, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from agad.auditing.behaviour import Behaviour
from agad.auditing.inputs import TestSet, is_ordered
from agad.auditing.intervals import Estimate
from agad.auditing.model.scorer import Scorer
from agad.auditing.model.watch import Watch
from agad.auditing.probes import Moved
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG, Finding, Line, points

_MOST_NAMED = 3


def behaviour_findings(found: Behaviour, watch: Watch, test: TestSet, given: Line) -> Iterator[Finding]:
    """One finding for each thing that was probed; `given` is the line of the test set as it is given."""
    whole = given.batch is None
    yield _composition(found, whole=whole)
    yield from _position_and_size(found, whole=whole)
    if not found.kept:
        yield _history(found)
    yield from _kept(found, whole=whole)
    yield _train_mode(watch, given)
    yield _random(found, watch)
    yield _changed(found.changed)
    yield _normalised(found, whole=whole)
    yield _order(test, given)


def _by(found: Behaviour, what: Moved) -> str:
    return f"{what.count} of {what.of} images move, by up to {found.in_spreads(what):.2g} SD of the scores"


def _composition(found: Behaviour, *, whole: bool) -> Finding:
    where = "among the images that are scored with it" if whole else "in its batch"
    if not found.composition.of:
        return Finding("composition", FINE, "Every image is scored in a batch of its own.")
    if not found.composition:
        return Finding(
            "composition",
            FINE,
            f"No image's score depends on which other images are {where}: {found.composition.where} "
            f"{found.composition.of} images have the same scores.",
        )
    if whole and found.composition.keeps_order:
        return Finding(
            "composition",
            WARNING,
            "An image's score depends on which other images are scored with it, but their order does not: the AUROC is "
            "the same, and a threshold, or a score by itself, means nothing.",
        )
    return Finding(
        "composition",
        WRONG,
        f"An image's score depends on which other images are {where}: {found.composition.where} "
        f"{_by(found, found.composition)}.",
    )


def _position_and_size(found: Behaviour, *, whole: bool) -> Iterator[Finding]:
    if found.composition or found.random_without_dropout > found.tolerance:
        return  # either makes the scores of other batches differ anyway
    place = "the order of the images" if whole else "its place in the batch"
    if found.position:
        yield Finding("position", WRONG, f"An image's score depends on {place}: {_by(found, found.position)}.")
    if found.size:
        yield Finding("size", WRONG, f"An image's score depends on the size of its batch: {_by(found, found.size)}.")
    elif found.size.failed:
        yield Finding("size", WARNING, f"Images alone could not be scored: {found.size.failed}")
    if not (found.position or found.size) and found.composition.of:
        yield Finding("size", FINE, "No image's score depends on its place in the batch, or on the batch's size.")


def _history(found: Behaviour) -> Finding:
    if not found.is_repeatable:
        return Finding(
            "history",
            WRONG,
            f"The same batch scored again gives other scores, by up to {found.noise / found.spread:.2g} SD, though the "
            "model and the random generators are as before: the function keeps a state elsewhere, or draws from one.",
        )
    if found.history:
        return Finding(
            "history",
            WRONG,
            f"A score depends on the batches that were scored before: after another batch {_by(found, found.history)}.",
        )
    return Finding("history", FINE, "No score depends on the batches that were scored before.")


def _kept(found: Behaviour, *, whole: bool) -> Iterator[Finding]:
    kind, what = "kept", found.kept
    if what.failed:
        yield Finding(
            kind,
            UNKNOWN,
            "Whether your code keeps something from the first images that it sees cannot be told: "
            f"{what.failed}. Give a MODEL.py:load, or fresh= in Python.",
        )
    elif what:
        yield Finding(
            kind,
            WARNING if whole and what.keeps_order else WRONG,
            "Your code keeps something from the first images that it sees, outside of the model: where it has not seen "
            f"them, {_by(found, what)}.",
        )
    elif what.of:
        yield Finding(kind, FINE, "Your code keeps nothing, outside of the model, from the first images that it sees.")


def _train_mode(watch: Watch, given: Line) -> Finding:
    norms, using = watch.batch_norms(), watch.in_batch_mode()
    if not norms:
        return Finding("train_mode", FINE, "No batch norm layer is called.")
    if not using:
        return Finding("train_mode", FINE, f"All {len(norms)} batch norms use running statistics.")
    if given.batch == 1:
        return Finding(
            "train_mode",
            WARNING,
            f"{len(using)} of {len(norms)} batch norms take their statistics from each image alone, as the model is in "
            "train mode or keeps no running statistics: in larger batches scores would depend on other images.",
        )
    return Finding(
        "train_mode",
        WRONG,
        f"{len(using)} of {len(norms)} batch norms take their statistics from the test batch ({_named(using)}): "
        "the model is scored in train mode, or keeps no running statistics.",
    )


def _random(found: Behaviour, watch: Watch) -> Finding:
    if not found.is_random:
        return Finding("random", FINE, "Scores do not depend on the seed of a random generator.")
    names = watch.names()
    dropouts = [names[id(module)] for module in watch.dropouts()]
    how = f"by up to {found.random / found.spread:.2g} SD of the scores" if found.spread else ""
    why = f"dropout is on ({_named(dropouts)})" if dropouts else "something draws random numbers"
    if dropouts and found.random_without_dropout > found.tolerance:
        why += ", and something else draws too"
    return Finding(
        "random", WRONG if dropouts else WARNING, f"Scores are random: from seed to seed they move {how}; {why}."
    )


def _changed(changed: tuple[str, ...]) -> Finding:
    changed = tuple(name for name in changed if not name.endswith("num_batches_tracked"))
    if not changed:
        return Finding("updated", FINE, "Scoring changes nothing in the model.")
    return Finding(
        "updated",
        WRONG,
        f"Scoring the test set changes the model: {len(changed)} of its tensors ({_named(changed)}). What is scored, "
        "saved or trained afterwards has seen the test images.",
    )


def _normalised(found: Behaviour, *, whole: bool) -> Finding:
    over = "all images that are scored together" if whole else "each batch"
    if not found.normalised:
        return Finding("normalised", FINE, f"Scores are not normalised over {over}.")
    more = "a threshold on them means nothing" if whole else "scores of different batches cannot be compared"
    return Finding(
        "normalised", WARNING if whole else WRONG,
        f"Scores are normalised over {over}: {found.normalised} in every one that was tried; {more}.",
    )  # fmt: skip


def _order(test: TestSet, given: Line) -> Finding:
    if not is_ordered(test.labels):
        return Finding("order", FINE, "The test set is not ordered by label.")
    severity = FINE if given.independent else WRONG
    harm = "no rank depends on that" if given.independent else "its batches are nearly pure"
    return Finding("order", severity, f"The test set is ordered by label: {harm}.")


def constant_finding(found: Behaviour) -> Finding | None:
    """Where all scores are equal."""
    return None if found.spread else Finding("constant", WRONG, "All scores are equal: they say nothing.")


def below_half_finding(auroc: Estimate) -> Finding | None:
    """Where the scores are upside down."""
    if auroc.high is None or auroc.high >= 0.5:
        return None
    return Finding(
        "below_half", WARNING,
        f"The AUROC is below 50 ({points(auroc.value)}): scores must be higher for anomalies, and labels 1.",
    )  # fmt: skip


def changed_images_finding(scorer: Scorer) -> Finding | None:
    """Where the score function writes into its images."""
    if not scorer.changes_images:
        return None
    return Finding(
        "changed_images", WARNING,
        "Your code changes the images that it is given. Here they were copies; in yours, later passes see others.",
    )  # fmt: skip


def skipped_finding(sentence: str) -> Finding:
    """A protocol that could not be scored."""
    return Finding("skipped", UNKNOWN, sentence)


def _named(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
