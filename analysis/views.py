"""Studies as a notebook shows them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from agad.errors import EmptyResultsError
from agad.plan.study import read_studies

from .cells import read_all
from .figures.drawing import Drawing
from .figures.studies import study_figures
from .load import open_store
from .studies import study_text, trials_table
from .tables.sheet import Sheet
from .tables.tuned import tuned_table


@dataclass(frozen=True)
class View:
    """Words, tables and figures, one below the other."""

    parts: tuple[str | Sheet | Drawing, ...]

    def _repr_html_(self) -> str:
        texts = [html.escape(part) if isinstance(part, str) else part._repr_html_() for part in self.parts]
        return "\n".join(f"<div>{text}</div>" for text in texts)


def studies_view(results: str | Path) -> View:
    """Each study of a results folder: what was done, its best trials, its pictures."""
    parts: list[str | Sheet | Drawing] = []
    studies, damaged = read_studies([Path(results)])
    for study in studies:
        parts += [study_text(study), trials_table(study), *study_figures(study)]
    parts += damaged
    return View(tuple(parts) or (f"There is no study in {results}; sweeps/tune.py makes one.",))


def tuned_view(results: str | Path) -> View:
    """Default and tuned side by side on the test set, of each plan that takes values over from a study."""
    store = open_store(results)
    try:
        tunings = read_all(store).tunings
    except EmptyResultsError:
        tunings = ()
    sheets = [tuned_table(store, tuning) for tuning in tunings]
    found = tuple(sheet for sheet in sheets if sheet is not None)
    return View(found or ("No table here has values from a study: launch.py --set-from-study makes one.",))
