"""The claims as a table: each claim, where the paper makes it, what rows say of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pandas as pd

from agad.spec import datasets

from ..cells import Cells
from ..curves import ROUGH_FROM
from ..load import Results, open_store, warn
from ..paper.numbers import CLASS_COUNTS
from ..tables import formats
from ..tables.formats import GAMMA, GAP
from ..tables.leakage import LABELS, PROTOCOLS
from ..tables.sheet import KEY, NOTE, OURS, PAPER, Sheet
from .claim import CLAIMS, Claim, Orders, Place
from .evidence import read
from .finding import NOT_TESTED, RESULTS, Finding
from .judge import judge

CSV_BEGINS = b"claim,source,"
"""The first bytes of the numbers as CSV."""

_MARKS = {True: "✓", False: "✗", None: ""}


def findings(
    results: Results, run_ids: Collection[str] | None = None, claims: Sequence[Claim] = CLAIMS
) -> list[Finding]:
    """What the rows say of each claim at each place.

    Args:
        results: see load.Results.
        run_ids: only these runs; None: all.
        claims: which.

    Raises:
        AnalysisError: no row, or rows that cannot share a table.

    Given folders, it warns as load.warn does.
    """
    store = open_store(results)
    found, cells = findings_and_cells(store, run_ids, claims)
    warn(results, store, cells.differing)
    return found


def findings_and_cells(
    results: Results, run_ids: Collection[str] | None = None, claims: Sequence[Claim] = CLAIMS
) -> tuple[list[Finding], Cells]:
    """The same, and the cells that they are of, with what is known of their rows (see tables.footnotes.cautions)."""
    evidence, cells = read(results, run_ids)
    return [finding for claim in claims for finding in judge(claim, evidence)], cells


def claims_table(found: Sequence[Finding]) -> Sheet:
    """A line for each claim and each place where it was tested, one for all places where it was not."""
    return Sheet(
        name="claims",
        caption="The paper's claims, and what the rows say: gain in points of AUROC by evaluation protocol",
        columns=(
            *("claim", "paper", "says", "where", "result"),
            *(LABELS[protocol] for protocol in PROTOCOLS),
            *("95% over", "n", "settings"),
        ),
        kinds=(KEY, PAPER, PAPER, NOTE, NOTE, *[OURS] * len(PROTOCOLS), NOTE, NOTE, NOTE),
        lines=tuple(_lines(found)),
        notes=_notes(found),
        data=claims_data(found),
    )


def claims_data(found: Sequence[Finding]) -> pd.DataFrame:
    """The numbers of all findings, a line each."""
    return pd.DataFrame([_record(finding) for finding in found])


def _lines(found: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    untested: dict[tuple[Claim, str], list[Place]] = {}
    for finding in found:
        if finding.result == NOT_TESTED and not finding.effects and finding.place:
            untested.setdefault((finding.claim, _result(finding)), []).append(finding.place)
        else:
            yield _line(finding)
    for (claim, result), places in untested.items():
        rest = (GAP,) * len(PROTOCOLS)
        yield (claim.name, claim.source, claim.size, places_text(places), result, *rest, "", "", "")


def _result(finding: Finding) -> str:
    """The result; of what is not tested with the reason."""
    return f"{finding.result}: {finding.why}" if finding.why else finding.result


def _line(finding: Finding) -> tuple[str, ...]:
    claim, effects = finding.claim, list(finding.effects.values())
    where = places_text([finding.place]) if finding.place else finding.words
    texts = (effect_text(finding, protocol) for protocol in PROTOCOLS)
    over = "/".join(dict.fromkeys(effect.over for effect in effects))
    rest = (over, n_text(finding), ", ".join(finding.settings))
    return (claim.name, claim.source, claim.size, where, _result(finding), *texts, *rest)


def n_text(finding: Finding) -> str:
    """`8/10 × 3`: classes of the paper's, and seeds; `8/10 × 3: 23 of 24` where a run is missing among these."""
    if not finding.effects or finding.place is None:
        return ""
    most = max(finding.effects.values(), key=lambda effect: effect.classes * effect.seeds)
    runs = most.classes * most.seeds
    text = f"{most.classes}/{CLASS_COUNTS[finding.place[0]]} × {most.seeds}"
    return text if most.runs == runs else f"{text}: {most.runs} of {runs}"


