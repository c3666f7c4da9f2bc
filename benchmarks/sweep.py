"""Measure what the sweep itself costs, without training: planning, launching, picking, committing, reading.

    python -m benchmarks.sweep

Prints medians over several repetitions on this machine, and the target of each. Figures that were measured are in
docs/benchmarks.md.
"""

from __future__ import annotations

import itertools
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.scoring.auroc import auroc
from agad.spec.run import RunSpec
from agad.store import row_file
from agad.store.claims import Claim, ClaimBoard, Owner
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA, RunRecord
from agad.train.control import Progress
from sweeps.grids import load_grid
from sweeps.worker.options import WorkerOptions
from sweeps.worker.picking import Picker
from sweeps.worker.retry import RetryPolicy
from sweeps.worker.worker import Watcher, Worker

_LAUNCH = [sys.executable, str(Path(__file__).parents[1] / "sweeps" / "launch.py")]
_REPEAT = 5
_TEST_IMAGES = 10_000


class InstantWorker(Worker):
    """A worker whose runs take no time: what is left is the sweep's own cost.

    Attributes:
        ended: seconds at which each run was over.
    """

    def __init__(self, options: WorkerOptions, watcher: Watcher | None = None) -> None:
        super().__init__(options, watcher)
        self.ended: list[float] = []

    def _run(self, spec: RunSpec, claim: Claim) -> RunRecord | None:
        record = super()._run(spec, claim)
        self.ended.append(time.perf_counter())
        return record

    def _train(self, spec: RunSpec, claim: Claim) -> RunRecord:
        self._control(spec, claim)(Progress(update=1, updates=spec.updates, phase="train", saved=0))
        return full_record(spec, claim.generation)


def full_record(spec: RunSpec, attempt: int = 1) -> RunRecord:
    """A row as large as a real one: five protocols' scores of 10,000 test images."""
    if not spec.evaluate_test:
        return _validated_record(spec, attempt)
    draw = np.random.default_rng(spec.seed)
    scores = {f"scores_{protocol}": draw.random(_TEST_IMAGES, np.float32) for protocol in spec.final_protocols}
    labels = {
        "test_class": np.arange(_TEST_IMAGES) % 10,
        "test_label": np.arange(_TEST_IMAGES) % 10 != spec.target_class,
    }
    values = {
        "auroc": auroc(labels["test_label"], scores["scores_eval"]),
        "train_seconds": 1.0,
        "eval_seconds": 0.1,
        **scores,
        **labels,
    }
    return RunRecord(spec=spec, attempt=attempt, status="ok", values=values)


def _validated_record(spec: RunSpec, attempt: int) -> RunRecord:
    """A row of a run that reads no test image: its score is highest where the loss weights are twice the paper's."""
    away = sum(
        math.log10(value / (2 * paper)) ** 2
        for value, paper in zip(
            (spec.lambda_adv, spec.lambda_con, spec.lambda_adcon, spec.lambda_lat), (1, 50, 15, 5), strict=True
        )
    )
    points = {
        "curve_update": list(spec.curve_points),
        "curve_auroc_val_eval": [1 / (1 + away)] * len(spec.curve_points),
    }
    sizes = {"n_val_normal": 600, "n_val_anomaly": 600, "drawn_validation_classes": [1, 2]}
    values = {"auroc_val": 1 / (1 + away), "train_seconds": 1.0, **sizes, **points}
    return RunRecord(spec=spec, attempt=attempt, status="ok", values=values)


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _print("dry run of table2", _seconds(lambda: _run("--grid", "table2", "--dry-run")), "under 1 s")
        overhead, plan = _overhead(root / "overhead")
        _print("sweep overhead per run (claim, commit, clean up)", overhead, "under 0.1 s")
        _print("launch of table2 where all is done", _seconds(lambda: _all_done(root / "overhead", plan)), "under 2 s")
        for count in (500, 5000, 50_000):
            _growth(root / f"growth{count}", count)
        for count in (500, 5000):
            _store(root / f"store{count}", count)


def _growth(results: Path, count: int) -> None:
    """Planning and aggregation where every run of a plan of that length has a row without scores, compacted."""
    cell = load_grid("table2").cells[0]
    specs = tuple(cell.replace(seed=seed) for seed in range(count))
    records = [RunRecord(spec=spec, attempt=1, status="ok", values={"auroc": 0.5}) for spec in specs]
    store = ResultStore(results)
    store.base.mkdir(parents=True)
    rows = pa.Table.from_pylist([record.to_row() for record in records], SCHEMA)
    row_file.write(store.base / "rows-0.parquet", [rows])
    path = Plan("growth", (), (), specs, code_digest()).save(results)

    def census() -> None:
        board = ClaimBoard(results, Owner.this_process("benchmark"))
        counted = Picker(Plan.load(path), ResultStore(results), board, RetryPolicy()).census()
        assert len(counted.done) == count

    _print(f"{count} runs: reading the plan and counting its rows", _seconds(census), "")
    _print(f"{count} runs: reading and aggregating their rows", _seconds(lambda: _aggregate(ResultStore(results))), "")


def _overhead(results: Path) -> tuple[float, Plan]:
    """Seconds per run of one worker at table2 (450 runs), its start-up apart."""
    plan, _ = make_plan(load_grid("table2"))
    path = plan.save(results)
    worker = InstantWorker(WorkerOptions(plan=str(path), results=str(results)))
    worker.work()
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(worker.ended)), plan


def _all_done(results: Path, plan: Plan) -> None:
    assert plan.code == code_digest()
    _run("--grid", "table2", "--results", str(results))


def _store(results: Path, count: int) -> None:
    """Compaction of rows with scores, and reading them, in a process of its own for the memory's sake."""
    code = f"from benchmarks.sweep import measure_store; measure_store({str(results)!r}, {count})"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code and a path as a literal


def measure_store(results: str, count: int) -> None:
    """Commit `count` rows with scores, compact and read them; prints seconds and the peak of resident memory."""
    store = ResultStore(results)
    base = load_grid("table2").cells[0]
    for seed in range(count):
        store.add(full_record(base.replace(seed=seed)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    store.compact()
    _print(f"compaction of {count} rows with scores", time.perf_counter() - started, "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"    peak memory {peak / 2**20:.2f} GiB ({before / 2**20:.2f} before)  target: under 1 GiB")

    _print(f"reading and aggregating {count} rows", _seconds(lambda: _aggregate(store)), "under 0.5 s at 5,000")


def _aggregate(store: ResultStore) -> None:
    columns = ["dataset", "normal_class", "gamma", "seed", "status", "auroc"]
    store.read(columns).group_by(["dataset", "gamma", "normal_class"]).aggregate([("auroc", "mean")])


def _run(*arguments: str) -> None:
    subprocess.run([*_LAUNCH, *arguments], check=True, capture_output=True)  # noqa: S603 - our own command


def _seconds(action: Callable[[], object]) -> float:
    """Median over repetitions, after one that warms up."""
    action()
    times = []
    for _ in range(_REPEAT):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _print(what: str, seconds: float, target: str) -> None:
    print(f"{what:<52} {seconds:8.3f} s   {'target: ' + target if target else ''}", flush=True)


if __name__ == "__main__":
    main()
