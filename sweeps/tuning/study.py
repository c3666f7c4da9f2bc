"""Work at a study: the coordinator beside the launcher of its workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder, StudyFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore

from ..worker.code import code_notes, settle_code
from ..worker.growing import Feed
from ..worker.picking import Picker
from ..worker.retry import RetryPolicy
from ..worker.stopping import Stopping
from .coordinator import Coordinator, clear
from .found.summary import summarise
from .journal import check_successors
from .launcher import Launcher
from .lease import Lease
from .optimiser import Optimiser, open_storage
from .outcomes import Rows, count_steps
from .settings import StudySettings

_SUMMARY_EVERY = 60.0
"""Seconds between two summaries while trials end, and none is the best."""
_LAUNCHER_PATIENCE = 20.0
"""Seconds that a launcher gets to see that the plan grows no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How a study is searched: what may differ from one call to the next.

    Attributes:
        results: the results folder.
        settings: the study.
        sampler: one of optimiser.SAMPLERS.
        pruner: one of optimiser.PRUNERS.
        seed: of the sampler.
        database: the storage, where it is not the study's journal.
        lease: seconds after which a silent coordinator on another host counts as dead.
        say: shows a line.
    """

    results: Path
    settings: StudySettings
    sampler: str
    pruner: str
    seed: int
    database: Any | None
    lease: float
    say: Callable[[str], None]

    @property
    def folder(self) -> StudyFolder:
        """The study's folder."""
        return ResultsFolder(self.results).study(self.settings.name)

    @property
    def plan(self) -> Plan:
        """The plan that workers are started with, as today's code makes it."""
        name, specs = self.settings.name, self.settings.specs
        return Plan(f"study {name}", (), (), specs, code_digest(), name)

    def hold(self, stopping: Stopping) -> Lease:
        """The lease on the study. Raises AgadError where another coordinator has it."""
        return Lease(self.folder, self.settings.name, self.lease, stopping, self.say)

    def optimiser(self, lease: Lease, storage: Any | None = None, *, begins: bool = True) -> Optimiser:
        """The study itself, written to under the lease; in another storage than its own where one is given."""
        return Optimiser(
            self.settings,
            storage or self.database or open_storage(self.folder, None, lease.check),
            sampler=self.sampler,
            pruner=self.pruner,
            steps=count_steps(self.settings.specs),
            seed=self.seed,
            begins=begins,
        )

    def feed(self) -> Feed:
        """Where the plan grows."""
        return Feed(self.folder, self.lease)

    def rows(self) -> Rows:
        """What the results folder's rows give."""
        return Rows(ResultStore(self.results), self.settings.protocol)


def work(
    search: Search, lease: Lease, stopping: Stopping, *, trials: int, workers: int, launch: list[str] | None
) -> bool:
    """Work until `trials` have ended, in all; False where it was stopped before.

    Args:
        search: the study.
        lease: held on it; given back where the trials have ended.
        stopping: when to end.
        trials: how many are to have ended.
        workers: runs that are open at a time.
        launch: arguments of the launch.py that starts workers; None: the user starts them.
    """
    check_successors(search.folder)
    optimiser, feed, rows = search.optimiser(lease), search.feed(), search.rows()
    log = ResultsFolder(search.results).logs(search.plan.name) / "launch.log"
    launcher = Launcher(launch or [], log, lambda: coordinator.ended, search.say)
    summaries = Summaries(search.folder, optimiser, feed, rows)

    def idle() -> None:
        if launch is not None and coordinator.is_waiting:
            launcher.supervise()
        summaries.write_if_due(coordinator.ended)

    coordinator = Coordinator(
        optimiser, feed, rows, lease, stopping,
        workers=workers, judged=search.pruner != "none", say=search.say, idle=idle,
    )  # fmt: skip
    try:
        is_complete = coordinator.run(trials)
    except BaseException:
        launcher.stop()
        raise
    finally:
        summaries.write()
    if is_complete:
        lease.release()  # the plan grows no more: workers end
        launcher.wait(_LAUNCHER_PATIENCE)
        clear(search.results, search.settings.name, rows)
    else:
        search.say(f"Stopping: {stopping.reason}. Workers finish their update and write checkpoints.")
        launcher.stop()
    return is_complete


def save_plan(search: Search, *, allow_change: bool) -> Path:
    """Write the plan that workers are started with. Raises AgadError where its rows are of other code."""
    plan = search.plan
    path = plan.save(search.results)
    for line in settle_code(_picker(search), allow_change=allow_change):
        search.say(line)
    return path


def say_nameless(search: Search) -> None:
    """Say how many of the study's rows name no code, if any: its launch has said so in a log alone."""
    for line in code_notes(_picker(search)):
        search.say(line)


def _picker(search: Search) -> Picker:
    board = ClaimBoard(search.results, Owner.this_process("tune"), lease=search.lease)
    return Picker(search.plan, ResultStore(search.results), board, RetryPolicy())


class Summaries:
    """Writes the study's summary where there is a new best trial, now and then while trials end, and at the end."""

    def __init__(self, folder: StudyFolder, optimiser: Optimiser, feed: Feed, rows: Rows) -> None:
        self._folder, self._optimiser, self._feed, self._rows = folder, optimiser, feed, rows
        self._due = 0.0  # the first at once: the coordinator before may have been killed before it wrote one
        self._written = self._looked = 0
        self._best = -math.inf

    def write_if_due(self, ended: int) -> None:
        """Write where trials have ended, and some time has passed or one of them is the best: a kill loses little."""
        if ended == self._written:
            return
        is_better = ended > self._looked and self._optimiser.best() > self._best
        self._looked = ended
        if is_better or time.monotonic() >= self._due:
            self._written = ended
            self.write()
            self._due = time.monotonic() + _SUMMARY_EVERY

    def write(self) -> None:
        """Write it."""
        runs = {spec.run_id for specs in self._feed.trials() for spec in specs}
        self._rows.poll(runs, self._feed.verdicts().withdrawn)
        self._best = self._optimiser.best()
        summarise(self._optimiser, self._rows.known).save(self._folder)
