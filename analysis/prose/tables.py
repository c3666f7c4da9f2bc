"""Tables: those that a page can hold, by name."""

from __future__ import annotations

from collections.abc import Callable

from agad.errors import AnalysisError

from ..claims.brief import brief_claims
from ..claims.short import short_claims
from ..claims.table import claims_table
from ..tables import agreement, contrast, leakage
from ..tables.sheet import Sheet
from ..tables.table import cells_table
from .facts import Facts
from .overlap import overlap_table


def table(facts: Facts, question: str) -> str:
    """A table as Markdown.

    `FOLDER results|classes|protocols|agreement|contrast`; of all folders `claims`, `claims short`, `claims brief`,
    `overlap DATASET`.
    """
    if question.startswith("overlap "):
        return _overlap(facts, question.removeprefix("overlap ")).to_markdown()
    if question in _OF_CLAIMS:
        return _OF_CLAIMS[question](facts.claims()).to_markdown()
    folder, _, name = question.partition(" ")
    if name not in _OF_FOLDER:
        raise AnalysisError(
            f"`{question}`: a table is one of {', '.join(_OF_CLAIMS)}, overlap DATASET, "
            f"or FOLDER and one of {', '.join(_OF_FOLDER)}"
        )
    sheet = _OF_FOLDER[name](facts, folder)
    if sheet is None:
        raise AnalysisError(f"`{question}`: there are no rows for it")
    return sheet.to_markdown()


_OF_CLAIMS = {"claims": claims_table, "claims short": short_claims, "claims brief": brief_claims}

_Row = tuple[str, str, dict[str, str], str]
"""What is shown, a folder, the fields that choose a row of it, and the evaluation protocol."""

_BESIDE_OVERLAP: tuple[_Row, ...] = (
    ("nearest neighbours", "floor", {"method": "knn", "features": "pixels"}, "eval"),
    ("nearest neighbours, gcn", "floor", {"method": "knn", "features": "gcn"}, "eval"),
    ("AGAD", "gamma0", {}, "eval_recal"),
    ("AGAD", "gamma0", {}, "eval"),
)
_ALSO: dict[str, tuple[_Row, ...]] = {
    "cifar10": (("UNet++", "unetpp", {}, "eval_recal"), ("UNet++", "unetpp", {}, "batch_normals_first")),
}


def _overlap(facts: Facts, dataset: str) -> Sheet:
    columns = []
    for name, folder, fields, protocol in (*_BESIDE_OVERLAP, *_ALSO.get(dataset, ())):
        cells = facts.one_row(folder, {"dataset": dataset, **fields})
        updates = cells.rows[0]["updates"]
        trained = f" ({updates:,} updates), {leakage.LABELS[protocol]}" if updates else ""
        columns.append((f"{name}{trained}", cells, leakage.column(protocol)))
    return overlap_table(facts.place, dataset, columns)


def _protocols(facts: Facts, folder: str) -> Sheet | None:
    return leakage.leakage_table(facts.cells(folder), facts.points(folder))


def _agreement(facts: Facts, folder: str) -> Sheet | None:
    return agreement.agreement_table(facts.cells(folder))


def _contrast(facts: Facts, folder: str) -> Sheet | None:
    return contrast.contrast_table(facts.cells(folder))


def _results(facts: Facts, folder: str) -> Sheet | None:
    return cells_table(facts.cells(folder)).sheets[0]


def _classes(facts: Facts, folder: str) -> Sheet | None:
    return cells_table(facts.cells(folder)).sheets[1]


_OF_FOLDER: dict[str, Callable[[Facts, str], Sheet | None]] = {
    "results": _results,
    "classes": _classes,
    "protocols": _protocols,
    "agreement": _agreement,
    "contrast": _contrast,
}
