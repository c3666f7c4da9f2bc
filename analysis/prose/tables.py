"""Tables: those that a page can hold, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agad.errors import AnalysisError
from agad.plan.plan import find_plan

from .. import curves
from ..claims.table import claims_table
from ..tables import agreement, contrast, leakage
from ..tables.sheet import Sheet
from ..tables.table import plan_table
from .facts import Facts


def table(facts: Facts, question: str) -> str:
    """A table as Markdown: `FOLDER results|classes|protocols|agreement|contrast`, or `claims` of all folders."""
    if question == "claims":
        return claims_table(folders(facts.place)).to_markdown()
    folder, _, name = question.partition(" ")
    if name not in _OF_FOLDER:
        raise AnalysisError(f"`{question}`: a table is `claims`, or FOLDER and one of {', '.join(_OF_FOLDER)}")
    sheet = _OF_FOLDER[name](facts, folder)
    if sheet is None:
        raise AnalysisError(f"`{question}`: there are no rows for it")
    return sheet.to_markdown()


def folders(place: Path) -> list[Path]:
    """The results folders of a place, in order."""
    return sorted(path.parent for path in place.glob("*/plans"))


def _plan_sheet(results: Path, number: int) -> Sheet:
    return plan_table(results, find_plan(results)).sheets[number]


def _protocols(facts: Facts, folder: str) -> Sheet | None:
    cells = facts.cells(folder)
    return leakage.leakage_table(cells, curves.read(facts.place / folder, cells.runs["run_id"]))


def _agreement(facts: Facts, folder: str) -> Sheet | None:
    return agreement.agreement_table(facts.cells(folder))


def _contrast(facts: Facts, folder: str) -> Sheet | None:
    return contrast.contrast_table(facts.cells(folder))


def _results(facts: Facts, folder: str) -> Sheet | None:
    return _plan_sheet(facts.place / folder, 0)


def _classes(facts: Facts, folder: str) -> Sheet | None:
    return _plan_sheet(facts.place / folder, 1)


_OF_FOLDER: dict[str, Callable[[Facts, str], Sheet | None]] = {
    "results": _results,
    "classes": _classes,
    "protocols": _protocols,
    "agreement": _agreement,
    "contrast": _contrast,
}
