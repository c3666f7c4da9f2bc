"""A worker: claims the next open run, trains it, commits its row, until nothing is left or it is to stop.

Every executor starts workers with the same WorkerOptions; they differ in where a worker runs.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agad import collector
from agad.errors import AgadError, is_out_of_memory, lacks_threads
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import Claim, ClaimBoard, Owner
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from agad.train.control import Action, Control, Interrupted, Progress

from ..machine.together import settled_size
from .code import check_code
from .data.agreed import AgreedData
from .data.opened import OpenedData
from .failures import EnvironmentFault, LastingFault, environment_faults, failure_columns, is_environmental
from .growing import Judgement
from .heartbeat import Heartbeat
from .options import AUTO, WorkerOptions
from .picking import Picker
from .stopping import Bell, Stopping
from .withheld import Withheld, is_suspicious

if TYPE_CHECKING:
    from agad.train.control import Member

EXIT_NOTHING_LEFT = 0
EXIT_STOPPED = 3
"""Stopped (signal, deadline, launcher gone) with runs left to do."""
EXIT_ENVIRONMENT = 4
"""A fault of the environment, not of a run: the log's last line says which."""
EXIT_LASTING = 5
"""Likewise, of one that comes again however often a run is made."""

_POLL_EVERY = 1.0
"""Seconds between two polls for an open run while other workers hold all of them."""
_POLL_SHARE = 10
"""Or as many times as long as the poll took, where that is more."""
_FIRST_POLL = 0.05
"""Likewise before the first poll of a plan that grows, where a run that ends brings the next one."""

log = logging.getLogger("agad.worker")

Watcher = Callable[[RunSpec, Progress], bool]
"""Called with every progress of a run; True: the run is to be pruned."""


