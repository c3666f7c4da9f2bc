"""Measure what the Ray executor costs, without training, beside Ray Tune used plainly.

    python -m benchmarks.ray_trials              # 300 runs on two cores: seconds and files of each
    python -m benchmarks.ray_trials --memory     # the launcher's memory after 5,000 runs

Runs take no time: each is claimed, its row with 10,000 test images' scores written, its claim given back. Plain Tune
does nothing in its trials: a function, an actor for each, default loggers. Figures are in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agad.plan.make import make_plan
from agad.plan.plan import Plan
from benchmarks.sweep import InstantWorker
from sweeps.executors.ray import cluster as ray_cluster
from sweeps.executors.ray import executor
from sweeps.executors.sweep import Sweep
from sweeps.grids import load_grid
from sweeps.progress.display import Display
from sweeps.worker.options import WorkerOptions

_WORKERS = 2


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray_trials", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--memory", action="store_true", help="5,000 runs, and the launcher's memory")
    parser.add_argument("--runs", type=int, metavar="N", help="another number of runs")
    options = parser.parse_args()
    if options.memory:
        _ours(options.runs or 5000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"launcher's peak memory: {peak / 2**20:.2f} GiB   target: under 1 GiB")
        return
    count = options.runs or 300
    ours = _ours(count)
    plain = _plain(min(count, 300))
    print(f"plain / ours: {plain / ours:.1f}")


def _ours(count: int) -> float:
    """Seconds per run of the executor, the start of Ray and its actors apart."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        plan = _plan(count)
        path = plan.save(results)
        worker = WorkerOptions(plan=str(path), results=str(results), executor="ray")
        files: list[int] = []

        def at_end(tunes: Path) -> None:
            files.append(_count(tunes) + _count(_session()))

        sweep = Sweep(plan=plan, results=results, worker=worker, workers=_WORKERS, display=Display())
        whole = _seconds(lambda: executor.launch(sweep, _instant_trial, at_end))
        census = sweep.picker().census()
        assert len(census.done) == count, f"{len(census.done)} of {count} runs have a row"
        per_run = _pace([path.stat().st_mtime for path in (results / "inbox").iterdir()])
        _print("ours", count, whole, per_run, files[0])
        return per_run


def _plain(count: int) -> float:
    """Seconds per trial of Ray Tune as its introduction shows it, the start of its first actors included."""
    for name in ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "TUNE_GLOBAL_CHECKPOINT_S", "TUNE_MAX_PENDING_TRIALS_PG"):
        os.environ.pop(name, None)
    with (
        tempfile.TemporaryDirectory() as folder,
        ray_cluster.own_cluster(cpus=_WORKERS, gpus=0, dashboard_host=None, workers={}),
    ):
        from ray import tune

        tuner = tune.Tuner(
            _nothing,
            param_space={"run_id": tune.grid_search(list(range(count)))},
            run_config=tune.RunConfig(name="plain", storage_path=folder, verbose=0),
        )
        whole = _seconds(tuner.fit)
        per_run = whole / count  # its files come all at the end: their times say nothing
        _print("plain Tune", count, whole, per_run, _count(Path(folder)) + _count(_session()))
        return per_run


def _instant_trial() -> type:
    from sweeps.executors.ray.trial import RunTrial

    class InstantTrial(RunTrial):
        """A trial whose run takes no time."""

        worker_class = InstantWorker

    return InstantTrial


def _nothing(config: dict[str, Any]) -> None:
    from ray import tune

    tune.report({"score": config["run_id"]})


def _plan(count: int) -> Plan:
    plan, _ = make_plan(load_grid("table2"))
    base = plan.specs[0]
    return Plan("table2", (), (), tuple(base.replace(seed=seed) for seed in range(count)), plan.code)


def _pace(ended: list[float]) -> float:
    """Seconds between two ends, from the first to the last."""
    return (max(ended) - min(ended)) / (len(ended) - 1)


def _session() -> Path:
    from ray._private import worker

    node: Any = worker._global_node
    return Path(node.get_session_dir_path())


def _count(folder: Path) -> int:
    return sum(path.is_file() and not path.is_symlink() for path in folder.rglob("*"))


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _print(what: str, count: int, whole: float, per_run: float, files: int) -> None:
    print(
        f"{what:<12} {count} runs, {_WORKERS} workers: {whole:6.1f} s in all, {per_run:.3f} s per run, "
        f"{files / count:.2f} files per run   targets: 0.1 s, 1 file",
        flush=True,
    )


if __name__ == "__main__":
    main()
