"""Cells: runs joined with their rows and sorted into the lines of a table.

A table's row is everything that differs in neither class nor seed; its cell is one class; a cell's runs are the
seeds. What is not there stays visible: every run that a plan wants is counted, whatever became of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from agad.plan.plan import Plan, plan_files
from agad.plan.tuned import Tuned
from agad.spec import datasets
from agad.spec.fields import CELL_FIELDS, LEADING_FIELDS
from agad.spec.run import EVAL_PROTOCOLS
from agad.store.schema import MEASURED_COLUMNS, SPEC_COLUMNS

from . import stats
from .errors import AnalysisError, NothingThereError
from .load import open_store, spec_defaults
from .paper import numbers as paper

if TYPE_CHECKING:
    import pyarrow as pa

    from agad.store.rows import ResultStore

HEADLINE = "auroc"

AUROC_COLUMNS = (HEADLINE, *(f"auroc_{name}" for name in EVAL_PROTOCOLS if name != "eval"), "auroc_oracle")
"""AUROCs of a row, in [0, 1]: the headline (eval, last update), the other protocols, the best curve point."""

MIXTURE_COLUMNS = (
    *("code_digest", "git_clean", "threads", "together", "device", "device_name", "instruction_set", "torch_version"),
)
"""How a row was made: a mixture is named under the table, not refused."""

_ROW_COLUMNS = (
    *("run_id", "status", "attempt", "failure_kind", "failure_message", "failure_update", "data_digest"),
    *AUROC_COLUMNS,
    *MIXTURE_COLUMNS,
    *("host", "git_commit", "parameters_g", "train_seconds", "eval_seconds"),
    *MEASURED_COLUMNS,
)
_LOOKUP_ORDER = ("table2", "table1", "table9", "table4", "table5", "table3")

ONE_KNOWN = "one"
"""Stands for `known_anomaly_classes` of a row whose runs know one anomaly class, a different one each."""

NO_CLASS = -1
"""Stands for the known anomaly class of a run that is told none, or several."""


@dataclass(frozen=True)
class Cells:
    """Runs, the table rows that they belong to, and what became of them.

    Attributes:
        title: of the table, overrides included.
        rows: the spec values of each table row, class and seed taken out; lists as in a plan file.
        runs: one line per run that is wanted: `run_id`, `row` (index into rows), `class`, `known` (the one known
            anomaly class that is part of the cell, or NO_CLASS), `seed`, `status` (missing where there is no row
            yet), AUROC_COLUMNS in [0, 1] and MEASURED_COLUMNS in ms (NaN unless ok), failure, provenance.
        tables: of the paper, in which a row is looked up, the first first.
        damaged: files of the results folder that could not be read, as text.
        plan_code_digest: of the sources that made the plan; None if unknown.
        tunings: by which studies values of some runs were found.
    """

    title: str
    rows: tuple[Mapping[str, Any], ...]
    runs: pd.DataFrame
    tables: tuple[str, ...] = _LOOKUP_ORDER
    damaged: tuple[str, ...] = ()
    plan_code_digest: str | None = None
    tunings: tuple[Tuned, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every run that is wanted is ok."""
        return bool((self.runs["status"] == "ok").all())

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Fields of RunSpec that tell the rows apart, `dataset` and `gamma` first."""
        return _telling_fields(self.rows)

    @cached_property
    def matches(self) -> tuple[paper.Match | None, ...]:
        """The paper's row for each of ours."""
        defaults = spec_defaults()
        return tuple(paper.match(values, self.tables, defaults) for values in self.rows)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The numbers of each row (see summary.summarise)."""
        from .summary import summarise  # which is made of cells

        return summarise(self)

    def class_means(self, value: str = HEADLINE) -> pd.DataFrame:
        """`row`, `class`, `known`, `mean`, `sd` (ddof 1) and `n` of each cell that has a run."""
        return stats.class_means(self.runs, value, ["row"], of=["class", "known"])

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


def read(results: str | Path | ResultStore, plan: Plan) -> Cells:
    """Join a plan with a results folder.

    AnalysisError where the rows are of different data: no mean over them means anything.
    """
    store = open_store(results)
    rows = store.read(columns=_ROW_COLUMNS, run_ids=set(plan.run_ids))
    table_rows, wanted = _wanted(plan)
    tables = tuple(dict.fromkeys((plan.grid, *_LOOKUP_ORDER) if plan.grid in paper.TABLES else _LOOKUP_ORDER))
    runs = wanted.merge(rows.to_pandas(), on="run_id", how="left", validate="one_to_one")
    title = f"{paper.TITLES[plan.grid]} — {plan.title}" if plan.grid in paper.TITLES else plan.title
    tunings = () if plan.tuned is None else (plan.tuned,)
    cells = _checked(Cells(title, table_rows, runs, tables, _damaged(store), plan.code or None, tunings))
    return _one_known(cells)


def read_all(results: str | Path | ResultStore) -> Cells:
    """Everything in a results folder: the runs of all its plans, and of all its rows where it has no plan.

    NothingThereError where there is nothing, AnalysisError where the rows cannot stand together.
    """
    store = open_store(results)
    plans = [Plan.load(path) for path in plan_files(store.path)]
    if plans:
        specs = tuple(dict.fromkeys(spec for plan in plans for spec in plan.specs))
        title = " + ".join(dict.fromkeys(plan.title for plan in plans))
        tunings = tuple(plan.tuned for plan in plans if plan.tuned is not None)
        return replace(read(store, Plan("all plans", (), (), specs)), title=title, tunings=tunings)
    rows = store.read(columns=("semantics_version", *SPEC_COLUMNS, *_ROW_COLUMNS))
    rows = rows.filter(rows["evaluate_test"])  # a study's runs have no score that a table could have
    damaged = _damaged(store)
    if rows.num_rows == 0:
        torn = f" that can be read; {damaged[0]}" if damaged else ""
        raise NothingThereError(f"{store.path}: no plan and no row{torn}")
    return replace(of_rows(rows, str(store.path.name)), damaged=damaged)


def of_rows(rows: pa.Table, title: str) -> Cells:
    """Cells of Arrow rows alone; what is missing cannot be known then."""
    versions = sorted(set(rows["semantics_version"].to_pylist()))
    if len(versions) > 1:
        raise AnalysisError(f"rows of semantics {' and '.join(map(str, versions))} cannot share a table; choose a plan")
    table_rows, index = _distinct(rows)
    one_vs_rest = np.asarray(rows["protocol"].to_pandas() == "one_vs_rest")
    normal, abnormal = rows["normal_class"].to_pandas(), rows["abnormal_class"].to_pandas()
    kept = [*_ROW_COLUMNS, "seed"]
    runs = rows.select(kept).to_pandas().assign(row=index, known=NO_CLASS)
    runs["class"] = np.where(one_vs_rest, normal, abnormal).astype(int)
    return _one_known(_checked(Cells(title, table_rows, runs)))


def _damaged(store: ResultStore) -> tuple[str, ...]:
    return tuple(f"{damaged.path.name}: {damaged.reason}" for damaged in store.damaged)


def _wanted(plan: Plan) -> tuple[tuple[dict[str, Any], ...], pd.DataFrame]:
    """The rows of the plan's table in the plan's order, and its runs with the index of their row."""
    index_of: dict[str, int] = {}
    table_rows: list[dict[str, Any]] = []
    runs: dict[str, tuple[int, int, int, int]] = {}
    for run_id, spec in zip(plan.run_ids, plan.specs, strict=True):
        rest = {name: value for name, value in spec.to_dict().items() if name not in CELL_FIELDS}
        key = json.dumps(rest, sort_keys=True)
        if key not in index_of:
            index_of[key] = len(table_rows)
            table_rows.append(rest)
        runs[run_id] = (index_of[key], spec.target_class, NO_CLASS, spec.seed)
    frame = pd.DataFrame.from_dict(runs, orient="index", columns=["row", "class", "known", "seed"])
    return tuple(table_rows), frame.rename_axis("run_id").reset_index()


def _distinct(rows: pa.Table) -> tuple[tuple[dict[str, Any], ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """The distinct table rows among Arrow rows, sorted, and the index of each row's own.

    By Arrow's dictionaries, column by column: 100,000 rows cost a fraction of a second.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [name for name in SPEC_COLUMNS if name not in CELL_FIELDS]
    codes = np.zeros(rows.num_rows, np.int64)
    for name in names:
        column = rows[name].combine_chunks()
        if pa.types.is_list(column.type):
            column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), "+")
        encoded = pc.dictionary_encode(column, null_encoding="encode")
        if len(encoded.dictionary) > 1:
            mixed = codes * len(encoded.dictionary) + encoded.indices.to_numpy(zero_copy_only=False)
            codes = np.unique(mixed, return_inverse=True)[1].astype(np.int64)
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    defaults = spec_defaults()
    found = [
        {name: defaults[name] if value is None else value for name, value in values.items()}
        for values in rows.select(names).take(first).to_pylist()
    ]
    order = sorted(range(len(found)), key=lambda number: _sort_key(found[number]))
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return tuple(found[number] for number in order), rank[index]


