"""Cells: runs joined with their rows and sorted into the rows of a table.

A table's row is everything that differs in neither class nor seed; its cell is one class; a cell's runs are the
seeds. Gaps stay visible: every run that a plan wants is counted, whatever became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad import files
from agad.errors import AnalysisError, EmptyResultsError
from agad.plan.plan import Plan, load_plans, plan_files
from agad.plan.tuned import Tuned
from agad.spec.run import ORDER_PROTOCOLS, RunSpec
from agad.store.folder import ResultsFolder
from agad.store.schema import DIGEST_COLUMNS, MEASURED_COLUMNS, SPEC_COLUMNS

from . import same_data, stats, table_rows
from .load import Results, Rows, open_store
from .paper import numbers as paper
from .paper.match import PRUNED, Match, find_match, other_classes
from .summary import AUROC_COLUMNS, CELL, HEADLINE, aligned_runs, beside_paper, class_means, summarise, whole_rows

if TYPE_CHECKING:
    import pyarrow as pa

RUN_COLUMNS = (
    *("run_id", "status", "attempt", "failure_kind", "failure_message", "failure_update", *DIGEST_COLUMNS),
    *AUROC_COLUMNS,
    *(f"auroc_{protocol}_each" for protocol in ORDER_PROTOCOLS),
    *("code_digest", "git_clean", "threads", "together", "device", "device_name", "instruction_set", "torch_version"),
    *("libraries", "resumed_from", "host", "git_commit", "parameters_g", "train_seconds", "eval_seconds"),
    *MEASURED_COLUMNS,
    *("raw_digest", "class_names", "data_notes", "tuned_by"),
)
_LOOKUP_ORDER = ("table2", "table1", "table9", "table4", "table5", "table3")


@dataclass(frozen=True)
class Cells:
    """Runs, the table rows that they belong to, and what became of them.

    Attributes:
        title: of the table, overrides included.
        rows: the spec values of each table row, class and seed taken out; lists as in a plan file.
        runs: a line per wanted run: `run_id`, `row` (index into rows), `class`, `known` (the one known anomaly class
            that is part of the cell, or NO_CLASS), `seed`, `status` (missing where no row is stored yet),
            AUROC_COLUMNS in [0, 1] and MEASURED_COLUMNS in ms (NaN unless ok), failure, provenance.
        tables: of the paper, in the order in which a row is looked up in them.
        damaged: files of the results folder that could not be read, as text.
        unchecked: how many of its files of rows have no checksums.
        differing: runs with several ok rows that do not agree (agad.store.repeats.differences).
        plan_code_digest: of the sources that made the plan; None if unknown.
        tunings: the studies that found values of some runs.
        planned: whether a plan says which runs are wanted; else those that have rows.
        unplanned: rows with a test score that lie beside plans, none of which has their run.
        without_plan: runs that are of folders without a plan, where others have one.
        set_aside: files that compaction has found damaged, and moved out of the way.
        margin: within which a mean counts as the paper's, in percentage points.
    """

    title: str
    rows: tuple[Mapping[str, Any], ...]
    runs: pd.DataFrame
    tables: tuple[str, ...] = _LOOKUP_ORDER
    damaged: tuple[str, ...] = ()
    plan_code_digest: str | None = None
    tunings: tuple[Tuned, ...] = ()
    margin: float = stats.MARGIN
    unchecked: int = 0
    differing: Mapping[str, float] = field(default_factory=dict)
    planned: bool = True
    unplanned: int = 0
    without_plan: int = 0
    set_aside: int = 0

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The runs that ended well."""
        return self.runs[self.runs["status"] == "ok"]

    @property
    def complete(self) -> bool:
        """Whether every run that is wanted is ok."""
        return bool((self.runs["status"] == "ok").all())

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Fields of RunSpec in which the rows differ, after `dataset` and `gamma`."""
        return table_rows.telling_fields(self.rows)

    @cached_property
    def matches(self) -> tuple[Match | None, ...]:
        """The paper's row for each of ours."""
        return self.matches_in(self.tables)

    def matches_in(self, tables: tuple[str, ...]) -> tuple[Match | None, ...]:
        """The same of some tables; a row with pruned runs, or other classes, is not compared with the paper's."""
        found = (find_match(values, tables) for values in self.rows)
        return tuple(
            match and replace(match, differences=(*match.differences, *self._beyond(row)))
            for row, match in enumerate(found)
        )

    def _beyond(self, row: int) -> tuple[str, ...]:
        """What keeps the runs of a row from being the paper's, beside its settings."""
        pruned = (PRUNED,) if row in self.pruned else ()
        return (*other_classes(self.rows[row]["dataset"], self._classes[row]), *pruned)

    @cached_property
    def _classes(self) -> dict[int, tuple[int, ...]]:
        wanted = self.runs.groupby("row")["class"].unique()
        return {int(str(row)): tuple(map(int, classes)) for row, classes in wanted.items()}

    @cached_property
    def pruned(self) -> frozenset[int]:
        """Rows of which a scheduler ended runs for their scores, so that a mean of the others is too high."""
        return frozenset(self.runs.loc[self.runs["status"] == "pruned", "row"])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The numbers of each row (see summary.summarise)."""
        crossed = self.crossed()
        pairs = self.runs.groupby("row")["known"].nunique()  # of pairs that share their seeds an SD has no known end
        alone = {row: found for row, found in crossed.items() if pairs[row] == 1}
        return summarise(self.runs, alone, self.beside_paper(), self.shared)

    def crossed(self, value: str = HEADLINE) -> dict[int, stats.Runs]:
        """Row -> one column of AUROCs by class and seed (see stats.by_class); rows without a run are absent."""
        return self.crossed_of(self.aligned(value))

    def crossed_of(self, of_cells: Mapping[int, NDArray[np.float64]]) -> dict[int, stats.Runs]:
        """The same of numbers by cell and seed, as `aligned` gives them."""
        found = {row: stats.trimmed(stats.by_class(values, self.class_of_cell)) for row, values in of_cells.items()}
        return {row: values for row, values in found.items() if values is not None}

    @cached_property
    def class_of_cell(self) -> NDArray[np.int64]:
        """The class of each cell, in the order of `aligned`."""
        return stats.class_of_cell(self.runs, CELL)

    @cached_property
    def _aligned(self) -> dict[str, dict[int, NDArray[np.float64]]]:
        return {}

    def aligned(self, value: str = HEADLINE) -> dict[int, NDArray[np.float64]]:
        """Row -> the same, with NaN for the cells and seeds of other rows (see summary.aligned_runs)."""
        if value not in self._aligned:
            self._aligned[value] = aligned_runs(self.runs, value)
        return self._aligned[value]

    @cached_property
    def _beside_paper(self) -> dict[str, pd.DataFrame]:
        return {}

    def beside_paper(self, value: str = HEADLINE) -> pd.DataFrame:
        """Each row beside the paper's in one column of AUROCs (see summary.beside_paper)."""
        if value not in self._beside_paper:
            whole = whole_rows(self.runs, self.runs[value])
            crossed = {row: runs for row, runs in self.crossed(value).items() if row in whole}
            self._beside_paper[value] = beside_paper(self.runs, crossed, self.matches, self.shared, self.margin)
        return self._beside_paper[value]

    @cached_property
    def shared(self) -> tuple[bool, ...]:
        """Of each row, whether a seed means the same initial weights and batches in all classes."""
        return tuple(map(table_rows.seeds_shared, self.rows))

    def class_means(self, value: str = HEADLINE) -> pd.DataFrame:
        """`row`, `class`, `known`, `mean`, `sd` (ddof 1) and `n` of each cell that has a run."""
        return class_means(self.runs, value)

    def of_task(self, task: str) -> Cells | None:
        """The cells that train, or those that time a generator (RunSpec.task); None where there is none."""
        if all(values["task"] == task for values in self.rows):
            return self
        return self.restrict(lambda index: self.rows[index]["task"] == task, self.title)

    def restrict(self, keep: Callable[[int], bool], title: str, tables: tuple[str, ...] | None = None) -> Cells | None:
        """The cells of some table rows, by their index; None where none is left."""
        indices = [index for index in range(len(self.rows)) if keep(index)]
        if not indices:
            return None
        new_index = {old: new for new, old in enumerate(indices)}
        runs = self.runs[self.runs["row"].isin(indices)]
        return replace(
            self,
            title=title,
            rows=tuple(self.rows[index] for index in indices),
            runs=runs.assign(row=runs["row"].map(new_index)).reset_index(drop=True),
            tables=self.tables if tables is None else tables,
        )


