"""The coordinator: requests trials, adds their runs to the plan, and reports what their rows gave, until enough end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from agad import files
from agad.errors import AgadError, SpecError, StoreError
from agad.plan.trial_file import digest_of
from agad.spec.counts import check_counts
from agad.spec.run import RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder

from ..worker.growing import Feed, Verdicts
from ..worker.stopping import Stopping
from .found.summary import runs_of
from .journal import WAY_OUT
from .lease import Lease
from .optimiser import Asked, Optimiser
from .outcomes import Rows, TrialOutcome, intermediate, trial_outcome

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
"""Seconds between two polls of the rows: short while trials end, longer while nothing happens."""
_PAUSE_SHARE = 5
"""A poll takes a fifth of the time at most."""
_STATES = ("RUNNING", "PRUNED", "FAIL")
"""Optuna's states of trials whose runs are wanted, or wanted no more."""
FAILURES_IN_A_ROW = 5
"""Trials that may fail one after the other, with none that is complete among them, before the study is stopped."""


def _unheard(_: str) -> None:
    """The default `say`."""


@dataclass(slots=True)
class _Running:
    """A trial under way, and its runs."""

    asked: Asked
    specs: tuple[RunSpec, ...]


class Coordinator:
    """Works at one study while it holds the lease.

    Args:
        optimiser: the study.
        feed: where the plan grows.
        rows: of the results folder.
        lease: checked before anything is written.
        stopping: when to end.
        workers: runs that are open at a time, so that each worker has as many as it advances at once.
        judged: whether the study has a pruner.
        say: shows a line.
        idle: called at every poll: supervises what runs the workers; raises AgadError where they cannot go on.
    """

    def __init__(
        self,
        optimiser: Optimiser,
        feed: Feed,
        rows: Rows,
        lease: Lease,
        stopping: Stopping,
        *,
        workers: int,
        judged: bool = False,
        say: Callable[[str], None] = _unheard,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._optimiser, self._feed, self._rows = optimiser, feed, rows
        self._lease, self._stopping = lease, stopping
        self._workers, self._judged, self._say, self._idle = workers, judged, say, idle
        self._settings = optimiser.settings
        self._running: dict[int, _Running] = {}
        self._withdrawn: set[str] = set(feed.verdicts().withdrawn)
        self._compare()
        rows.poll({spec.run_id for specs in feed.trials() for spec in specs}, self._withdrawn)  # are all of one data?
        self._ended = optimiser.ended()
        self._best = optimiser.best()
        self._failures = 0
        self._pause = _SHORTEST_PAUSE
        self._write_verdicts()
        for asked in optimiser.running():
            self._take_up(asked)

    def _compare(self) -> None:
        """Compare the storage with what the study's folder knows, and make good what the folder lacks of it.

        Raises StoreError where the storage lacks trials, as a journal does that was emptied or lost its last lines, and
        where it has trials of another results folder.
        """
        known, frozen = self._feed.known(), self._optimiser.frozen()
        trials = {trial.number: (trial.state.name, runs_of(self._settings, trial)) for trial in frozen}
        lost = [n for n, digests in known.items() if digest_of(trials.get(n, ("", ()))[1]) not in digests]
        if lost:
            way_out = "restore a backup of the database" if self._settings.database else WAY_OUT
            raise StoreError(
                f"the storage of study {self._settings.name} lacks {len(lost)} of {len(known)} trials that "
                f"{self._feed.folder.trials} knows, the first is {min(lost)}: it was emptied or cut; {way_out}"
            )
        for trial in frozen:
            if trial.state.name == "COMPLETE" and trial.number not in known:
                self._rows.check_scores(self._settings, trials[trial.number][1], trial.values)
                self._feed.add(trial.number, trials[trial.number][1])
        runs_in = {
            name: {s.run_id for state, runs in trials.values() if state == name for s in runs} for name in _STATES
        }
        self._withdrawn |= (runs_in["PRUNED"] | runs_in["FAIL"]) - runs_in["RUNNING"]

    @property
    def ended(self) -> int:
        """Trials that have ended."""
        return len(self._ended)

    @property
    def is_waiting(self) -> bool:
        """Whether there are trials whose runs are to be made."""
        return bool(self._running)

    def run(self, trials: int) -> bool:
        """Work until `trials` have ended, in all; False where it was stopped before."""
        while not self._stopping.is_set():
            started = time.monotonic()
            something = self._collect()
            if self.ended >= trials and not self._running:
                return True
            something |= self._judge()
            something |= self._ask(trials)
            self._idle()
            self._rest(something, time.monotonic() - started)
        return False

    # -- requesting ------------------------------------------------------------------------------------------------

    def _ask(self, trials: int) -> bool:
        """Request trials until each worker has a run; whether there were any."""
        asked = False
        while self.ended + len(self._running) < trials and self._open_runs() < self._workers:
            self._lease.check()
            self._take_up(self._optimiser.ask())
            asked = True
        return asked

    def _take_up(self, asked: Asked) -> None:
        """Add the trial's runs to the plan, where they are not there already."""
        try:
            specs = self._settings.runs(asked.values)
            for spec in specs:
                check_counts(spec)
        except SpecError as error:
            self._end(asked, TrialOutcome("failed", failure=str(error)), ())
            return
        self._feed.add(asked.number, specs)
        self._running[asked.number] = _Running(asked, specs)

    def _open_runs(self) -> int:
        """Runs that are to be made or being made."""
        runs = {spec.run_id for one in self._running.values() for spec in one.specs}
        return len(runs - self._rows.known.keys() - self._withdrawn)

    # -- reporting -------------------------------------------------------------------------------------------------

    def _collect(self) -> bool:
        """Report the trials whose runs have ended; whether there were any."""
        self._rows.poll({spec.run_id for one in self._running.values() for spec in one.specs}, self._withdrawn)
        something = False
        for one in list(self._running.values()):
            outcome = trial_outcome(one.specs, self._rows.known, self._settings.objectives, self._withdrawn)
            if outcome is not None:
                self._end(one.asked, outcome, one.specs)
                something = True
        return something

    def _end(self, asked: Asked, outcome: TrialOutcome, specs: tuple[RunSpec, ...]) -> None:
        self._lease.check()
        if outcome.state != "complete":  # the rest of it is of no use
            self._withdraw(specs)
        if outcome.failure:
            asked.note("failure", outcome.failure)
        if self._judged:
            for step, score in intermediate(specs, self._rows.known, {}).items():
                asked.report(step, score)
        self._optimiser.tell(asked.number, outcome.state, outcome.values)
        self._running.pop(asked.number, None)
        self._ended[asked.number] = outcome.state
        if self._judged:
            self._feed.forget_points(spec.run_id for spec in specs)
        self._announce(asked, outcome)

    def _announce(self, asked: Asked, outcome: TrialOutcome) -> None:
        if outcome.state == "complete":
            assert outcome.values is not None
            self._failures = 0
            self._best = max(outcome.values[0], self._best)
            numbers = ", ".join(
                f"{name} {value:.4f}" for name, value in zip(self._settings.objectives, outcome.values, strict=True)
            )
            text = f"{numbers} (best auroc {self._best:.4f})"
        elif outcome.state == "failed":
            self._failures += 1
            text = f"failed: {outcome.failure}"
        else:
            text = "pruned"
        values = " ".join(f"{name}={value}" for name, value in asked.values.items())
        self._say(f"Trial {asked.number}: {text}; {values}")
        if self._failures >= FAILURES_IN_A_ROW:
            raise AgadError(
                f"{self._failures} trials in a row have failed, the last with: {outcome.failure or 'no reason'}"
            )

    # -- pruning ---------------------------------------------------------------------------------------------------

    def _judge(self) -> bool:
        """Report the points of unfinished runs, and withdraw the runs of trials that are pruned."""
        if not self._judged:
            return False
        pruned = False
        for one in self._running.values():
            points = {s.run_id: self._feed.points(s.run_id) for s in one.specs if s.run_id not in self._rows.known}
            steps = intermediate(one.specs, self._rows.known, points)
            verdicts = [one.asked.report(step, score) for step, score in steps.items()]  # each new step is reported
            if any(verdicts):
                self._withdraw(one.specs)
                pruned = True
        return pruned

    def _withdraw(self, specs: tuple[RunSpec, ...]) -> None:
        """Let no worker begin or continue those of the runs that have no row, unless another trial wants them."""
        others = {s.run_id for one in self._running.values() if one.specs != specs for s in one.specs}
        left = {spec.run_id for spec in specs} - self._rows.known.keys() - others - self._withdrawn
        if left:
            self._lease.check()
            self._withdrawn |= left
            self._write_verdicts()

    def _write_verdicts(self) -> None:
        points = self._settings.protocol if self._judged else ""
        self._feed.write(Verdicts(points, frozenset(self._withdrawn)))

    # -- waiting ---------------------------------------------------------------------------------------------------

    def _rest(self, something: bool, took: float) -> None:
        self._pause = _SHORTEST_PAUSE if something else min(2 * self._pause, _LONGEST_PAUSE)
        time.sleep(self._pause if something else max(self._pause, (_PAUSE_SHARE - 1) * took))


# -- after the end -------------------------------------------------------------------------------------------------


def clear(results: Path, study: str, rows: Rows) -> None:
    """Unlink claims of the ended study's runs that are over, and claims and checkpoints of those that it pruned.

    A run that failed or was pruned is left alone while a worker holds it, a pruned one also while another study in the
    results folder asks for it (two studies of the same cells have their first trial in common).
    """
    folder = ResultsFolder(results)
    feed = Feed(folder.study(study))
    board = ClaimBoard(results, Owner.this_process("tune"))
    tries = rows.store.tries()
    states = {run_id: rows.policy.state(run_id, tries.get(run_id, ())) for run_id in _named(feed)}
    unfinished = {run_id for run_id, state in states.items() if state != "done"}
    pruned = {run_id for run_id in unfinished & feed.verdicts().withdrawn if states[run_id] != "failed"}
    failed = {run_id for run_id in unfinished if states[run_id] == "failed"}
    if pruned:
        pruned = _free(board, pruned - _named_elsewhere(folder, study, pruned))
    board.clear({*(states.keys() - unfinished), *_free(board, failed), *pruned})
    for path in folder.checkpoints.iterdir() if pruned and folder.checkpoints.is_dir() else ():
        if path.name.partition(".")[0] in pruned:
            path.unlink(missing_ok=True)


def _named(feed: Feed) -> set[str]:
    return {spec.run_id for specs in feed.trials() for spec in specs}


def _named_elsewhere(folder: ResultsFolder, study: str, run_ids: Collection[str]) -> set[str]:
    """Those that another study asks for; all of them where one cannot be read."""
    found: set[str] = set()
    for name in files.names(folder.studies):
        if name == study or not folder.study(name).path.is_dir():
            continue
        try:
            found |= _named(Feed(folder.study(name)))
        except StoreError:
            return set(run_ids)
    return found.intersection(run_ids)


def _free(board: ClaimBoard, run_ids: Collection[str]) -> set[str]:
    """Those that no worker holds, as far as one poll shows."""
    generations = board.generations()
    return {r for r in run_ids if not any(board.is_held(r, generation) for generation in generations.get(r, ()))}
