"""Work at a study: the coordinator beside the launcher of its workers; and the study from its rows again."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder, StudyFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from agad.store.schema import SPEC_COLUMNS

from ..worker.growing import Feed
from ..worker.picking import Picker, settle_code
from ..worker.retry import RetryPolicy
from ..worker.stopping import Stopping
from .coordinator import Coordinator, clear
from .journal import set_aside
from .launcher import Launcher
from .lease import Lease
from .optimiser import Optimiser, open_storage
from .outcomes import Rows, count_steps, intermediate, trial_outcome
from .settings import StudySettings
from .summary import summarise

_SUMMARY_EVERY = 60.0
"""Seconds between two summaries while trials end."""
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

    def optimiser(self, lease: Lease, *, begins: bool = True) -> Optimiser:
        """The study itself, written to under the lease."""
        return Optimiser(
            self.settings,
            open_storage(self.folder, None, lease.check) if self.database is None else self.database,
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
    optimiser, feed, rows = search.optimiser(lease), search.feed(), search.rows()
    log = ResultsFolder(search.results).logs(search.plan.name) / "launch.log"
    launcher = Launcher(launch or [], log, lambda: coordinator.ended, search.say)
    summaries = _Summaries(search.folder, optimiser, feed, rows)

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
    board = ClaimBoard(search.results, Owner.this_process("tune"), lease=search.lease)
    settle_code(Picker(plan, ResultStore(search.results), board, RetryPolicy()), allow_change=allow_change)
    return path


class _Summaries:
    """Writes the study's summary now and then while trials end, and at the end."""

    def __init__(self, folder: StudyFolder, optimiser: Optimiser, feed: Feed, rows: Rows) -> None:
        self._folder, self._optimiser, self._feed, self._rows = folder, optimiser, feed, rows
        self._due = time.monotonic() + _SUMMARY_EVERY
        self._ended = 0

    def write_if_due(self, ended: int) -> None:
        """Write where some time has passed, and trials have ended."""
        if time.monotonic() >= self._due and ended > self._ended:
            self._ended = ended
            self.write()
            self._due = time.monotonic() + _SUMMARY_EVERY

    def write(self) -> None:
        """Write it."""
        runs = {spec.run_id for specs in self._feed.trials() for spec in specs}
        self._rows.poll(runs, self._feed.verdicts().withdrawn)
        summarise(self._optimiser, self._rows.known).save(self._folder)


# -- from the rows again -------------------------------------------------------------------------------------------


def rebuild_journal(search: Search, lease: Lease) -> int:
    """Make the study's journal and summary again from the rows; how many trials. The old journal is set aside."""
    set_aside(search.folder.journal)
    optimiser, feed, rows = search.optimiser(lease, begins=False), search.feed(), search.rows()
    number = rebuild(search.settings, optimiser, feed, rows)
    _Summaries(search.folder, optimiser, feed, rows).write()
    return number


def rebuild(settings: StudySettings, optimiser: Optimiser, feed: Feed, rows: Rows) -> int:
    """Fill an empty study with the trials that the rows show; how many there are.

    Trials that the study's folder knows keep their order, whatever became of their runs: those without all rows wait to
    be made. Rows of this search that no known trial asked for (its folder was lost) come after them, in the order in
    which they were made. Pruned trials have the points that their rows have.
    """
    withdrawn = feed.verdicts().withdrawn
    trials = _trials(settings, feed, rows.store)
    known = feed.folder.trials
    if known.exists():
        shutil.move(known, known.with_name(f"trials.{uuid.uuid4().hex[:8]}.old"))
    rows.poll({spec.run_id for values in trials for spec in settings.runs(values)}, withdrawn)
    waiting = []
    number = 0
    for values in trials:
        specs = settings.runs(values)
        outcome = trial_outcome(specs, rows.known, settings.objectives, withdrawn)
        if outcome is None:
            waiting.append(values)
            continue
        points = {} if len(settings.objectives) > 1 else intermediate(specs, rows.known, {})
        optimiser.add(values, outcome.state, outcome.values, points)
        feed.add(number, specs)
        number += 1
    for values in waiting:
        optimiser.add(values, "waiting", None, {})
    return number


def _trials(settings: StudySettings, feed: Feed, store: ResultStore) -> list[dict[str, Any]]:
    """The distinct values of all trials that the folder or the rows know."""
    names = [axis.name for axis in settings.axes]
    known = [{name: getattr(specs[0], name) for name in names} for specs in feed.trials() if specs]
    found: dict[str, dict[str, Any]] = {}
    for values in [*known, *_values_of_rows(settings, store)]:
        found.setdefault(json.dumps(values, sort_keys=True), values)
    return [values for values in found.values() if all(axis.contains(values[axis.name]) for axis in settings.axes)]


def _values_of_rows(settings: StudySettings, store: ResultStore) -> Iterable[dict[str, Any]]:
    """The values of the rows that differ from the first trial's runs in searched fields only, the oldest first."""
    names = [axis.name for axis in settings.axes]
    cells = {_without(spec.to_dict(), names) for spec in settings.specs}
    rows = store.read([*SPEC_COLUMNS, "finished_at"]).to_pylist()
    for row in sorted(rows, key=lambda row: (row["finished_at"] is None, row["finished_at"])):
        del row["finished_at"]
        spec = RunSpec.from_dict(row)
        if _without(spec.to_dict(), names) in cells:
            yield {name: getattr(spec, name) for name in names}


def _without(values: dict[str, Any], names: Iterable[str]) -> str:
    left = {name: value for name, value in values.items() if name not in names}
    return json.dumps(left, sort_keys=True)
