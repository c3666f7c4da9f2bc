"""The claims in brief: a line for each claim and what came of it, with the places and their gains. For a first page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agad.spec import datasets

from ..paper.numbers import CLASS_COUNTS
from ..tables import formats
from ..tables.formats import GAMMA
from ..tables.sheet import KEY, NOTE, OURS, PAPER, Sheet
from .finding import NOT_TESTED, RESULTS, Finding
from .short import counts_text, many, untested
from .table import claims_data, gain_text

_PROTOCOL = "eval"
"""The protocol of the gains that are shown: each image scored alone, as the trained network is used."""


def brief_claims(found: Sequence[Finding]) -> Sheet:
    """A line for each claim and result; findings of one place are gains of runs of several settings.

    Args:
        found: see table.findings.
    """
    tested = [finding for finding in found if finding.result != NOT_TESTED]
    return Sheet(
        name="claims-brief",
        caption="What the paper claims, and what the runs here say",
        columns=("claim", "the paper says", "here", "where, and the gain in points of AUROC (eval)"),
        kinds=(KEY, PAPER, NOTE, OURS),
        lines=tuple(_lines(found, tested)),
        notes=(
            counts_text(found),
            "does not: the opposite of the claim is borne out. undecided: neither the claim nor its opposite. Several "
            "gains at one place are of runs with several settings.",
            *_sizes(tested),
        ),
        data=claims_data(found),
    )


def _lines(found: Sequence[Finding], tested: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys(finding.claim.name for finding in tested):
        of_claim = [finding for finding in tested if finding.claim.name == name]
        for result in RESULTS:
            here = [finding for finding in of_claim if finding.result == result]
            if here:
                sizes = dict.fromkeys(finding.claim.size for finding in here)
                yield name, "; ".join(filter(None, sizes)), result, _gains(here)
    for name, why in untested(found):
        yield name, "", NOT_TESTED, why


def _gains(findings: Sequence[Finding]) -> str:
    """`MNIST γ .00 −11.9, −9.1; CIFAR-10 γ .05 −12.7`; of a claim about generators its numbers."""
    of_places: dict[str, list[str]] = {}
    for finding in findings:
        if finding.place is None:
            of_places.setdefault(finding.words, [])
            continue
        dataset, gamma = finding.place
        gain = list(filter(None, [gain_text(finding, _PROTOCOL)]))
        of_places.setdefault(f"{datasets.title(dataset)} {GAMMA} {formats.gamma(gamma)}", []).extend(gain)
    return "; ".join(" ".join(filter(None, (place, ", ".join(of)))) for place, of in of_places.items())


def _sizes(tested: Sequence[Finding]) -> Iterator[str]:
    """How many classes and seeds the gains are of, where all are of as many classes."""
    gains = [(effect, finding.place[0]) for finding in tested if finding.place for effect in finding.effects.values()]
    seeds = sorted({effect.seeds for effect, _ in gains})
    classes = {(effect.classes, CLASS_COUNTS[dataset]) for effect, dataset in gains}
    if len(classes) == 1:
        ((count, of),) = classes
        *first, last = map(str, seeds)
        of_seeds = " or ".join(filter(None, (", ".join(first), many(int(last), "seed"))))
        yield f"Each gain is a mean over {count} of {of} classes with {of_seeds}."
