"""The Ray executor: each open run is a Ray trial, on a running cluster or on one of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agad.errors import AgadError
from agad.store.folder import ResultsFolder

from ...machine import allocator
from ...machine.devices import default_workers, visible_gpus
from ...machine.memory import worker_bytes
from ...machine.processes import thread_limits
from ...progress.watch import Watch
from ...worker.stopping import Bell
from ..sweep import Outcome, Sweep
from . import cluster as ray_cluster
from .watchdog import Watchdog

_TUNE_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray's 15 starves runs beside anything else; of a cluster of its own
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints under verbose=0 too
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five files for each trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # it would leave actors in the middle of an update
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a run that ends as elsewhere has no score
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's state is of no use: rows and claims say what is done
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
}


_PATIENCE_OWN, _PATIENCE = 60.0, 3600.0
"""Seconds for which no node may have room: of a cluster of its own, whose nodes never come back, and of another."""


def execute(sweep: Sweep) -> Outcome:
    """Run the sweep's open runs as Ray trials; returns when none is left, or none that this cluster can do."""
    return launch(sweep)


def launch(
    sweep: Sweep, trainable: Callable[[], type] | None = None, at_end: Callable[[Path], None] | None = None
) -> Outcome:
    """`execute`, for a benchmark: with another class of Ray trials, and a call before Tune's folder is removed."""
    trial = _Trial.of(sweep)
    os.environ |= _TUNE_ENVIRONMENT
    with _cluster(sweep, trial) as ray, _folder(sweep) as folder:
        room = _room(ray, sweep, trial)
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(room())  # 1 would start a cluster's actors one by one
        outcome = _Launch(sweep, folder, trial, room).run(trainable)
        if at_end is not None:
            at_end(folder)
        return outcome


@dataclasses.dataclass(frozen=True, slots=True)
class _Trial:
    """The CPUs and GPUs of a Ray trial."""

    cpu: float
    gpu: float

    @classmethod
    def of(cls, sweep: Sweep) -> _Trial:
        """As --resources has them, or what a worker needs. Raises AgadError where that is too little."""
        worker, ray = sweep.worker, sweep.ray
        cpu = float(worker.threads) if ray.cpu is None else ray.cpu
        gpu = float(worker.device != "cpu") if ray.gpu is None else ray.gpu
        if worker.threads > cpu:
            raise AgadError(
                f"--threads {worker.threads} is more than the {cpu:g} CPUs of a run; "
                f"use --resources cpu={worker.threads} or fewer threads"
            )
        if worker.device != "cpu" and not gpu:
            raise AgadError("--device cuda needs a GPU or a share of one for each run: --resources gpu=0.25")
        return cls(cpu, gpu)

    def fit_into(self, resources: dict[str, float]) -> int:
        """How many such Ray trials those resources carry at once."""
        by_cpu = int(resources.get("CPU", 0) / self.cpu)
        if not self.gpu:
            return by_cpu
        gpus = resources.get("GPU", 0)
        by_gpu = int(gpus) * int(1 / self.gpu) if self.gpu <= 1 else int(gpus / self.gpu)
        return min(by_cpu, by_gpu)


