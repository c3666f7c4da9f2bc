"""Sweep: what an executor is given. Outcome: what it reports when it ends."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore

from ..machine import program
from ..worker.options import WorkerOptions
from ..worker.picking import Picker
from ..worker.stopping import Stopping
from .ray.options import RayOptions
from .slurm.options import SlurmOptions

if TYPE_CHECKING:
    from ..progress.display import Display  # brings rich

EXECUTORS = ("local", "ray", "slurm")
"""Folders beside this file, each with an `executor.execute(sweep) -> Outcome` that may need a library of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A plan, and how its runs are to be made.

    Attributes:
        plan: what is to be run.
        results: the results folder.
        worker: what every worker is started with; the executor adds name and log of each.
        workers: how many to start; None: as many as the machine carries.
        display: shows progress.
        stopping: when this process is to end its workers and itself.
        patience: seconds that workers get to finish an update and write a checkpoint.
        leaves: whether it ends when other launches' workers hold every open run, instead of waiting for them.
        slurm: what jobs of Slurm request.
        ray: the options of the Ray executor alone.
    """

    plan: Plan
    results: Path
    worker: WorkerOptions
    workers: int | None
    display: Display
    stopping: Stopping = field(default_factory=Stopping)
    patience: float = 120.0
    leaves: bool = False
    slurm: SlurmOptions = field(default_factory=SlurmOptions)
    ray: RayOptions = field(default_factory=RayOptions)

    @property
    def logs(self) -> Path:
        """Folder of this sweep's logs."""
        return ResultsFolder(self.results).logs(self.plan.name)

    @property
    def jobs(self) -> Path:
        """Folder of what this sweep knows of its jobs in Slurm."""
        return ResultsFolder(self.results).jobs(self.plan.name)

    @property
    def task(self) -> tuple[str, ...]:
        """The command line by which a job of Slurm works on this sweep, once `worker` is saved among its logs."""
        options = self.worker.path(self.logs.absolute())
        return (*program.command("launch"), "--slurm-task", "--options", str(options), "--device", self.worker.device)

    def picker(self) -> Picker:
        """The plan's runs, as an observer sees them."""
        board = ClaimBoard(self.results, Owner.this_process("launcher"), lease=self.worker.lease)
        return Picker(self.plan, ResultStore(self.results), board, self.worker.policy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an executor ended.

    Attributes:
        error: a fault of the environment that ended it, one line; None if there was none.
        stopped: why it was stopped early; None if it was not.
        left_to: the jobs to which the sweep was left, for an executor that does not wait for its end.
    """

    error: str | None = None
    stopped: str | None = None
    left_to: tuple[str, ...] = ()


def load_executor(name: str) -> Callable[[Sweep], Outcome]:
    """The function that runs a sweep on the executor of that name."""
    function: Callable[[Sweep], Outcome] = importlib.import_module(f".{name}.executor", __package__).execute
    return function
