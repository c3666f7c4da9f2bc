"""OurTable: the cells of ours that belong in one table of the paper.

A table takes those cells that are the paper's, whatever else there is. Cells that differ from the project's settings
where the paper is silent (`--set updates=200`) have tables of their own, and are compared with nothing. Where there are
cells with a default of now and with one of earlier versions, the latter count as such. Where cells of one row of the
paper were trained otherwise though all count as its own (fp32 and tf32), one of them is compared and the others have
tables of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from agad.spec.fields import CELL_FIELDS, json_defaults

from ...cells import Cells
from ...paper import numbers as paper
from ...paper.numbers import PaperRow
from ...table_rows import mixed_defaults
from .rivals import Rival, rivals

_TRAINING_FIELDS = tuple(name for name in json_defaults() if name not in (*paper.SCORING_FIELDS, *CELL_FIELDS))
"""Fields without which two rows are of the same weights, and have the same headline AUROC."""
_DEFAULTS = frozenset(f"{name}={value}" for name, value in json_defaults().items())


@dataclass(frozen=True)
class OurTable:
    """The cells of ours that belong in one table of the paper, all of one setting.

    Attributes:
        table: `table1` ….
        settings: `field=value` where the cells leave the project's settings, or have those of earlier versions.
        cells: those cells.
        summary: their numbers (see summary.summarise).
        rivals: other methods that were run here.
        is_second: whether the cells would count as the paper's own, were it not for others of the same rows.
    """

    table: str
    settings: tuple[str, ...]
    cells: Cells
    summary: pd.DataFrame
    rivals: tuple[Rival, ...] = ()
    is_second: bool = False

    @property
    def name(self) -> str:
        """For files: `table2`, `table2-updates=200`."""
        return "-".join((self.table, *self.settings)).replace("/", "_").replace(" ", "_")

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


_Choice = dict[int, int]
"""Number of a row of the paper -> index of ours."""


def our_tables(cells: Cells, table: str) -> list[OurTable]:
    """The cells of one table of the paper, one OurTable for each setting, the paper's own first.

    Where several of our rows are one row of the paper and were trained alike (scored at other updates), the one with
    the most runs is taken.
    """
    chosen = {
        (*settings, *otherwise): (choice, bool(otherwise))
        for settings, candidates in _by_settings(cells, table).items()
        for otherwise, choice in _apart(cells, candidates).items()
    }
    found = []
    for settings in sorted(chosen, key=lambda names: (len(names), names)):
        choice, is_second = chosen[settings]
        part = cells.restrict(set(choice.values()).__contains__, paper.TITLES[table], (table,))
        if part:
            summary = part.summary.copy()
            if settings:
                summary[["verdict", "difference", "half_width"]] = None
            found.append(OurTable(table, settings, part, summary, is_second=is_second))
    return _with_rivals(found, rivals(cells, table))


def _by_settings(cells: Cells, table: str) -> dict[tuple[str, ...], dict[int, list[int]]]:
    """`field=value` where cells leave what counts as the paper's own -> number of its row -> our rows."""
    mixed = mixed_defaults(cells.rows)
    found: dict[tuple[str, ...], dict[int, list[int]]] = {}
    for index, match in enumerate(cells.matches_in((table,))):
        if match:
            earlier = tuple(f"{name}={former}" for name, former in mixed.items() if cells.rows[index][name] == former)
            of_setting = found.setdefault((*earlier, *match.differences), {})
            of_setting.setdefault(paper.rows().index(match.row), []).append(index)
    return found


def _apart(cells: Cells, candidates: Mapping[int, list[int]]) -> dict[tuple[str, ...], _Choice]:
    """`field=value` in which rows were trained otherwise than those that stand for the paper's -> these rows.

    Those with the most runs stand for it, counted over all rows of the paper that were trained in several ways; of
    equally many those with the fewest values that are not this project's.
    """
    runs, ways = Counter(cells.ok["row"]), _ways(cells, candidates.values())
    total: Counter[frozenset[str]] = Counter()
    for rows in candidates.values():
        for row in rows if len(rows) > 1 else ():
            total[ways[row]] += runs[row]

    def rank(row: int) -> tuple[Any, ...]:
        return -total[ways[row]], len(ways[row] - _DEFAULTS), sorted(ways[row]), -runs[row], row

    found: dict[tuple[str, ...], _Choice] = {}
    for number, rows in candidates.items():
        first, *others = sorted(rows, key=rank)
        for row in (first, *others):
            otherwise = tuple(sorted(ways[row] - ways[first]))
            found.setdefault(otherwise, {}).setdefault(number, row)
    return found


def _ways(cells: Cells, candidates: Collection[Sequence[int]]) -> dict[int, frozenset[str]]:
    """Our row -> `field=value` of those fields in which rows of one row of the paper were trained otherwise."""
    groups = [[cells.rows[row] for row in rows] for rows in candidates]
    names = [
        name for name in _TRAINING_FIELDS if any(len({str(values[name]) for values in rows}) > 1 for rows in groups)
    ]
    return {row: frozenset(f"{name}={cells.rows[row][name]}" for name in names) for rows in candidates for row in rows}


def _with_rivals(found: list[OurTable], beside: tuple[Rival, ...]) -> list[OurTable]:
    """Each rival in one of the tables, that with the most runs of its data set: more would only say it again."""

    def runs(ours: OurTable, dataset: str) -> int:
        return int(ours.summary.loc[[row["dataset"] == dataset for row in ours.cells.rows], "ok"].sum())

    def has(ours: OurTable, dataset: str) -> bool:
        return runs(ours, dataset) == max(runs(other, dataset) for other in found) > 0

    placed = {of.row: next((ours for ours in found if has(ours, of.dataset)), None) for of in beside}
    return [replace(ours, rivals=tuple(of for of in beside if placed[of.row] is ours)) for ours in found]
