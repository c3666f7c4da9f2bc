"""Sources: the rows that pages are written from, and what makes their numbers doubtful."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from agad.plan.plan import Plan, find_plan

from .. import curves
from ..cells import Cells, read
from ..claims.finding import Finding
from ..claims.table import findings_and_cells
from ..load import Rows, check_whole, open_store
from ..tables.footnotes import in_short


def folders(place: Path) -> list[Path]:
    """The results folders of a place, in order."""
    return sorted(path.parent for path in place.glob("*/plans"))


class Sources:
    """What pages are written from: the results folders of one place, each read once.

    AnalysisError, one line, where rows that it reads contradict each other, or a file of them is damaged.

    Attributes:
        place: the folder that holds them.
        doubts: what makes numbers doubtful that were asked for (tables.footnotes.in_short), and the folders of each.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.doubts: dict[str, list[str]] = {}
        self.store, self.cells = cache(self._store), cache(self._cells)
        self.points, self.claims = cache(self._points), cache(self._claims)

    def _store(self, folder: str) -> Rows:
        return open_store(self.place / folder)

    def _cells(self, folder: str) -> Cells:
        store = self.store(folder)
        return self._whole(read(store, Plan.load(find_plan(store.paths[0]))), store, folder)

    def _points(self, folder: str) -> pd.DataFrame:
        cells, store = self.cells(folder), self.store(folder)
        found = curves.read(store, set(cells.runs["run_id"]))
        check_whole(store, cells.differing)
        return found

    def _claims(self) -> list[Finding]:
        """What the rows of all folders say of the paper's claims."""
        store = open_store(folders(self.place))
        found, cells = findings_and_cells(store)
        self._whole(cells, store, "all folders")
        return found

    def _whole(self, cells: Cells, store: Rows, folder: str) -> Cells:
        """The cells of a folder, whose doubts are noted. AnalysisError where no page should have their numbers."""
        check_whole(store, cells.differing)
        if doubt := in_short(cells):
            self.doubts.setdefault(doubt, []).append(folder)
        return cells