@contextlib.contextmanager
def _cluster(sweep: Sweep, trial: _Trial) -> Iterator[Any]:
    """The cluster at --address, or one of this machine with as many CPUs as the workers need."""
    worker = sweep.worker
    variables = thread_limits(worker.threads) | allocator.variables(worker.device)
    variables["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    if sweep.ray.address is not None:
        with ray_cluster.cluster_at(sweep.ray.address, workers=variables) as ray:
            yield ray
        return
    gpus = len(visible_gpus()) if trial.gpu else 0
    if trial.gpu and not gpus:
        raise AgadError("--resources gpu: no GPU is visible here; leave it out, or give --address of a cluster")
    workers = sweep.workers or _workers_here(trial, gpus, worker_bytes(sweep.plan.specs, sweep.worker.data_folder))
    with ray_cluster.own_cluster(
        cpus=workers * trial.cpu, gpus=gpus, dashboard_host=sweep.ray.dashboard_host, workers=variables
    ) as ray:
        yield ray


def _workers_here(trial: _Trial, gpus: int, need: int) -> int:
    by_cpu = max(1, default_workers("cpu", max(1, round(trial.cpu)), need))
    return by_cpu if not trial.gpu else max(1, min(by_cpu, trial.fit_into({"CPU": by_cpu * trial.cpu, "GPU": gpus})))


def _room(ray: Any, sweep: Sweep, trial: _Trial) -> Callable[[], int]:
    """A function: how many Ray trials the cluster carries. Raises AgadError where it cannot carry one."""

    def room() -> int:
        fit = sum(trial.fit_into(node["Resources"]) for node in ray.nodes() if node["Alive"])
        return min(fit, sweep.workers or fit)

    if room() == 0:
        wanted = f"{trial.cpu:g} CPUs" + (f" and {trial.gpu:g} GPUs" if trial.gpu else "")
        raise AgadError(f"no node of the Ray cluster has {wanted} for a run; request less by --resources")
    return _remembered(room, seconds=5.0)


def _remembered(function: Callable[[], int], seconds: float) -> Callable[[], int]:
    """The function's value, computed again when it is `seconds` old: nodes come and go."""
    computed, value = time.monotonic(), function()

    def remembered() -> int:
        nonlocal computed, value
        if time.monotonic() - computed > seconds:
            computed, value = time.monotonic(), function()
        return value

    return remembered


@contextlib.contextmanager
def _folder(sweep: Sweep) -> Iterator[Path]:
    """The folder of this launch's Tune files, seen by all nodes; only TensorBoard's files stay."""
    folder = ResultsFolder(sweep.results.absolute()).ray / f"{sweep.plan.name}-{uuid.uuid4().hex[:8]}"
    ResultsFolder(sweep.results.absolute()).make(folder)
    try:
        yield folder
    finally:
        if sweep.ray.tensorboard:
            _remove_all_but_tensorboard(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.parent.rmdir()  # unless another launch uses it


def _remove_all_but_tensorboard(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("events.out."):
            path.unlink(missing_ok=True)


class NoRoomError(AgadError):
    """No node of the Ray cluster is left that can carry a run."""

    def __init__(self) -> None:
        super().__init__(
            "no node of the Ray cluster is left that can carry a run; the same command starts or finds others"
        )


class _LeftError(Exception):
    """What is left of Ray's trials does not end, and Tune would wait for it without end."""


class _Launch:
    """One call of Tune: its searcher, its folder, and its signal handlers."""

    def __init__(self, sweep: Sweep, folder: Path, trial: _Trial, room: Callable[[], int]) -> None:
        from .runs import PlanRuns

        self._sweep, self._folder = sweep, folder
        self._bell = Bell(folder / "bell")
        self._bell.hang()
        self._stopped: str | None = None
        shared = {
            "cpu": trial.cpu,
            "gpu": trial.gpu,
            "options": str(sweep.worker.save(sweep.logs)),
            "device": sweep.worker.device,
            "bell": str(self._bell.path),
            "judged": sweep.ray.scheduler is not None,
        }
        self._runs = PlanRuns(Watch(sweep.picker()), sweep.display, room, shared, sweep.worker.patience)
        self._room = room
        self._stopped_at: float | None = None
        self._had_room = time.monotonic()
        self._watchdog = Watchdog(sweep.display.say, self._bell.ring, sweep.patience)

    def run(self, trainable: Callable[[], type] | None = None) -> Outcome:
        """Tune over the open runs, to their end or a signal."""
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # PlanRuns reports it in one line
        with self._signals(), self._watchdog:
            try:
                self._tuner(trainable).fit()
            except NoRoomError as error:
                return Outcome(error=str(error))
            except _LeftError:
                self._sweep.display.say("What hangs is left behind: it holds no run, and commits no row.")
        return Outcome(error=self._runs.error, stopped=self._stopped)

    def _tuner(self, trainable: Callable[[], type] | None) -> Any:
        from ray import tune

        from .trial import RunTrial

        return tune.Tuner(
            trainable() if trainable else RunTrial,
            tune_config=tune.TuneConfig(
                search_alg=self._runs,
                scheduler=self._scheduler(),
                num_samples=-1,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.config["run_id"]),
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(self._folder),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                callbacks=self._callbacks(),
                verbose=0,
            ),
        )

    def _scheduler(self) -> Any:
        """What prunes runs; None: nothing does."""
        if self._sweep.ray.scheduler is None:
            return None
        from .scheduler import RivalScheduler, read_curves

        specs, options = self._sweep.plan.specs, self._sweep.ray
        return RivalScheduler(specs, options, read_curves(self._sweep.picker().store, specs, options.metric))

    def _callbacks(self) -> list[Any]:
        from ray.tune.logger import TBXLoggerCallback

        from .runs import Poll

        poll = Poll(self._runs, self._check)
        return [poll, TBXLoggerCallback()] if self._sweep.ray.tensorboard else [poll]  # type: ignore[no-untyped-call]

    def _check(self) -> None:
        """Stop where the sweep is to stop, its deadline near; raise NoRoomError where no node comes back."""
        self._watchdog.beat()
        now = time.monotonic()
        if self._room() > 0:
            self._had_room = now
        elif now - self._had_room > (_PATIENCE_OWN if self._sweep.ray.address is None else _PATIENCE):
            raise NoRoomError  # Tune would wait for ever for a node that takes the run it has been given
        if self._runs.hangs or (self._stopped_at is not None and now - self._stopped_at > self._sweep.patience):
            raise _LeftError
        stopping = self._sweep.stopping
        if self._stopped is None and stopping.is_set():
            self._stopped = stopping.reason
            self._stop(f"Stopping, for {stopping.reason}: workers finish their update and write checkpoints.")

    def _stop(self, message: str) -> None:
        self._stopped_at = time.monotonic()
        self._runs.stop()
        self._bell.ring()
        self._sweep.display.say(message)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """The first Ctrl-C or SIGTERM lets workers write checkpoints and end; the second ends all at once."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(*_: object) -> None:
            self._watchdog.handled()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._stop("Stopping: workers finish their update and write checkpoints (Ctrl-C again: at once).")

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