def read(results: Results, plan: Plan) -> Cells:
    """Join a plan with the rows of a results folder. AnalysisError where those are of different data."""
    store = open_store(results)
    stored = store.read(columns=RUN_COLUMNS, run_ids=set(plan.run_ids)).to_pandas()
    rows, wanted = table_rows.of_plan(plan)
    tables = tuple(dict.fromkeys((plan.grid, *_LOOKUP_ORDER) if plan.grid in paper.TABLES else _LOOKUP_ORDER))
    runs = wanted.merge(stored, on="run_id", how="left", validate="one_to_one")
    title = f"{paper.TITLES[plan.grid]} — {plan.title}" if plan.grid in paper.TITLES else plan.title
    tunings = () if plan.tuned is None else (plan.tuned,)
    return with_store(_cells(title, rows, runs, tables, (), plan.code or None, tunings), store)


def read_all(results: Results) -> Cells:
    """Everything in some results folders: the runs of all plans, and all rows of a folder that has no plan.

    EmptyResultsError where there is neither, AnalysisError where the rows cannot share a table.
    """
    store = open_store(results)
    loaded = {path: load_plans(plan_files(path)) for path in store.paths}
    plans_in = {path: [plan for _, plan in found] for path, (found, _) in loaded.items()}
    unread = tuple(line for _, lines in loaded.values() for line in lines)
    plans = [plan for of in plans_in.values() for plan in of]
    if plans:
        without = [path for path, of in plans_in.items() if not of]
        planned = [spec for plan in plans for spec in plan.specs]
        specs = tuple(dict.fromkeys((*planned, *_specs_of_rows(without))))
        unasked = len(specs) - len(set(planned))
        title = " + ".join(dict.fromkeys(plan.title for plan in plans))
        title = title if len(store.paths) == 1 else ", ".join(path.name for path in store.paths)
        tunings = tuple(plan.tuned for plan in plans if plan.tuned is not None)
        cells = read(store, Plan("all plans", (), (), specs))
        beside = _unplanned([path for path, of in plans_in.items() if of], {spec.run_id for spec in specs})
        cells = replace(cells, damaged=(*unread, *cells.damaged), unplanned=beside, without_plan=unasked)
        return replace(cells, title=title, tunings=tunings)
    rows = store.read(columns=("semantics_version", *SPEC_COLUMNS, *RUN_COLUMNS))
    rows = rows.filter(rows["evaluate_test"])  # a study's runs have no test score
    damaged = (*unread, *damaged_files(store))
    if rows.num_rows == 0:
        torn = f" that can be read; {damaged[0]}" if damaged else ""
        raise EmptyResultsError(f"{store}: no plan and no row{torn}")
    title = ", ".join(path.name for path in store.paths)
    return replace(with_store(of_rows(rows, title), store), damaged=damaged)


