"""Studies, and what is known of rows, as a notebook shows them."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from pathlib import Path

from agad import console
from agad.errors import EmptyResultsError
from agad.plan.study import read_studies

from .cells import Cells, damaged_files, read_all, since
from .figures.drawing import Drawing
from .figures.studies import study_figures
from .load import open_store
from .studies import study_text, trials_table
from .tables import footnotes
from .tables.sheet import Sheet, html_notes, markdown, markdown_notes
from .tables.tuned import tuned_table


@dataclass(frozen=True)
class Notes:
    """Sentences below a title.

    Attributes:
        title: one line of words.
        notes: the sentences.
    """

    title: str
    notes: tuple[str, ...]

    def to_markdown(self) -> str:
        """The title and a list."""
        return f"**{markdown(self.title)}**\n\n{markdown_notes(self.notes)}"

    def _repr_html_(self) -> str:
        return console.printable(f"<p><b>{html.escape(self.title)}</b></p>{html_notes(self.notes)}")


@dataclass(frozen=True)
class View:
    """Words, tables and figures, one below the other."""

    parts: tuple[str | Sheet | Drawing | Notes, ...]

    def _repr_html_(self) -> str:
        texts = [html.escape(part) if isinstance(part, str) else part._repr_html_() for part in self.parts]
        return "\n".join(f"<div>{text}</div>" for text in texts)


def rows_view(cells: Cells) -> Notes:
    """What a reader must know of the rows before their numbers: which are missing, damaged or mixed, and of what."""
    return Notes(cells.title, (footnotes.coverage(cells, cells.summary), *footnotes.cautions(cells)))


def studies_view(results: str | Path) -> View:
    """Each study of a results folder: what was done, its best trials, its pictures."""
    parts: list[str | Sheet | Drawing | Notes] = []
    studies, damaged = read_studies([Path(results)])
    for study in studies:
        parts += [study_text(study), trials_table(study), *study_figures(study)]
    parts += damaged
    return View(tuple(parts) or (f"There is no study in {results}; sweeps/tune.py makes one.",))


def tuned_view(results: str | Path) -> View:
    """Default and tuned side by side on the test set, of each plan that takes values over from a study.

    Above them is what is known of the rows, but for what stands below a table.
    """
    store = open_store(results)
    try:
        cells = read_all(store)
    except EmptyResultsError:
        return View((_NOTHING_TUNED, *map(footnotes.passed_over, damaged_files(store))))
    found = [tuned_table(store, tuning) for tuning in cells.tunings]
    sheets = [sheet for sheet in found if sheet is not None]
    if not sheets:
        return View((_NOTHING_TUNED, *map(footnotes.passed_over, cells.damaged)))
    known, below = rows_view(since(cells, store)), {note for sheet in sheets for note in sheet.notes}
    return View((replace(known, notes=tuple(note for note in known.notes if note not in below)), *sheets))


_NOTHING_TUNED = "No table here has values from a study: launch.py --set-from-study makes one."
