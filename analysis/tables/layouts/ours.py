"""OurTable: the cells of ours that belong in one table of the paper.

A table takes those cells that are the paper's, whatever else there is. Cells that differ from the project's settings
where the paper is silent (`--set updates=200`) have tables of their own, and are compared with nothing. Where there are
cells with a default of now and with one of earlier versions, the latter count as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ... import stats
from ...cells import Cells
from ...paper import numbers as paper
from ...paper.match import Match, find_match
from ...paper.numbers import PaperRow
from ...table_rows import mixed_defaults
from .rivals import Rival, rivals


@dataclass(frozen=True)
class OurTable:
    """The cells of ours that belong in one table of the paper, all of one setting.

    Attributes:
        table: `table1` ….
        settings: `field=value` where the cells leave the project's settings, or have those of earlier versions.
        cells: those cells.
        summary: their numbers (see summary.summarise).
        rivals: other methods that were run here.
    """

    table: str
    settings: tuple[str, ...]
    cells: Cells
    summary: pd.DataFrame
    rivals: tuple[Rival, ...] = ()

    @property
    def name(self) -> str:
        """For files: `table2`, `table2-updates=200`."""
        return "-".join((self.table, *self.settings)).replace("/", "_")

    @property
    def title(self) -> str:
        """The table's title with the settings."""
        settings = f" ({', '.join(self.settings)})" if self.settings else ""
        return paper.TITLES[self.table] + settings

    def line_of(self, row: PaperRow) -> Mapping[str, Any] | None:
        """Our numbers of a row of the paper; None where there is no such cell."""
        for index, match in enumerate(self.cells.matches):
            if match and match.row == row:
                return {str(name): value for name, value in self.summary.iloc[index].items()}
        return None

    def class_means_of(self, row: PaperRow) -> dict[int, float]:
        """Class -> our mean over seeds in [0, 1], of a row of the paper."""
        for index, match in enumerate(self.cells.matches):
            if match and match.row == row:
                means = self.cells.class_means()
                means = means[means["row"] == index]
                return dict(zip(means["class"], means["mean"], strict=True))
        return {}


def our_tables(cells: Cells, table: str) -> list[OurTable]:
    """The cells of one table of the paper, one OurTable for each setting, the paper's own first.

    Where several of our rows are one row of the paper (trained alike, scored at other updates), the one with the most
    runs is taken.
    """
    mixed = mixed_defaults(cells.rows)
    ok = cells.ok.groupby("row").size()
    chosen: dict[tuple[str, ...], dict[int, int]] = {}
    for index, match in enumerate(matches(cells, table)):
        if match:
            earlier = tuple(f"{name}={former}" for name, former in mixed.items() if cells.rows[index][name] == former)
            of_setting = chosen.setdefault((*earlier, *match.differences), {})
            number = paper.rows().index(match.row)
            rival = of_setting.get(number)
            if rival is None or ok.get(index, 0) > ok.get(rival, 0):
                of_setting[number] = index
    found = []
    for settings in sorted(chosen, key=lambda names: (len(names), names)):
        part = cells.restrict(set(chosen[settings].values()).__contains__, paper.TITLES[table], (table,))
        if part:
            summary = _verdicts_on_whole_rows(part, part.summary)
            if settings:
                summary[["verdict", "difference", "half_width"]] = None
            found.append(OurTable(table, settings, part, summary))
    return _with_rivals(found, rivals(cells, table))


def _with_rivals(found: list[OurTable], beside: tuple[Rival, ...]) -> list[OurTable]:
    """Each rival in one of the tables, that with the most runs of its data set: more would only say it again."""

    def runs(ours: OurTable, dataset: str) -> int:
        return int(ours.summary.loc[[row["dataset"] == dataset for row in ours.cells.rows], "ok"].sum())

    def has(ours: OurTable, dataset: str) -> bool:
        return runs(ours, dataset) == max(runs(other, dataset) for other in found) > 0

    placed = {of.row: next((ours for ours in found if has(ours, of.dataset)), None) for of in beside}
    return [replace(ours, rivals=tuple(of for of in beside if placed[of.row] is ours)) for ours in found]


def _verdicts_on_whole_rows(cells: Cells, summary: pd.DataFrame) -> pd.DataFrame:
    """Without the verdicts on a part of a row's classes: a table of the paper has all of them."""
    wanted = [paper.CLASS_COUNTS[match.row.dataset] if match else 0 for match in cells.matches]
    summary = summary.copy()
    part = (summary["classes"] < wanted) & summary["verdict"].notna()
    summary.loc[part, "verdict"] = stats.NOT_ENOUGH
    summary.loc[part, ["difference", "half_width"]] = None
    return summary


def matches(cells: Cells, table: str) -> list[Match | None]:
    """The row of one table of the paper for each of our rows."""
    return [find_match(values, (table,)) for values in cells.rows]