def places_text(places: Sequence[Place]) -> str:
    """`CIFAR-10 γ .01, .03; MNIST γ .00`."""
    shares: dict[str, list[str]] = {}
    for dataset, gamma in places:
        shares.setdefault(datasets.title(dataset), []).append(formats.gamma(gamma))
    return "; ".join(f"{dataset} {GAMMA} {', '.join(of)}" for dataset, of in shares.items())


def gain_text(finding: Finding, protocol: str) -> str:
    """The gain in points, or in what the claim measures; empty where there is none."""
    effect = finding.effects.get(protocol)
    if effect is None or isinstance(finding.claim.test, Orders):
        return ""
    return formats.difference(effect.interval.estimate) + finding.claim.test.shown_in


def effect_text(finding: Finding, protocol: str) -> str:
    """The gain, its interval and the mark of its outcome."""
    effect = finding.effects.get(protocol)
    if effect is None:
        return GAP
    interval = effect.interval
    text = gain_text(finding, protocol)
    if interval.low is not None and interval.high is not None:
        text += f" ({formats.interval(interval.low / 100, interval.high / 100)})"
    return text + _MARKS[effect.outcome]


def _notes(found: Sequence[Finding]) -> tuple[str, ...]:
    counts = [f"{name}: {sum(finding.result == name for finding in found)}" for name in RESULTS]
    return (
        f"Findings, of one place and setting each: {', '.join(counts)}.",
        "holds: borne out (✓) under eval and recal, where an image's score depends on no other test image. does not: "
        "the opposite (✗) is, under one of them, and neither bears it out; undecided where one was scored for a part "
        "of the runs, and might. only under ordered protocols: these two "
        "leave it open, and it is borne out where the test set is ordered by label and nowhere else. undecided: "
        "nothing of this, or the two say different things. ✓, ✗: p ≤ .05, corrected (Holm) for the claim's places "
        "under the same protocol.",
        "n: classes of the paper's × seeds, and how many runs where some of these are missing; a part of the classes "
        "decides nothing, and a protocol under which a part of the runs was scored has no number. From three seeds on "
        "the interval over fresh seeds decides (t); with fewer the classes do, as they are (Wilcoxon; the interval "
        "over classes beside it is a t of their means), and nothing is said of other seeds. Rows of other settings "
        "than the paper's stand here with their settings.",
        f"Smoother curves: by how much less a point lies off the line through its two neighbours, mean over a curve of "
        f"{ROUGH_FROM} points or more, the same in both.",
        "With labelled anomalies the other methods knew one anomaly class at a time (Ruff et al. 2020), AGAD all.",
    )


def _record(finding: Finding) -> dict[str, Any]:
    dataset, gamma = finding.place or (None, None)
    record: dict[str, Any] = {
        "claim": finding.claim.name,
        "source": finding.claim.source,
        "paper_says": finding.claim.size,
        "dataset": dataset,
        "gamma": gamma,
        "settings": " ".join(finding.settings),
        "result": finding.result,
        "why_not_tested": finding.why,
        "numbers": finding.words,
    }
    for protocol in PROTOCOLS:
        effect = finding.effects.get(protocol)
        ends = (effect.interval.estimate, effect.interval.low, effect.interval.high) if effect else (None,) * 3
        rest = (effect.p_value, effect.over, effect.classes, effect.seeds, effect.runs) if effect else (None,) * 5
        names = ("", "_low", "_high", "_p_holm", "_over", "_classes", "_seeds", "_runs")
        record |= {f"{protocol}{name}": value for name, value in zip(names, (*ends, *rest), strict=True)}
    return record
