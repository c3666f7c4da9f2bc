"""Cells: the runs of a plan joined with their rows, and the numbers of each row of a table.

A table's row is everything that differs in neither class nor seed; its cell is one class; a cell's runs are the
seeds. What is not there stays visible: every run that the plan wants is counted, whatever became of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from agad import datasets
from analysis import paper, stats
from analysis.errors import AnalysisError
from analysis.load import PlanView, load_rows, open_store, spec_defaults

if TYPE_CHECKING:
    from agad.store import ResultStore

VALUES = ("auroc", "auroc_eval_recal", "auroc_oracle")
"""The AUROCs that stand beside each other in a table: headline, statistics estimated anew, best curve point."""

MIXTURE_COLUMNS = ("code_digest", "git_clean", "threads", "device", "device_name", "instruction_set", "torch_version")
"""How a row was made: a mixture is named under the table, not refused."""

_ROW_COLUMNS = ("run_id", "status", "failure_kind", "data_digest", *VALUES, *MIXTURE_COLUMNS)
_NOT_OF_A_ROW = ("seed", "normal_class", "abnormal_class")
_LOOKUP_ORDER = ("table2", "table1", "table9", "table4", "table5", "table3")


@dataclass(frozen=True)
class Cells:
    """The runs of a plan and what became of them.

    Attributes:
        title: of the table, overrides included.
        fields: fields of RunSpec that tell the rows apart, `dataset` and `gamma` first.
        rows: the spec values of each row, class and seed taken out.
        runs: one line per run that is wanted: `run_id`, `row` (index into rows), `class`, `seed`, `status` (None
            where there is no row yet), `failure_kind`, VALUES in [0, 1] (NaN unless ok) and MIXTURE_COLUMNS.
        tables: of the paper, in which a row of this plan is looked up.
        damaged: files of the results folder that could not be read, as text.
        plan_code_digest: of the sources that made the plan; None if unknown.
    """

    title: str
    fields: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    runs: pd.DataFrame
    tables: tuple[str, ...]
    damaged: tuple[str, ...] = ()
    plan_code_digest: str | None = None
    _summary: list[pd.DataFrame] = field(default_factory=list, repr=False, compare=False)

    @property
    def complete(self) -> bool:
        """Whether every run that is wanted is ok."""
        return bool((self.runs["status"] == "ok").all())

    def class_means(self, value: str = "auroc") -> pd.DataFrame:
        """`row`, `class`, `mean`, `sd` (ddof 1), `n` of each cell that has a run."""
        return stats.class_means(self.runs, value, ["row"])

    def summary(self) -> pd.DataFrame:
        """The numbers of each row, in the order of `rows`; see `_summarised`."""
        if not self._summary:
            self._summary.append(_summarised(self))
        return self._summary[0]


def read(results: str | Path | ResultStore, plan: PlanView) -> Cells:
    """Join a plan with a results folder.

    AnalysisError where the rows are of different data: no mean over them means anything.
    """
    store = open_store(results)
    rows = load_rows(store, columns=_ROW_COLUMNS, run_ids=set(plan.run_ids))
    damaged = tuple(f"{damaged.path.name}: {damaged.reason}" for damaged in store.damaged)
    return join(plan, rows, damaged)


def join(plan: PlanView, rows: pd.DataFrame, damaged: Sequence[str] = ()) -> Cells:
    """Join a plan with rows that are at hand; they have the columns that `read` asks for."""
    table_rows, wanted = _wanted(plan)
    runs = wanted.merge(rows, on="run_id", how="left", validate="one_to_one")
    runs.loc[runs["status"] != "ok", list(VALUES)] = np.nan
    _refuse_mixed_data(runs, table_rows)
    return Cells(
        title=plan.title,
        fields=_telling_fields(table_rows),
        rows=table_rows,
        runs=runs,
        tables=(plan.grid,) if plan.grid in paper.TABLES else _LOOKUP_ORDER,
        damaged=tuple(damaged),
        plan_code_digest=plan.code_digest,
    )


def _wanted(plan: PlanView) -> tuple[tuple[dict[str, Any], ...], pd.DataFrame]:
    """The rows of the plan's table in the plan's order, and its runs with the index of their row."""
    index_of: dict[str, int] = {}
    table_rows: list[dict[str, Any]] = []
    runs: dict[str, tuple[int, int, int]] = {}
    for run_id, spec in zip(plan.run_ids, plan.specs, strict=True):
        rest = {name: value for name, value in spec.items() if name not in _NOT_OF_A_ROW}
        key = json.dumps(rest, sort_keys=True)
        if key not in index_of:
            index_of[key] = len(table_rows)
            table_rows.append(rest)
        target = spec["normal_class"] if spec["protocol"] == "one_vs_rest" else spec["abnormal_class"]
        runs[run_id] = (index_of[key], target, spec["seed"])
    frame = pd.DataFrame.from_dict(runs, orient="index", columns=["row", "class", "seed"])
    return tuple(table_rows), frame.rename_axis("run_id").reset_index()


def _telling_fields(table_rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """`dataset`, `gamma` and whatever else differs among the rows.

    Fields that only say what is scored, or where the curve has points, are left out unless the rows would look alike.
    """
    names = [name for name in table_rows[0] if len({json.dumps(row[name]) for row in table_rows}) > 1]
    telling = ["dataset", "gamma", *(name for name in names if name not in ("dataset", "gamma"))]
    for quiet in paper.SCORING_FIELDS:
        fewer = [name for name in telling if name != quiet]
        if quiet in telling and len({json.dumps([row[name] for name in fewer]) for row in table_rows}) == len(
            table_rows
        ):
            telling = fewer
    return tuple(telling)


def _refuse_mixed_data(runs: pd.DataFrame, table_rows: Sequence[Mapping[str, Any]]) -> None:
    digests: dict[tuple[str, int], Counter[str]] = {}
    known = runs.dropna(subset=["data_digest"])
    for row, digest in zip(known["row"], known["data_digest"], strict=True):
        key = (table_rows[row]["dataset"], table_rows[row]["image_size"])
        digests.setdefault(key, Counter())[digest] += 1
    for (dataset, _), counts in digests.items():
        if len(counts) > 1:
            which = ", ".join(f"{digest[:12]} ({count} runs)" for digest, count in counts.most_common())
            raise AnalysisError(
                f"rows of different {datasets.title(dataset)} data cannot share a table: data digests {which}"
            )


def _summarised(cells: Cells) -> pd.DataFrame:
    """One line per table row.

    Columns: `avg`, `sd_classes`, `sd_seeds` (of the headline, in [0, 1]); `avg_eval_recal`, `avg_oracle`; `low`,
    `high` (range of the runs); `classes`, `classes_wanted`; `ok`, `failed`, `pruned`, `missing`, `wanted` (runs);
    `paper_table`, `paper_row`, `paper_avg`, `paper_sd` (percent), `paper_differences` (see paper.Match), `difference`,
    `half_width` (percentage points) and `verdict`.
    """
    runs = cells.runs
    summary = pd.DataFrame(index=pd.RangeIndex(len(cells.rows), name="row"))
    for value in VALUES:
        over = stats.over_classes(cells.class_means(value), ["row"]).set_index("row")
        suffix = value.removeprefix("auroc")
        summary[f"avg{suffix}"] = over["avg"]
        if value == "auroc":
            summary = summary.join(over[["sd_classes", "sd_seeds", "classes"]])
    groups = runs.groupby("row")
    summary["classes"] = summary["classes"].fillna(0).astype(int)
    summary["classes_wanted"] = groups["class"].nunique()
    summary["low"], summary["high"] = groups["auroc"].min(), groups["auroc"].max()
    status = runs["status"].fillna("missing")
    for name in ("ok", "failed", "pruned", "missing"):
        summary[name] = (status == name).groupby(runs["row"]).sum()
    summary["wanted"] = groups.size()
    return summary.join(_paper_columns(cells))


def _paper_columns(cells: Cells) -> pd.DataFrame:
    defaults = spec_defaults()
    means = {row: group.set_index("class") for row, group in cells.class_means().groupby("row")}
    wanted = cells.runs.groupby("row")["class"].unique()
    lines = []
    for index, values in enumerate(cells.rows):
        classes = tuple(sorted(int(c) for c in wanted[index]))
        lines.append(_against_paper(paper.match(values, cells.tables, defaults), classes, means.get(index)))
    return pd.DataFrame(lines, index=pd.RangeIndex(len(lines), name="row"))


def _against_paper(match: paper.Match | None, classes: tuple[int, ...], means: pd.DataFrame | None) -> dict[str, Any]:
    avg = match.row.mean_of(classes) if match else None
    line: dict[str, Any] = {
        "paper_table": match.row.table if match else None,
        "paper_row": match.row if match else None,
        "paper_avg": avg,
        "paper_sd": match.row.sd_of(classes) if match and avg is not None else None,
        "paper_differences": ", ".join(match.differences) if match else "",
        "difference": None,
        "half_width": None,
        "verdict": None,
    }
    if match is None or avg is None or match.differences:
        return line
    of_class = means.reindex(list(classes)) if means is not None else pd.DataFrame(index=list(classes))
    of_class = of_class.reindex(columns=["mean", "sd", "n"])
    comparison = stats.compare(
        of_class["mean"].tolist(),
        of_class["sd"].tolist(),
        of_class["n"].fillna(0).astype(int).tolist(),
        avg,
        paper_runs=paper.RUNS_PER_CLASS,
        rounding=paper.ROUNDING,
    )
    line.update(difference=comparison.difference, half_width=comparison.half_width, verdict=comparison.verdict)
    return line
