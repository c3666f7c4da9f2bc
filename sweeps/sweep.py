"""Sweep: what an executor is given. Outcome: what it says when it ends."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agad.claims import ClaimBoard, Owner
from agad.errors import AgadError
from agad.store import ResultStore
from sweeps.executors.ray_options import RayOptions
from sweeps.picking import Picker
from sweeps.plan import Plan, RetryPolicy
from sweeps.progress import Display
from sweeps.worker import WorkerOptions

EXECUTORS = {"local": "sweeps.executors.local", "ray": "sweeps.executors.ray"}
"""Name -> module with `execute(sweep) -> Outcome`. Resolved when asked for: each may need a library of its own."""

EXECUTOR_NAMES = ("local", "ray", "slurm")


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
        ray: what the command line says for the Ray executor alone.
    """

    plan: Plan
    results: Path
    worker: WorkerOptions
    workers: int | None
    policy: RetryPolicy
    display: Display
    ray: RayOptions = field(default_factory=RayOptions)

    @property
    def logs(self) -> Path:
        """Folder of this sweep's logs."""
        return self.results / "logs" / self.plan.name

    def picker(self) -> Picker:
        """An observer's view of the plan's runs."""
        board = ClaimBoard(self.results, Owner.this_process("launcher"), lease=self.worker.lease)
        return Picker(self.plan, ResultStore(self.results), board, self.policy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an executor ended.

    Attributes:
        error: an error of place that ended it, one line; None if there was none.
    """

    error: str | None = None


def load_executor(name: str) -> Callable[[Sweep], Outcome]:
    """The function that runs a sweep on the executor of that name. Raises AgadError if it is not there."""
    if name not in EXECUTORS:
        raise AgadError(f"--executor {name} is not there yet; choose from: {', '.join(EXECUTORS)}")
    function: Callable[[Sweep], Outcome] = importlib.import_module(EXECUTORS[name]).execute
    return function