def with_store(cells: Cells, store: Rows) -> Cells:
    """Cells with what the reading of their rows showed of the files, and of other rows of their runs."""
    run_ids = set(cells.runs["run_id"])
    differing = {run_id: apart for run_id, apart in store.differing.items() if run_id in run_ids}
    gone = sum(len(files.names(ResultsFolder(path).set_aside)) for path in store.paths)
    cells = replace(cells, damaged=damaged_files(store), set_aside=gone)
    return replace(cells, unchecked=len(store.unchecked), differing=differing)


def since(cells: Cells, store: Rows) -> Cells:
    """The same with files that were found damaged since, in scores or curves that were read after these cells."""
    return replace(cells, damaged=tuple(dict.fromkeys((*cells.damaged, *damaged_files(store)))))


def _specs_of_rows(paths: Sequence[Path]) -> list[RunSpec]:
    """The specs of all rows with a test score in some results folders."""
    if not paths:
        return []
    rows = open_store(paths).read(columns=SPEC_COLUMNS).to_pylist()
    # A field that is younger than the row is null there, and takes its default.
    whole = [{name: of for name, of in row.items() if of is not None} for row in rows if row["evaluate_test"]]
    return [RunSpec.from_dict(row) for row in whole]


def _unplanned(paths: Sequence[Path], run_ids: Collection[str]) -> int:
    """How many runs with a test score in these folders are none of those."""
    rows = open_store(paths).read(columns=("run_id", "evaluate_test"))
    return len(set(rows.filter(rows["evaluate_test"])["run_id"].to_pylist()).difference(run_ids))


def of_rows(rows: pa.Table, title: str) -> Cells:
    """Cells of stored rows alone, without a plan: which runs are missing is unknown then."""
    versions = sorted(set(rows["semantics_version"].to_pylist()))
    if len(versions) > 1:
        raise AnalysisError(f"rows of semantics {' and '.join(map(str, versions))} cannot share a table; choose a plan")
    distinct, index = table_rows.distinct(rows)
    one_vs_rest = np.asarray(rows["protocol"].to_pandas() == "one_vs_rest")
    normal, abnormal = rows["normal_class"].to_pandas(), rows["abnormal_class"].to_pandas()
    runs = rows.select([*RUN_COLUMNS, "seed"]).to_pandas().assign(row=index, known=table_rows.NO_CLASS)
    runs["class"] = np.where(one_vs_rest, normal, abnormal).astype(int)
    return replace(_cells(title, distinct, runs), planned=False)


def damaged_files(store: Rows) -> tuple[str, ...]:
    """Files that the store's readings passed over, wholly or in part, and why."""
    return tuple(f"{damaged.path.name}: {damaged.reason}" for damaged in store.damaged)


def _cells(title: str, rows: table_rows.TableRows, runs: pd.DataFrame, *rest: Any) -> Cells:
    """Cells without the numbers of runs that are not ok. AnalysisError for rows of different data."""
    runs.loc[runs["status"] != "ok", [*AUROC_COLUMNS, *MEASURED_COLUMNS]] = np.nan
    same_data.check(rows, runs)
    return Cells(title, *table_rows.join_one_known(rows, runs), *rest)
