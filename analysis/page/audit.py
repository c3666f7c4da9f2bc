"""The page of an audit: the answer, what was tested, and the AUROC under every protocol."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from agad import targets
from agad.auditing.result import LABELS, Audit, Line, interval, points

from ..figures.audit import audit_figure
from ..tables.formats import GAP
from ..tables.sheet import KEY, NOTE, OURS, Sheet
from .page import Section, render

TITLE = "Is this AUROC real?"
"""Of the page."""
_WORTH = {
    "order": "your order",
    "worst_order": "normals first",
    "others": "what rests on other test images",
}


def write_audit(found: Audit, model: str, target: Path) -> Path:
    """Write an audit's page, which needs nothing else, into a folder; the path of the page."""
    sections = [
        Section("answer", "The answer", words=(found.sentence,), figures=(audit_figure(found.lines),)),
        Section("findings", "What was tested", sheets=(findings_sheet(found),)),
        Section("protocols", "Every protocol", sheets=(_protocols(found), *_worth(found))),
        Section("how", "How to read this", words=_how(found)),
    ]
    page = target / "index.html"
    text = render(TITLE, _lead(found, model), sections, files=False, paper=False)
    targets.replace_text(page, text)
    return page


def _lead(found: Audit, model: str) -> str:
    facts = found.facts
    batch = "all at once" if facts["batch"] is None else f"in batches of {facts['batch']}"
    normal = f" Normal: {facts['normal']}." if facts.get("normal") else ""
    return (
        f"{model}: AUROC {points(found.auroc.value)}{interval(found.auroc)} on {facts['images']} test images, "
        f"{facts['anomalies']} of them anomalous, scored {batch}.{normal}"
    )


def findings_sheet(found: Audit) -> Sheet:
    """One line for each thing that was tested, the worst first."""
    return Sheet(
        name="findings",
        caption="What was tested",
        columns=("", "finding"),
        kinds=(KEY, NOTE),
        lines=tuple((one.severity, one.sentence) for one in found.findings),
        data=pd.DataFrame([{"severity": f.severity, "kind": f.kind, "finding": f.sentence} for f in found.findings]),
    )


def _protocols(found: Audit) -> Sheet:
    failed = tuple(f"{LABELS[line.protocol]}: {line.note}." for line in found.lines if line.note)
    return Sheet(
        name="protocols",
        caption="AUROC under every protocol",
        columns=(
            "statistics and order",
            "batch",
            "AUROC",
            "95% interval",
            "shuffles",
            "lowest",
            "highest",
            "other images",
        ),
        kinds=(KEY, OURS, OURS, OURS, OURS, OURS, OURS, NOTE),
        lines=tuple(_line(line) for line in found.lines),
        notes=("Intervals are over test images, by DeLong's variance.", *failed),
        data=pd.DataFrame([_numbers(line) for line in found.lines]),
    )


def _line(line: Line) -> tuple[str, ...]:
    batch = "all" if line.batch is None else str(line.batch)
    if line.auroc is None or line.lowest is None or line.highest is None:
        return (LABELS[line.protocol], batch, GAP, GAP, GAP, GAP, GAP, "failed")
    between = GAP if line.auroc.low is None else f"{points(line.auroc.low)} to {points(line.auroc.high or 0.0)}"
    ends = (points(line.lowest), points(line.highest)) if line.repeats > 1 else ("", "")
    depends = "no matter" if line.independent else "matter"
    return (LABELS[line.protocol], batch, points(line.auroc.value), between, str(line.repeats), *ends, depends)


def _numbers(line: Line) -> dict[str, object]:
    auroc = line.auroc
    return {
        "protocol": line.protocol,
        "batch": line.batch,
        "auroc": auroc and auroc.value,
        "low": auroc and auroc.low,
        "high": auroc and auroc.high,
        "repeats": line.repeats,
        "lowest": line.lowest,
        "highest": line.highest,
        "independent": line.independent,
    }


def _worth(found: Audit) -> list[Sheet]:
    if not found.worth:
        return []
    sheet = Sheet(
        name="worth",
        caption="What the order and the other images are worth, in points of AUROC",
        columns=("what", "points", "95% interval", "difference of"),
        kinds=(KEY, OURS, OURS, NOTE),
        lines=tuple(
            (
                _WORTH[one.name],
                points(one.difference.value),
                interval(one.difference).removeprefix(" (95% interval ").removesuffix(")") or GAP,
                f"{LABELS[one.minuend]} − {LABELS[one.subtrahend]}",
            )
            for one in found.worth
        ),
        data=pd.DataFrame(
            [
                {"what": w.name, "points": 100 * w.difference.value, "of": w.minuend, "minus": w.subtrahend}
                for w in found.worth
            ]
        ),
    )
    return [sheet]


def _how(found: Audit) -> tuple[str, ...]:
    facts = found.facts
    share = facts["tolerance"] / facts["spread"] if facts["spread"] else 0.0
    return (
        "The model, its weights and the test images are the same in every line; only the statistics of batch norm, the "
        "order and the size of the batches differ. A difference between two lines was not learnt.",
        f"{facts['batch_norms']} batch norm layers were found among the {facts['modules']} modules that were called; "
        f"{facts['batch_norms_in_batch_mode']} of them took their statistics from the batch.",
        "Between batches of one shape, an image's score must have the same bits. Between batches of other sizes or "
        f"orders, differences up to {facts['tolerance']:.2g}, {share:.1g} SD of the scores, count as rounding.",
        "Images are compared with training images by their pixels: cropped or compressed copies are not found.",
    )
