"""The claims in short: those that rows decide, a line each, and how many they do not. For first screens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..tables.sheet import KEY, NOTE, OURS, PAPER, Sheet
from .claim import Claim
from .finding import NOT_TESTED, RESULTS, WHY_NOT, Finding
from .table import claims_data, effect_text, n_text, places_text

_SHOWN = {"eval": "eval", "eval_recal": "recal", "batch_normals_first": "normals first"}
_OF_GENERATORS = "; of the generators' sizes and times, of all their runs"


def short_claims(found: Sequence[Finding]) -> Sheet:
    """A line for each finding of all classes; below, by reason, the claims that have too few runs or none.

    Args:
        found: see table.findings.
    """
    tested = [finding for finding in found if finding.result != NOT_TESTED]
    rest = ((name, "", why, NOT_TESTED, *("" for _ in _SHOWN), "") for name, why in untested(found))
    lines = [*(_line(one, _telling(one, tested)) for one in tested), *rest]
    return Sheet(
        name="claims-short",
        caption="What the paper claims, and what our rows say",
        columns=("claim", "the paper says", "where", "our rows", *_SHOWN.values(), "n"),
        kinds=(KEY, PAPER, NOTE, NOTE, *(OURS for _ in _SHOWN), NOTE),
        lines=tuple(lines),
        notes=(
            counts_text(found),
            *_settings(tested),
            "eval, recal: each image scored alone, with running statistics (recal: estimated again on training "
            "normals); normals first: in batches of a test set that is ordered by label. n: classes of the paper's × "
            "seeds. In brackets the uncorrected 95% interval of the gain; ✓, ✗: the claim, or its opposite, is borne "
            "out, by tests that are corrected for the claim's places, so that the two can differ. Other methods' "
            "numbers are as printed, without their spread.",
        ),
        data=claims_data(found),
    )


def counts_text(found: Sequence[Finding]) -> str:
    """How many claims and findings there are, what a finding is, and what came of them."""
    claims, findings = many(len({one.claim for one in found}), "claim"), many(len(found), "finding")
    what = "a claim at one data set and γ, with runs of one setting"
    what += _OF_GENERATORS if any(one.place is None for one in found) else ""
    results = ", ".join(f"{name} {sum(one.result == name for one in found)}" for name in RESULTS)
    return f"{claims}, {findings} ({what}). Results: {results}."


def _settings(tested: Sequence[Finding]) -> Iterator[str]:
    """In what the runs leave this project's settings, where they do."""
    found = dict.fromkeys(name for finding in tested for name in finding.settings if "=" in name)
    if found:
        yield f"Settings in which some of these runs differ from the defaults: {', '.join(found)}."


def _telling(finding: Finding, tested: Sequence[Finding]) -> list[str]:
    """The settings by which a finding differs from others of the same claim and place."""
    others = [one for one in tested if (one.claim, one.place) == (finding.claim, finding.place)]
    return [name for name in finding.settings if not all(name in one.settings for one in others)]


def _line(finding: Finding, telling: Sequence[str]) -> tuple[str, ...]:
    where = places_text([finding.place]) if finding.place else finding.words
    where += f", {', '.join(telling)}" if telling else ""
    effects = (effect_text(finding, name) if finding.place else "" for name in _SHOWN)
    return (finding.claim.name, finding.claim.size, where, finding.result, *effects, n_text(finding))


def untested(found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """What is not tested, and why: the claims of each reason, and of several places the nearest to a test."""
    decided = {finding.claim for finding in found if finding.result != NOT_TESTED}
    reasons: dict[Claim, set[str]] = {}
    for finding in found:
        if finding.claim not in decided:
            reasons.setdefault(finding.claim, set()).add(finding.why)
    nearest = {claim: min(of, key=WHY_NOT.index) for claim, of in reasons.items()}
    for why in WHY_NOT:
        if claims := {claim for claim, of in nearest.items() if of == why}:
            yield _count(claims), why


def many(count: int, what: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _count(claims: set[Claim]) -> str:
    return f"{len(claims)} claims" if len(claims) > 1 else next(iter(claims)).name
