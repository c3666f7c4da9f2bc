"""Sweep: what an executor is given. Outcome: what it says when it ends."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore

from ..progress.watch import Display
from ..worker.picking import Picker
from ..worker.retry import RetryPolicy
from ..worker.stopping import Stopping
from ..worker.worker import WorkerOptions
from .ray.options import RayOptions
from .slurm.options import SlurmOptions

EXECUTORS = ("local", "ray", "slurm")
"""Folders beside this file, each with an `executor.execute(sweep) -> Outcome` that may need a library of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A plan, and how its runs are to be made.

    Attributes:
        plan: what is to be run.
        results: the results folder.
        worker: what every worker is started with; the executor sets name, device and log of each.
        workers: how many to start; None: what the machine carries.
        policy: which failed runs are tried again.
        display: shows progress.
        stopping: when this process is to end its workers and itself.
        patience: seconds that workers get to finish an update and write a checkpoint.
        leaves: whether it ends when others are at all that is left, instead of waiting for them.
        slurm: what jobs of Slurm are asked for.
        task: launch.py and its arguments, by which such a job works at this sweep.
        ray: what the command line says for the Ray executor alone.
    """

    plan: Plan
    results: Path
    worker: WorkerOptions
    workers: int | None
    policy: RetryPolicy
    display: Display
    stopping: Stopping = field(default_factory=Stopping)
    patience: float = 120.0
    leaves: bool = False
    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    task: tuple[str, ...] = ()
    ray: RayOptions = field(default_factory=RayOptions)

    @property
    def logs(self) -> Path:
        """Folder of this sweep's logs."""
        return ResultsFolder(self.results).logs(self.plan.name)

    @property
    def jobs(self) -> Path:
        """Folder of what this sweep knows of its jobs in Slurm."""
        return ResultsFolder(self.results).jobs(self.plan.name)

    def picker(self) -> Picker:
        """An observer's view of the plan's runs."""
        board = ClaimBoard(self.results, Owner.this_process("launcher"), lease=self.worker.lease)
        return Picker(self.plan, ResultStore(self.results), board, self.policy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an executor ended.

    Attributes:
        error: an error of place that ended it, one line; None if there was none.
        stopped: why it was stopped before its time; None if it was not.
        left_to: the jobs to which the sweep was left, for an executor that does not wait for its end.
    """

    error: str | None = None
    stopped: str | None = None
    left_to: tuple[str, ...] = ()


def load_executor(name: str) -> Callable[[Sweep], Outcome]:
    """The function that runs a sweep on the executor of that name."""
    function: Callable[[Sweep], Outcome] = importlib.import_module(f".{name}.executor", __package__).execute
    return function
