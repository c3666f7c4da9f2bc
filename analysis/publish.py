"""Publish a plan's rows: a results folder without per-image scores, small enough to lie beside the code.

    python -m analysis.publish --results results --plan results/plans/table2-….json --out reproduction/NAME

The folder can be read like any other: `python -m analysis.tables --results reproduction/NAME`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from agad import console, files
from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.store import row_file
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from agad.store.schema import CURVE_COLUMNS, LIGHT_COLUMNS

PRIVATE_COLUMNS = ("host", "worker", "log", "job_id", "weights")
"""They name somebody's machines and folders: published rows have null there."""

_ROWS = "rows.parquet"


def publish(results: Path, plan: Path, out: Path) -> int:
    """Copy the plan file and the rows of its runs to `out`, and return the number of rows.

    AnalysisError, one line, where there is none, and where `out` holds other rows.
    """
    columns = [name for name in (*LIGHT_COLUMNS, *CURVE_COLUMNS) if name not in PRIVATE_COLUMNS]
    rows = ResultStore(results).read(columns, run_ids=set(Plan.load(plan).run_ids))
    if not rows.num_rows:
        raise AnalysisError(f"{results} holds no row of {plan.name}")
    folder = ResultsFolder(out)
    _check_free(folder, plan.name)
    folder.base.mkdir(parents=True, exist_ok=True)
    folder.plans.mkdir(exist_ok=True)
    target = folder.base / _ROWS
    files.replace_atomically(target, lambda path: row_file.write(path, [rows], columns))
    files.replace_atomically(folder.plans / plan.name, lambda path: shutil.copyfile(plan, path))
    return int(rows.num_rows)


def _check_free(folder: ResultsFolder, plan: str) -> None:
    """Raise AnalysisError where the folder holds more than what was published of this plan before."""
    others = [*files.names(folder.inbox), *files.names(folder.base), *files.names(folder.plans)]
    if other := [name for name in others if name not in (_ROWS, plan)]:
        raise AnalysisError(
            f"{folder.path} is the results folder of something else (it holds {other[0]}): give --out a folder of "
            "the plan's own"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--results", type=console.path, required=True)
    parser.add_argument("--plan", type=console.path, required=True)
    parser.add_argument("--out", type=console.path, required=True)
    options = parser.parse_args(arguments)
    return console.run(lambda: _publish(options))


def _publish(options: argparse.Namespace) -> int:
    print(f"{publish(options.results, options.plan, options.out)} rows in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
