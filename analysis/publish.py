"""Publish a plan's rows: a results folder without per-image scores, small enough to lie beside the code.

    python -m analysis.publish --results results --plan results/plans/table2-….json --out reproduction/NAME

Several plans, of one results folder or of several, become one, which is named after the folder of --out.
The folder can be read like any other: `python -m analysis.tables --results reproduction/NAME`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence, Set
from pathlib import Path

import pyarrow as pa

from agad import console, files, targets
from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.spec.datasets import is_plain_name
from agad.store import row_file
from agad.store.attempts import nameless
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.store.schema import CURVE_COLUMNS, LIGHT_COLUMNS

from .load import check_whole, open_store

PRIVATE_COLUMNS = ("host", "worker", "log", "job_id", "weights")
"""They name somebody's machines and folders: published rows have null there."""

_ROWS = "rows.parquet"


def publish(results: Sequence[Path], plans: Sequence[Path], out: Path) -> int:
    """Write the plans as one, and the rows of its runs, to `out`; returns the number of rows.

    Several plans become one that is named after `out`. AnalysisError, one line, where there is no row, where a
    run has rows in two results folders, and where `out` holds other rows, or more.
    """
    plan = joined([Plan.load(path) for path in plans], out.name)
    rows = _rows(results, plan)
    folder = ResultsFolder(out)
    file = plans[0].name if len(plans) == 1 else folder.plan(plan.name).name
    _check_free(folder, file)
    _check_kept(folder, _finished(rows))
    folder.base.mkdir(parents=True, exist_ok=True)
    folder.plans.mkdir(exist_ok=True)
    targets.replace(folder.base / _ROWS, lambda path: row_file.write(path, [rows], rows.column_names))
    if len(plans) == 1:
        targets.replace(folder.plans / file, lambda path: shutil.copyfile(plans[0], path))
    else:
        targets.replace_text(folder.plans / file, plan.to_json())
    return int(rows.num_rows)


def joined(plans: Sequence[Plan], name: str) -> Plan:
    """The only plan, or one of all their runs: its grid is `name`, its overrides those that all have.

    AnalysisError, one line, for a name that cannot be a grid's, and for plans that know more than their runs.
    """
    if len(plans) == 1:
        return plans[0]
    if not is_plain_name(name):
        raise AnalysisError(f"{name!r} cannot name a plan; use letters, digits, _, - and dots for the folder of --out")
    if other := next((plan.name for plan in plans if plan.study is not None or plan.tuned is not None), None):
        raise AnalysisError(f"{other} is of a study; publish it by itself")
    common = tuple(one for one in plans[0].overrides if all(one in plan.overrides for plan in plans))
    specs = dict.fromkeys(spec for plan in plans for spec in plan.specs)
    codes = {plan.code for plan in plans}
    return Plan(name, common, (), tuple(specs), codes.pop() if len(codes) == 1 else "")


def _rows(results: Sequence[Path], plan: Plan) -> pa.Table:
    columns = [name for name in (*LIGHT_COLUMNS, *CURVE_COLUMNS) if name not in PRIVATE_COLUMNS]
    stores = [ResultStore(path) for path in results]
    rows = pa.concat_tables([store.read_counting(columns, run_ids=set(plan.run_ids)) for store in stores])
    for store in stores:
        check_whole(open_store(store), store.differing)
    ids = rows["run_id"].to_pylist()
    if not ids:
        raise AnalysisError(f"{', '.join(map(str, results))} holds no row of {plan.name}")
    if twice := next((one for n, one in enumerate(ids) if one in ids[:n]), None):
        raise AnalysisError(f"run {twice} has a row in two of the results folders; give --results one of them")
    return rows


def _check_free(folder: ResultsFolder, plan: str) -> None:
    """Raise AnalysisError where the folder holds more than what was published of this plan before."""
    others = [*files.names(folder.inbox), *files.names(folder.base), *files.names(folder.plans)]
    if other := [name for name in others if name not in (_ROWS, plan)]:
        raise AnalysisError(
            f"{folder.path} is the results folder of something else (it holds {other[0]}): give --out a folder of "
            "the plan's own"
        )
    for target, begins in ((folder.base / _ROWS, b"PAR1"), (folder.plans / plan, b"{")):
        if target.exists() or target.is_symlink():
            console.check_target("--out", target, begins)


def _check_kept(folder: ResultsFolder, finished: Set[str]) -> None:
    """Raise AnalysisError where a finished run that was published before would be lost, or replaced by a failed one."""
    if lost := _finished(ResultStore(folder.path).read_counting(["run_id", "status"])) - finished:
        raise AnalysisError(
            f"{len(lost)} finished runs in {folder.path} are not among these rows, or not finished here, and would be "
            f"lost (the first is {min(lost)}): publish all of them, or take that folder away first"
        )


def _finished(rows: pa.Table) -> set[str]:
    return {row["run_id"] for row in rows.select(["run_id", "status"]).to_pylist() if row["status"] == "ok"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--results", type=console.path, required=True, nargs="+")
    parser.add_argument("--plan", type=console.path, required=True, nargs="+")
    parser.add_argument("--out", type=console.path, required=True)
    options = parser.parse_args(arguments)
    return console.run(lambda: _publish(options), about=options.out)


def _publish(options: argparse.Namespace) -> int:
    print(f"{publish(options.results, options.plan, options.out)} rows in {options.out}")
    rows = ResultStore(options.out).read_counting(["status", "code_digest"]).to_pylist()
    if count := sum(row["status"] == "ok" and row["code_digest"] is None for row in rows):
        print(nameless(count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