class Worker:
    """One worker of one plan. `work` drives it to its end; or `open`, `make` run after run, `close`."""

    def __init__(self, options: WorkerOptions, watcher: Watcher | None = None) -> None:
        self.options = options
        self.plan = Plan.load(Path(options.plan))
        check_code(self.plan.code, allow_change=options.allow_code_change)
        self.stopping = Stopping(options.deadline)
        bell = None if options.bell is None else Bell(Path(options.bell))
        self.heartbeat = Heartbeat(self.stopping, options.heartbeat, options.parent, bell)
        self.store = ResultStore(options.results)
        board = ClaimBoard(options.results, Owner.this_process(options.name), lease=options.lease)
        self.picker = Picker(self.plan, self.store, board, options.policy)
        feed = self.picker.feed
        self._watchers = [one for one in (watcher, Judgement(feed).watch if feed else None) if one is not None]
        self._together = options.together  # AUTO until it is measured; fewer where memory has run out
        self._agreed = AgreedData(self.plan, Path(options.results), options.data_folder)
        self._data = OpenedData(options, self._agreed)
        self._withheld = Withheld(self._commit, self._give_back)
        self._columns = {"plan": self.plan.name, **options.columns}
        self._columns["tuned_by"] = None if self.plan.tuned is None else self.plan.tuned.text

    def work(self) -> int:
        """Work until nothing is left or it is to stop; one of the EXIT_ codes. Raises EnvironmentFault."""
        try:
            self.open()
            while not self.stopping.is_set():
                picked = self._pick()
                if picked is None:
                    break
                self._run(*picked)
            self._settle_withheld()
        finally:
            self.close()
        if self.stopping.is_set():
            log.info("stopped: %s", self.stopping.reason)
            return EXIT_STOPPED
        return EXIT_NOTHING_LEFT

    def open(self) -> None:
        """Start the heartbeat; before a run is claimed, try the disk and load torch. Raises EnvironmentFault."""
        folder = self.store.folder
        with environment_faults(), collector.loading():
            self.heartbeat.start()
            folder.check_writable(folder.of_workers(weights=self.options.keep_weights))
            import torch

            torch.set_num_threads(self.options.threads)

    def close(self) -> None:
        """Give back what is held, and end."""
        self._withheld.discard()
        self.heartbeat.end()

    def make(self, run_id: str, dead: int = 0) -> RunRecord | None:
        """Make this run of the plan, for an executor that chooses the run.

        Returns its record; None where the run is closed, where another worker holds it, or where this worker was
        stopped. A failure that may be the environment's is settled at once, by whichever run is free. Raises
        EnvironmentFault.

        Args:
            run_id: the run.
            dead: as in Picker.take.
        """
        with environment_faults():
            picked = self.picker.take(run_id, dead)
        record = None if picked is None else self._run(*picked)
        while self._withheld.run_ids and not self.stopping.is_set():
            with environment_faults():
                other = self.picker.next()
            if other is None:
                break
            self._run(*other)
        self._settle_withheld()
        self._withheld.discard()
        return record

    # -- picking ---------------------------------------------------------------------------------------------------

    def _pick(self) -> tuple[RunSpec, Claim] | None:
        """Claim a run; None when no run is open, or when other workers have held every open run for a full lease.

        While the plan may grow this waits for what is added.
        """
        patience = self.options.patience
        ends, pause = time.monotonic() + patience, _FIRST_POLL
        while not self.stopping.is_set():
            asked = time.monotonic()
            with environment_faults():
                picked = self.picker.next()
                if picked is not None:
                    return picked
                if self.picker.is_growing():
                    self._withheld.commit()  # the coordinator may wait for this very row before it adds a run
                    ends = time.monotonic() + patience
                # A worker that holds a run may be dead: this process must watch its claim for a lease to know.
                elif not set(self.picker.census().open) - self._withheld.run_ids or time.monotonic() > ends:
                    return None
            took = time.monotonic() - asked  # many claims on a slow disk: many that wait must not wear it out
            time.sleep(max(pause if self.plan.study else _POLL_EVERY, _POLL_SHARE * took))
            pause = min(2 * pause, _POLL_EVERY)
        return None

    def _settle_withheld(self) -> None:
        """Commit the failure that is withheld, where no other run is left; a stop has shown nothing about it."""
        if not self.stopping.is_set():
            with environment_faults():
                self._withheld.commit()

    # -- training --------------------------------------------------------------------------------------------------

    def _run(self, spec: RunSpec, claim: Claim) -> RunRecord | None:
        """Train, and commit or withhold the row; its record. Raises EnvironmentFault; then the claim is given back."""
        self.heartbeat.hold(claim)
        if self._together != 1:
            return self._run_together(spec, claim)
        outcome: RunRecord | Exception
        try:
            self.store.folder.make(self.store.folder.checkpoints)
            outcome = self._train(spec, claim)
        except Exception as error:  # noqa: BLE001 - _settle decides whose fault it is
            outcome = error
        return self._settle(spec, claim, outcome)

    def _train(self, spec: RunSpec, claim: Claim) -> RunRecord:
        from agad.train import run

        data = self._data.open(spec)
        return run.train(spec, self.options.of_run(claim), data=data, control=self._control(spec, claim))

    def _run_together(self, spec: RunSpec, claim: Claim) -> RunRecord | None:
        """As _run, with others of the plan beside it in this process; one that ends makes room for the next."""
        from agad.train import control, crew

        claims = {spec.run_id: claim}
        own: RunRecord | None = None

        def members() -> Iterator[Member]:
            picked: tuple[RunSpec, Claim] | None = (spec, claim)
            while picked is not None:
                claims[picked[0].run_id] = picked[1]
                self.heartbeat.hold(picked[1])
                data = self._data.open(picked[0])
                yield control.Member(picked[0], self.options.of_run(picked[1]), data, self._control(*picked))
                picked = None if self.stopping.is_set() else self.picker.next()

        def ended(member: Member, outcome: RunRecord | Exception) -> None:
            nonlocal own
            record = self._settle(member.spec, claims.pop(member.spec.run_id), outcome)
            own = record if member.spec == spec else own

        try:
            with environment_faults():
                options = self.options.of_run(claim)
                if self._together == AUTO:
                    self._together = settled_size(self.plan.specs, options, self._data.open)
                self._together = crew.train_together(members(), options, self._together, ended)
        finally:
            for left in claims.values():
                self._give_back(left)
        return own

    def _control(self, spec: RunSpec, claim: Claim) -> Control:
        def control(progress: Progress) -> Action:
            if progress.update > 0:
                self._withheld.commit()  # this run gets further: the failure before was the other run's own
            claim.note(update=progress.update, updates=progress.updates, saved=progress.saved)
            if self.heartbeat.is_stolen(claim):
                log.warning("run %s was taken over by another worker", claim.run_id)
                return Action.ABANDON
            verdicts = [watch(spec, progress) for watch in self._watchers]  # every watcher gets every progress
            if any(verdicts) and not self.stopping.is_set():
                return Action.PRUNE
            return Action.STOP if self.stopping.is_set() else Action.CONTINUE

        return control

    # -- the row ---------------------------------------------------------------------------------------------------

    def _settle(self, spec: RunSpec, claim: Claim, outcome: RunRecord | Exception) -> RunRecord | None:
        """Commit or withhold the row of a training's outcome; its record, or None if it was stopped or stolen.

        The claim is given back, except with a row that is withheld. Raises EnvironmentFault.
        """
        try:
            with environment_faults():
                record = self._record(spec, claim, outcome)
                if record is not None and is_suspicious(record, claim):
                    self._withheld.add(record, claim)
                    return record
                if record is not None:
                    if record.status != "pruned" or claim.record.update > 0:  # else it shows nothing
                        self._withheld.commit()
                    self._commit(record)
        except EnvironmentFault:
            self._give_back(claim)
            raise
        self._give_back(claim)
        self.picker.compact_if_many()
        return record

    def _record(self, spec: RunSpec, claim: Claim, outcome: RunRecord | Exception) -> RunRecord | None:
        """The record, or None if the run was stopped or stolen. Raises what is the environment's fault."""
        if isinstance(outcome, Interrupted):
            return None
        if claim.is_lost():  # this process was stopped for longer than a lease, and has just woken up
            log.warning("run %s was taken over by another worker, which commits its row", claim.run_id)
            return None
        if isinstance(outcome, Exception):
            if is_environmental(outcome):
                raise outcome
            log.error("run %s failed", spec.run_id, exc_info=outcome)
            status, values = "failed", {**failure_columns(outcome), **self._columns, **self.options.circumstances}
        else:
            self._agreed.check_row(outcome.spec, outcome.values)
            spec, status, values = outcome.spec, outcome.status, {**outcome.values, **self._columns}
        return RunRecord(spec=spec, attempt=claim.generation, status=status, values=values)

    def _commit(self, record: RunRecord) -> None:
        try:
            written = self.store.add(record)
        except (AgadError, OSError):
            raise
        except Exception as error:  # the run is done: made again, it would end here again
            log.exception("the row of run %s cannot be written", record.run_id)
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            passes = is_out_of_memory(error) or lacks_threads(error)
            kind = EnvironmentFault if passes else LastingFault
            raise kind(f"the row of run {record.run_id} cannot be written: {reason}") from error
        if not written:
            log.error("run %s: attempt %s has a row already; its checkpoints stay", record.run_id, record.attempt)
        elif record.status == "ok":
            from agad.train.checkpoint import delete_checkpoints

            delete_checkpoints(self.store.folder.checkpoints, record.run_id)

    def _give_back(self, claim: Claim) -> None:
        self.heartbeat.drop(claim)
        with contextlib.suppress(OSError):  # a claim that cannot be given back expires by itself
            claim.release()
