"""The first screen: what the paper claims and what the rows say, three numbers, one figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agad.errors import EmptyResultsError

from ..cells import Cells
from ..claims.claim import Claim
from ..claims.finding import DOES_NOT, HOLDS, NOT_TESTED, Finding
from ..claims.short import short_claims
from ..claims.table import claims_table, findings
from ..figures.leakage import leakage_figure
from ..figures.rows import full_title, plain_rows
from ..load import Rows
from ..paper.match import other_classes
from ..paper.numbers import CLASS_COUNTS
from ..tables import formats
from ..tables.footnotes import classes_text
from ..tables.leakage import column, gains, scored
from .page import Number, Section


def first_screen(store: Rows, cells: Cells) -> Section:
    """The claims, the numbers, and the same weights under every protocol; without claims where no run was tested."""
    try:
        found = findings(store, set(cells.runs["run_id"]))
    except EmptyResultsError:
        found = []
    figure = leakage_figure(cells)
    return Section(
        "claims",
        "What the paper claims, and what our rows say",
        sheets=(short_claims(found),) if found else (),
        numbers=tuple(_numbers(cells, found)),
        figures=() if figure is None else (figure,),
        folded=(claims_table(found),) if found else (),
    )


def _numbers(cells: Cells, found: Sequence[Finding]) -> Iterator[Number]:
    """At most three: scored alone, what an ordered test set is worth, claims that rows decide."""
    row = _leading_row(cells)
    if row is not None:
        yield from _of_row(cells, row)
    results: dict[Claim, set[str]] = {}
    for finding in found:
        results.setdefault(finding.claim, set()).add(finding.result)
    if results:
        borne_out, opposite = (sum(result in of for of in results.values()) for result in (HOLDS, DOES_NOT))
        untested = sum(of == {NOT_TESTED} for of in results.values())
        yield Number(
            f"{borne_out} of {len(results)}",
            f"claims borne out somewhere; of {opposite} the opposite is; {untested} not tested yet",
        )


def _leading_row(cells: Cells) -> int | None:
    """Of the figure's rows with most classes that in which an ordered test set gains most, else the first."""
    rows = [row for row in plain_rows(cells) if cells.summary["ok"].iloc[row]]
    most = max((cells.summary["classes"].iloc[row] for row in rows), default=0)
    gained = gains(cells, "batch_shuffled")
    whole = [row for row in rows if cells.summary["classes"].iloc[row] == most]
    ordered = [row for row in whole if row in gained]
    return max(ordered, key=lambda row: gained[row].mean.estimate, default=next(iter(whole), None))


def _of_row(cells: Cells, row: int) -> Iterator[Number]:
    line, title = cells.summary.iloc[row], full_title(cells, row)
    count = classes_text(cells, row)
    classes = cells.rows[row]["dataset"], cells.runs.loc[cells.runs["row"] == row, "class"]
    is_all = count == str(CLASS_COUNTS.get(classes[0])) and not other_classes(*classes)
    whole = is_all and not formats.is_missing(line["paper_avg"])
    beside = f"; the paper prints {line['paper_avg']:.1f}" if whole else f"; classes: {count}"
    words = f"mean AUROC in % where each image is scored alone (eval), {title}{beside}"
    yield Number(formats.auroc(line["avg"]), words)
    gain = gains(cells, "batch_shuffled").get(row)
    if gain is not None and {"batch_shuffled", "batch_normals_first"} <= set(scored(cells)):
        ends = gain.over_classes
        between = "" if ends is None or ends.low is None else f" ({formats.interval(ends.low, ends.high)} over classes)"
        last = formats.auroc(line["avg" + column("batch_normals_first").removeprefix("auroc")])
        yield Number(
            f"{formats.difference(100 * gain.mean.estimate)} points",
            f"from nothing but the order of the test set, normals first{between}: {last}, up in {gain.up} of "
            f"{gain.classes} classes",
        )
