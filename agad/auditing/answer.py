"""The answer of an audit: what the order and the other test images are worth, and one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from agad.auditing.behaviour import Behaviour
from agad.auditing.intervals import Estimate
from agad.auditing.protocols import Scored
from agad.auditing.result import LABELS, Line, Worth, interval, points

_SINGLE = ("as_is_one", "batch1")
"""Protocols that score each image alone, whatever the batch size."""


def worth(scored: Sequence[Scored], batch: int | None) -> tuple[Worth, ...]:
    """Differences between protocols, at the batch size of the score function; none where a protocol failed."""
    of = {
        one.line.protocol: one
        for one in scored
        if one.placements is not None and (one.line.batch == batch or one.line.protocol in _SINGLE)
    }
    given = of["as_given"]
    shuffled = of.get("as_is_shuffled") or of.get("batch_shuffled")
    singly = [one for one in of.values() if one.line.independent and one is not given]
    found: list[Worth] = []
    if not given.line.independent and shuffled:
        found.append(_difference("order", given, shuffled))
    for prefix in ("batch", "as_is"):
        first, mixed = of.get(f"{prefix}_normals_first"), of.get(f"{prefix}_shuffled")
        if first and mixed:
            found = [one for one in found if one.name != "worst_order"] + [_difference("worst_order", first, mixed)]
    if not given.line.independent and singly:
        found.append(_difference("others", given, max(singly, key=_auroc)))
    return tuple(found)


def _auroc(scored: Scored) -> float:
    assert scored.line.auroc is not None, "failed protocols are not compared"
    return scored.line.auroc.value


def _difference(name: str, a: Scored, b: Scored) -> Worth:
    assert a.placements is not None, "failed protocols are not compared"
    assert b.placements is not None, "failed protocols are not compared"
    return Worth(name, a.line.protocol, b.line.protocol, (a.placements - b.placements).estimate())


def answer(found: Behaviour, given: Line, differences: Sequence[Worth], *, whole: bool) -> str:
    """The answer in plain words."""
    assert given.auroc is not None, "scores as given are finite"
    own = points(given.auroc.value)
    drawn = " They are random: seeds move them." if found.is_random else ""
    if given.independent and found.kept.failed:
        drawn += " Whether your code keeps something from the first images that it sees cannot be told."
    if not found.spread:
        return "All scores are equal, so the AUROC is 50 whatever the batches are."
    if not found.is_repeatable:
        order = next((one.difference for one in differences if one.name == "order"), None)
        more = f" The order of your test set alone is worth {points(order.value)}{interval(order)}." if order else ""
        return (
            "The same batch scored again gives other scores: the code keeps a state outside of the model, or draws "
            f"random numbers that no seed reaches. What of your {own} points is the model's cannot be told.{more}"
        )
    if given.independent and (found.composition or found.kept):
        return (
            "An image's score depends on which other test images are scored with it, its rank does not: none of your "
            f"{own} points do.{drawn}"
        )
    if given.independent:
        return f"No image's score depends on the other test images: none of your {own} points do.{drawn}"
    return f"{_subject(found, whole=whole)}; {_share(given.auroc, differences)}.{drawn}"


def _subject(found: Behaviour, *, whole: bool) -> str:
    if found.composition:
        where = "are scored with it" if whole else "are in its batch"
        return f"An image's score depends on which other test images {where}"
    if found.history or found.kept:
        return "An image's score depends on which images were scored before it"
    what = "its place in its batch" if found.position else "the size of its batch"
    return f"An image's score depends on {what}"


def _share(given: Estimate, differences: Sequence[Worth]) -> str:
    """How many points rest on other images: at least, for the best protocol without them is the measure."""
    own = points(given.value)
    of = {one.name: one for one in differences}
    order, others = of.get("order"), of.get("others")
    alone = "" if order is None else f"the order of your test set alone is worth {points(order.difference.value)}"
    known = "" if order is None else f"; {alone}{interval(order.difference)}"
    if others is None:
        return f"how many of your {own} points do cannot be told, for no way was found to score images singly{known}"
    lost = others.difference
    if lost.is_above_zero:
        return f"{points(lost.value)} of your {own} points do{interval(lost)}{known}"
    singly = f"scored without the others they are {points(given.value - lost.value)} ({LABELS[others.subtrahend]})"
    if order is not None and order.difference.is_above_zero:
        mixed = points(given.value - order.difference.value)
        return f"{alone} of your {own} points{interval(order.difference)}: shuffled they are {mixed}, and {singly}"
    if lost.is_below_zero:
        return f"your {own} points lose by it: {singly}{known}"
    return f"your {own} points gain nothing from it that could be told: {singly}"
