"""What the analysis costs, measured: never a test, as times depend on the machine.

    python -m benchmarks.report [--rows N] [--runs-in DIR]

Makes synthetic rows (once, if --runs-in names a folder), then measures in fresh processes: the report over the full
paper with scores and curves, the table of a plan, and a table over many rows without scores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from agad.spec.run import RunSpec
from agad.store.schema import LIGHT_COLUMNS, SCHEMA
from benchmarks import synthetic

_REPORT = """
import resource, sys, time
start, cpu = time.perf_counter(), time.process_time()
from analysis.page.report import write_report
write_report(sys.argv[1], sys.argv[2])
print(time.perf_counter() - start, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

_MANY = """
import sys, time
import pyarrow.parquet as pq
rows = pq.read_table(sys.argv[1])
from analysis.cells import of_rows
from analysis.tables.table import cells_table
start, cpu = time.perf_counter(), time.process_time()
cells_table(of_rows(rows, "many rows"))
print(time.perf_counter() - start, time.process_time() - cpu)
"""

_READ = """
import sys, time
from agad.store.rows import ResultStore
from analysis.cells import of_rows
start, cpu = time.perf_counter(), time.process_time()
store = ResultStore(sys.argv[1])
of_rows(store.read(), "all rows").summary  # computed on first use
print(time.perf_counter() - start, time.process_time() - cpu)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description="Measure the analysis.")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the table without scores")
    parser.add_argument("--runs-in", metavar="DIR", help="save the synthetic rows of the full paper here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(options.runs_in or Path(folder) / "results")
        if not results.exists():
            start = time.perf_counter()
            specs = synthetic.paper_specs()
            synthetic.write(results, specs)
            print(f"made {len(specs)} rows with scores and curves in {time.perf_counter() - start:.0f} s")
        wall, cpu, peak = _measure(_REPORT, str(results), str(Path(folder) / "report"))
        print(f"report over all of them: {wall:.1f} s ({cpu:.1f} s of CPU; aim: 20 s)")
        print(f"  at most {peak / 2**20:.0f} MiB (aim: 2048 MiB)")
        wall, cpu = _measure(_READ, str(results))
        print(f"reading and aggregating them: {wall:.2f} s ({cpu:.2f} s of CPU; aim: 0.5 s for 5,000 rows)")
        many = Path(folder) / "many.parquet"
        _write_many(many, options.rows)
        wall, cpu = _measure(_MANY, str(many))
        print(f"table over {options.rows} rows without scores: {wall:.2f} s ({cpu:.2f} s of CPU; aim: 1 s)")
    return 0


def _measure(program: str, *arguments: str) -> list[float]:
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")  # noqa: S603 - our own program
    return [float(number) for number in result.stdout.split()]


def _write_many(path: Path, count: int) -> None:
    """Light rows of `count` runs: the paper's cells with as many seeds as it takes."""
    import pyarrow.parquet as pq

    cells = synthetic.paper_specs(seeds=(0,))
    seeds = -(-count // len(cells))
    schema = pa.schema([SCHEMA.field(name) for name in LIGHT_COLUMNS])
    with pq.ParquetWriter(path, schema) as writer:
        for seed in range(seeds):
            rows = [_light_row(cell, seed) for cell in cells][: count - seed * len(cells)]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _light_row(cell: RunSpec, seed: int) -> dict[str, object]:
    values = json.loads(json.dumps(cell.to_dict()))
    auroc = 0.9 + 0.001 * cell.target_class + 0.0001 * (seed % 7)
    return {
        **values,
        "seed": seed,
        "run_id": f"{cell.run_id}{seed}",
        "attempt": 1,
        "status": "ok",
        "semantics_version": 1,
        "schema_version": 1,
        "auroc": auroc,
        "auroc_eval_recal": auroc,
        "auroc_oracle": auroc,
        "data_digest": f"{cell.dataset} {cell.image_size}",
        "code_digest": "synthetic",
    }


if __name__ == "__main__":
    sys.exit(main())