def _sort_key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    known = list(datasets.DATASETS)
    dataset = values["dataset"]
    place = known.index(dataset) if dataset in known else len(known)
    rest = [json.dumps(value) for name, value in values.items() if name not in ("dataset", "gamma")]
    return (place, dataset, values["gamma"], rest)


def _telling_fields(table_rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """`dataset`, `gamma` and whatever else differs among the rows.

    Fields that only say what is scored, or where the curve has points, are left out unless the rows would look alike.
    """
    texts = [{name: json.dumps(value) for name, value in row.items()} for row in table_rows]
    names = [name for name in texts[0] if len({row[name] for row in texts}) > 1]
    telling = [*LEADING_FIELDS, *(name for name in names if name not in LEADING_FIELDS)]
    for quiet in paper.SCORING_FIELDS:
        fewer = [name for name in telling if name != quiet]
        if quiet in telling and len({tuple(row[name] for name in fewer) for row in texts}) == len(texts):
            telling = fewer
    return tuple(telling)


def _checked(cells: Cells) -> Cells:
    """Take the numbers of runs that are not ok out, and refuse rows of different data."""
    cells.runs.loc[cells.runs["status"] != "ok", [*AUROC_COLUMNS, *MEASURED_COLUMNS]] = np.nan
    digests: dict[tuple[str, int], Counter[str]] = {}
    counts = cells.runs.groupby(["row", "data_digest"], as_index=False).size()
    for row, digest, count in zip(counts["row"], counts["data_digest"], counts["size"], strict=True):
        key = (cells.rows[row]["dataset"], cells.rows[row]["image_size"])
        digests.setdefault(key, Counter())[digest] += count
    for (dataset, _), by_digest in digests.items():
        if len(by_digest) > 1:
            which = ", ".join(f"{digest[:12]} ({count} runs)" for digest, count in by_digest.most_common())
            raise AnalysisError(
                f"rows of different {datasets.title(dataset)} data cannot share a table: data digests {which}"
            )
    return cells


def _one_known(cells: Cells) -> Cells:
    """Make one row of those that differ only in which one anomaly class is known.

    The known class then tells cells apart, as the normal one does: Deep SAD's protocol averages over the pairs.
    """
    groups: dict[str, list[int]] = {}
    for index, values in enumerate(cells.rows):
        if len(values["known_anomaly_classes"]) == 1:
            rest = json.dumps({**values, "known_anomaly_classes": ONE_KNOWN}, sort_keys=True)
            groups.setdefault(rest, []).append(index)
    joined = {index: group[0] for group in groups.values() if len(group) > 1 for index in group}
    if not joined:
        return cells
    kept = [index for index in range(len(cells.rows)) if joined.get(index, index) == index]
    new_index = {old: kept.index(joined.get(old, old)) for old in range(len(cells.rows))}
    known = {index: cells.rows[index]["known_anomaly_classes"][0] for index in joined}
    rows = [
        {**cells.rows[index], "known_anomaly_classes": ONE_KNOWN} if index in joined else cells.rows[index]
        for index in kept
    ]
    old = cells.runs["row"]
    runs = cells.runs.assign(known=old.map(known).fillna(NO_CLASS).astype(int), row=old.map(new_index))
    return replace(cells, rows=tuple(rows), runs=runs)
