"""Measure what a study's coordination costs for each trial, with an objective that takes no time.

    python -m benchmarks.tune [--sampler NAME] [--trials N] [--workers N]

Workers are processes that claim runs, write their rows and give their claims back, as those of any sweep; only the
training is left out. The coordinator runs here: its CPU time is what is counted. Figures are in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from benchmarks.sweep import InstantWorker
from sweeps.machine import processes as children
from sweeps.tuning.coordinator import Coordinator
from sweeps.tuning.lease import Lease
from sweeps.tuning.optimiser import SAMPLERS, Optimiser, open_storage
from sweeps.tuning.outcomes import Rows
from sweeps.tuning.settings import StudySettings
from sweeps.tuning.space import space_of
from sweeps.worker.growing import Feed
from sweeps.worker.options import WorkerOptions
from sweeps.worker.stopping import Stopping

_TARGET = "20 ms with random and tpe"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tune", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sampler", choices=SAMPLERS, help="one of them only")
    parser.add_argument("--trials", type=int, default=500, metavar="N")
    parser.add_argument("--workers", type=int, default=4, metavar="N")
    parser.add_argument("--work", nargs=2, metavar=("PLAN", "RESULTS"), help="be a worker of the benchmark")
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    for sampler in [options.sampler] if options.sampler else SAMPLERS:
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder), sampler, options.trials, options.workers)


def work(plan: str, results: str) -> int:
    """Work at a plan without training, until it grows no more."""
    return InstantWorker(WorkerOptions(plan=plan, results=results, allow_code_change=True)).work()


def instant_study(results: Path, name: str = "instant", seeds: int = 1) -> tuple[StudySettings, Path]:
    """A study of one Fashion-MNIST cell, and the plan that workers are started with."""
    specs = tuple(
        RunSpec(dataset="fashion_mnist", normal_class=0, validation=0.1, evaluate_test=False, seed=seed)
        for seed in range(seeds)
    )
    settings = StudySettings(name=name, title="benchmark", specs=specs, axes=space_of((), specs))
    settings = settings.save(ResultsFolder(results).study(name))
    return settings, Plan("benchmark", (), (), specs, code_digest(), name).save(results)


@contextmanager
def instant_workers(plan: Path, results: Path, count: int) -> Iterator[None]:
    """Processes that work without training, until the plan grows no more."""
    command = [sys.executable, "-m", "benchmarks.tune", "--work", str(plan), str(results)]
    environment = children.environment(1)
    processes = [subprocess.Popen(command, env=environment) for _ in range(count)]  # noqa: S603 - our own command
    try:
        yield
    finally:
        for process in processes:
            process.wait()


def _measure(results: Path, sampler: str, trials: int, workers: int) -> None:
    settings, plan = instant_study(results)
    folder = ResultsFolder(results).study(settings.name)
    stopping = Stopping()
    lease = Lease(folder, settings.name, 300.0, stopping, print)
    rows = Rows(ResultStore(results))
    with instant_workers(plan, results, workers):
        try:
            optimiser = Optimiser(settings, open_storage(folder, None, lease.check), sampler=sampler)
            coordinator = Coordinator(optimiser, Feed(folder), rows, lease, stopping, workers=workers)
            coordinator.run(workers)  # workers begin with an import of torch
            cpu, wall = _cpu(), time.perf_counter()
            coordinator.run(trials)
            cpu, wall = _cpu() - cpu, time.perf_counter() - wall
        finally:
            lease.release()
    ended = optimiser.ended()
    assert sorted(ended) == list(range(trials)), "a trial was lost"
    assert set(ended.values()) == {"complete"}, ended
    count = trials - workers
    print(
        f"{sampler:<7} {trials} trials, {workers} workers: {1000 * cpu / count:6.1f} ms of CPU and "
        f"{1000 * wall / count:6.1f} ms per trial; best {optimiser.best():.3f}   target: {_TARGET}",
        flush=True,
    )


def _cpu() -> float:
    """Seconds of CPU time of this process, all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
