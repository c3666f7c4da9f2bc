"""A worker: claims the next open run, trains it, commits its row, until nothing is left or it is told to stop.

Every executor starts the same function, `work(WorkerOptions)`, and hands it plain strings and numbers.

    python -m sweeps.worker.worker --plan results/plans/demo-….json --results results
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad.errors import AgadError, NonFiniteLoss
from agad.plan.plan import Plan
from agad.spec.run import RunOptions, RunSpec
from agad.store.claims import DEFAULT_LEASE, Claim, ClaimBoard, Owner
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord

from .bell import Bell
from .failures import PlaceError, errors_of_place, failure_kind, is_of_place
from .growing import Judgement
from .heartbeat import Heartbeat
from .picking import Picker
from .retry import RetryPolicy, check_code
from .stopping import Stopping

EXIT_NOTHING_LEFT = 0
EXIT_STOPPED = 3
"""Told to stop (signal, deadline, launcher gone) with runs left to do."""
EXIT_PLACE = 4
"""An error of this place, not of a run: the log's last line says which."""

_LOOK_EVERY = 1.0
"""Seconds between two looks for a run while others are at all that is left."""
_FIRST_LOOK = 0.05
"""Likewise for the first look at a plan that grows, where a run that ends brings the next one."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

log = logging.getLogger("agad.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is started with: strings and numbers, so that any executor can pass them on.

    Attributes:
        plan: path of the plan file.
        results: the results folder.
        data: folder of the raw data, or None if the prepared data are in the cache.
        cache: folder of the prepared data, or None for the default.
        name: the worker's name in claims, rows and logs.
        executor: who started it, for the row.
        device: `cpu`, `cuda` or `cuda:N`.
        threads: torch threads.
        together: how many runs advance in this process at once.
        checkpoint_every: seconds between checkpoints of a run.
        lease: seconds after which a silent worker of another host counts as dead.
        heartbeat: seconds between two signs of life.
        retry_until: path of a JSON file {run_id: attempt} of failed runs to try again, or None.
        keep_weights: keep G's and D's weights of finished runs.
        allow_code_change: work although agad/ is not what the plan was made with.
        keeps_pruned: leave runs alone that were given up.
        parent: pid of the launcher, with which the worker ends; None: it lives on its own.
        log: path of the log file, named in failed rows; None: stderr.
        deadline: seconds from the start after which it stops; None: never.
        bell: path of the file by which the launcher says that it stops; None: it has none.
    """

    plan: str
    results: str
    data: str | None = None
    cache: str | None = None
    name: str = "worker"
    executor: str = "local"
    device: str = "cpu"
    threads: int = 1
    together: int = 1
    checkpoint_every: float = 300.0
    lease: float = DEFAULT_LEASE
    heartbeat: float = 5.0
    retry_until: str | None = None
    keep_weights: bool = False
    allow_code_change: bool = False
    keeps_pruned: bool = False
    parent: int | None = None
    log: str | None = None
    deadline: float | None = None
    bell: str | None = None

    def to_arguments(self) -> list[str]:
        """The command line of `python -m sweeps.worker.worker` that means these options."""
        arguments: list[str] = []
        for option in dataclasses.fields(self):
            value = getattr(self, option.name)
            flag = f"--{option.name.replace('_', '-')}"
            if isinstance(value, bool):
                arguments += [flag] if value else []
            elif value is not None:
                arguments.append(f"{flag}={value}")  # one word: a value may begin with a dash
        return arguments


Watcher = Callable[[RunSpec, Any], bool]
"""Told of every agad.train.run.Progress of a run; True: the run is to be pruned."""


class Worker:
    """One worker at one plan. `work` drives it to its end; or `open`, `make` run after run, `close`."""

    def __init__(self, options: WorkerOptions, watcher: Watcher | None = None) -> None:
        self.options = options
        self.plan = Plan.load(Path(options.plan))
        check_code(self.plan, allow_change=options.allow_code_change)
        self.stopping = Stopping(options.deadline)
        bell = None if options.bell is None else Bell(Path(options.bell))
        self.heartbeat = Heartbeat(self.stopping, options.heartbeat, options.parent, bell)
        self.store = ResultStore(options.results)
        owner = Owner.this_process(options.name)
        board = ClaimBoard(options.results, owner, lease=options.lease)
        self.picker = Picker(self.plan, self.store, board, _policy(options))
        feed = self.picker.feed
        self._watchers = [one for one in (watcher, Judgement(feed).watch if feed else None) if one is not None]
        self._together = options.together  # fewer where memory has run out
        self._trainer: Any = None
        self._data: dict[tuple[str, int], Any] = {}
        self._withheld: tuple[RunRecord, Claim] | None = None
        self._provenance: dict[str, Any] = {}

    def work(self) -> int:
        """Work until nothing is left or a stop is asked for; one of the EXIT_ codes. Raises PlaceError."""
        try:
            self.open()
            while not self.stopping.is_set():
                picked = self._pick()
                if picked is None:
                    break
                if self._together == 1:
                    self._run(*picked)
                else:
                    self._run_together(*picked)
            self._settle_withheld()
        finally:
            self.close()
        if self.stopping.is_set():
            log.info("stopped: %s", self.stopping.reason)
            return EXIT_STOPPED
        return EXIT_NOTHING_LEFT

    def open(self) -> None:
        """Begin to show that it lives, and load what training needs. Raises PlaceError."""
        self.heartbeat.start()
        self._load_trainer()

    def close(self) -> None:
        """Give back what is held, and end."""
        self._give_back_withheld()
        self.heartbeat.end()

    def make(self, run_id: str, dead: int = 0) -> RunRecord | None:
        """Make this run of the plan, for an executor that chooses; its record, or None: it has none.

        None says that the run is closed or somebody is at it, or that this worker was stopped. A failure that may be
        this place's (see below) is settled at once, by whichever run is free. Raises PlaceError.

        Args:
            run_id: the run.
            dead: as in Picker.take.
        """
        with errors_of_place():
            picked = self.picker.take(run_id, dead)
        record = None if picked is None else self._run(*picked)
        while self._withheld is not None and not self.stopping.is_set():
            with errors_of_place():
                other = self.picker.next()
            if other is None:
                break
            self._run(*other)
        self._settle_withheld()
        self._give_back_withheld()
        return record

    def _settle_withheld(self) -> None:
        """Commit the failure that is withheld, where no other run is left; a stop has shown nothing about it."""
        if not self.stopping.is_set():
            with errors_of_place():
                self._commit_withheld()

    def _pick(self) -> tuple[RunSpec, Claim] | None:
        """Claim a run; None when nothing is open, or what is open has been at by others for a lease.

        While the plan may grow this waits for what is added.
        """
        patience = self.picker.board.lease + 2 * self.options.heartbeat
        gives_up, pause = time.monotonic() + patience, _FIRST_LOOK
        while not self.stopping.is_set():
            with errors_of_place():
                picked = self.picker.next()
                if picked is not None:
                    return picked
                if self.picker.is_growing():
                    self._commit_withheld()  # the coordinator may wait for this very row before it adds a run
                    gives_up = time.monotonic() + patience
                # What others hold may be dead: this process must watch it for a lease to know.
                elif not set(self.picker.census().open) - self._withheld_ids() or time.monotonic() > gives_up:
                    return None
            time.sleep(pause if self.plan.study else _LOOK_EVERY)
            pause = min(2 * pause, _LOOK_EVERY)
        return None

    def _withheld_ids(self) -> set[str]:
        return set() if self._withheld is None else {self._withheld[0].run_id}

    def _load_trainer(self) -> None:
        """Import torch and what needs it, before a run is claimed. Raises PlaceError."""
        with errors_of_place():
            import torch

            from agad.store.provenance import collect
            from agad.train import run

            torch.set_num_threads(self.options.threads)
            self._trainer = run
            self._provenance = {
                **collect(),
                "plan": self.plan.name,
                "executor": self.options.executor,
                "worker": self.options.name,
                "log": None,
                "tuned_by": None if self.plan.tuned is None else self.plan.tuned.text,
            }

    def _run(self, spec: RunSpec, claim: Claim) -> RunRecord | None:
        """Train, and commit or withhold the row; its record. Raises PlaceError; then the claim is given back."""
        self.heartbeat.hold(claim)
        outcome: RunRecord | Exception
        try:
            data = self._open_data(spec.dataset, spec.image_size)
            outcome = self._trainer.train(spec, self._run_options(claim), data=data, control=self._control(spec, claim))
        except Exception as error:  # noqa: BLE001 - whose it is, _settle says
            outcome = error
        return self._settle(spec, claim, outcome)

    def _run_together(self, spec: RunSpec, claim: Claim) -> None:
        """Train this run, and others beside it in this process; as _run. A run that ends makes room for the next."""
        claims: dict[str, Claim] = {}

        def members() -> Iterator[Any]:
            picked: tuple[RunSpec, Claim] | None = (spec, claim)
            while picked is not None:
                claims[picked[0].run_id] = picked[1]
                self.heartbeat.hold(picked[1])
                data = self._open_data(picked[0].dataset, picked[0].image_size)
                options, control = self._run_options(picked[1]), self._control(*picked)
                yield self._trainer.Member(picked[0], options, data, control)
                picked = None if self.stopping.is_set() else self.picker.next()

        def ended(member: Any, outcome: RunRecord | Exception) -> None:
            self._settle(member.spec, claims.pop(member.spec.run_id), outcome)

        try:
            with errors_of_place():
                self._together = self._trainer.train_together(
                    members(), self._run_options(claim), self._together, ended
                )
        finally:
            for left in claims.values():
                self._give_back(left)

    def _settle(self, spec: RunSpec, claim: Claim, outcome: RunRecord | Exception) -> RunRecord | None:
        """Commit or withhold the row of what a training came to; its record, or None if it was stopped or stolen.

        The claim is given back, except with a row that is withheld. Raises PlaceError.
        """
        try:
            with errors_of_place():
                record = self._record(spec, claim, outcome)
                if record is not None and self._is_suspicious(record, claim):
                    self._withhold(record, claim)
                    return record
                if record is not None:
                    if record.status != "pruned" or claim.record.update > 0:  # else it shows nothing about this place
                        self._commit_withheld()
                    self._commit(record)
        except PlaceError:
            self._give_back(claim)
            raise
        self._give_back(claim)
        return record

    def _record(self, spec: RunSpec, claim: Claim, outcome: RunRecord | Exception) -> RunRecord | None:
        """The record, or None if the run was stopped or stolen. Errors of place pass."""
        if isinstance(outcome, self._trainer.Interrupted):
            return None
        if isinstance(outcome, Exception):
            if is_of_place(outcome):
                raise outcome
            log.error("run %s failed", spec.run_id, exc_info=outcome)
            return self._failure(spec, claim, outcome)
        values = {**outcome.values, **self._provenance}
        return RunRecord(spec=outcome.spec, attempt=outcome.attempt, status=outcome.status, values=values)

    def _open_data(self, dataset: str, image_size: int) -> Any:
        """The prepared data set, opened once: an image tree is listed at every opening."""
        key = (dataset, image_size)
        if key not in self._data:
            from agad.data.prepared import open_prepared

            self._data[key] = open_prepared(*key, data_root=self.options.data, cache=self.options.cache)
        return self._data[key]

    def _run_options(self, claim: Claim) -> RunOptions:
        return RunOptions(
            device=self.options.device,
            threads=self.options.threads,
            data_root=self.options.data,
            cache=self.options.cache,
            checkpoint_dir=str(self.store.folder.checkpoints),
            checkpoint_every=self.options.checkpoint_every,
            attempt=claim.generation,
            weights_dir=str(self.store.folder.weights) if self.options.keep_weights else None,
        )

    def _control(self, spec: RunSpec, claim: Claim) -> Callable[[Any], Any]:
        action = self._trainer.Action

        def control(progress: Any) -> Any:
            if progress.update > 0:
                self._commit_withheld()  # this run gets further: the failure before was the other run's own
            claim.note(update=progress.update, updates=progress.updates, saved=progress.saved)
            if self.heartbeat.is_stolen(claim):
                log.warning("run %s was taken over by another worker", claim.run_id)
                return action.ABANDON
            verdicts = [watch(spec, progress) for watch in self._watchers]  # all of them are to be told of a point
            if any(verdicts) and not self.stopping.is_set():
                return action.PRUNE
            return action.STOP if self.stopping.is_set() else action.CONTINUE

        return control

    def _failure(self, spec: RunSpec, claim: Claim, error: Exception) -> RunRecord:
        values = {
            **self._provenance,
            "failure_kind": failure_kind(error),
            "failure_message": f"{type(error).__name__}: {error}"[:2000],
            "failure_update": error.update if isinstance(error, NonFiniteLoss) else None,
            "log": self.options.log,
            "device": self.options.device,
            "threads": self.options.threads,
        }
        return RunRecord(spec=spec, attempt=claim.generation, status="failed", values=values)

    # Two different runs that fail alike before their first update speak of this place, not of the runs: the first
    # such failure is withheld until the next run has shown which it is.

    @staticmethod
    def _is_suspicious(record: RunRecord, claim: Claim) -> bool:
        return record.values.get("failure_kind") in ("error", "oom") and claim.record.update == 0

    @staticmethod
    def _are_alike(one: RunRecord, other: RunRecord) -> bool:
        """Out of memory says other sizes each time; all else says the same words."""
        if one.values["failure_kind"] == other.values["failure_kind"] == "oom":
            return True
        return bool(one.values["failure_message"] == other.values["failure_message"])

    def _withhold(self, record: RunRecord, claim: Claim) -> None:
        if self._withheld is not None:
            if self._are_alike(self._withheld[0], record):
                message = " ".join(record.values["failure_message"].split())
                raise PlaceError(f"two runs failed alike before their first update: {message}")
            self._commit_withheld()
        self._withheld = (record, claim)

    def _commit_withheld(self) -> None:
        if self._withheld is not None:
            record, claim = self._withheld
            self._commit(record)
            self._give_back(claim)
            self._withheld = None

    def _give_back_withheld(self) -> None:
        if self._withheld is not None:
            self._give_back(self._withheld[1])
            self._withheld = None

    def _commit(self, record: RunRecord) -> None:
        if not self.store.commit(record):
            log.error("run %s: attempt %s has a row already; its checkpoints stay", record.run_id, record.attempt)
        elif record.status == "ok":
            from agad.train.checkpoint import delete_checkpoints

            delete_checkpoints(self.store.folder.checkpoints, record.run_id)

    def _give_back(self, claim: Claim) -> None:
        self.heartbeat.drop(claim)
        with contextlib.suppress(OSError):  # a claim that cannot be given back expires by itself
            claim.release()


def _policy(options: WorkerOptions) -> RetryPolicy:
    until = {} if options.retry_until is None else json.loads(Path(options.retry_until).read_text())
    return RetryPolicy(until_attempt=until, keeps_pruned=options.keeps_pruned)


def work(options: WorkerOptions) -> int:
    """Run a worker in this process to its end; one of the EXIT_ codes. Installs handlers for STOP_SIGNALS."""
    try:
        worker = Worker(options)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda n, _: worker.stopping.stop(f"it got {signal.Signals(n).name}"))
        return worker.work()
    except AgadError as error:
        log.error("%s", error)  # one line, without a traceback
        return EXIT_PLACE


def parse_arguments(arguments: list[str]) -> WorkerOptions:
    """WorkerOptions from a command line; the inverse of `WorkerOptions.to_arguments`."""
    parser = argparse.ArgumentParser(prog="python -m sweeps.worker.worker", description=(__doc__ or "").splitlines()[0])
    kinds = {"int": int, "float": float, "str": str}
    for option in dataclasses.fields(WorkerOptions):
        flag = f"--{option.name.replace('_', '-')}"
        kind = str(option.type).split(" |")[0]
        if kind == "bool":
            parser.add_argument(flag, action="store_true")
        elif option.default is dataclasses.MISSING:
            parser.add_argument(flag, required=True, type=kinds[kind])
        else:
            parser.add_argument(flag, default=option.default, type=kinds[kind])
    return WorkerOptions(**vars(parser.parse_args(arguments)))


def main() -> int:
    """The command line."""
    options = parse_arguments(sys.argv[1:])
    logging.basicConfig(
        filename=options.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    return work(options)


if __name__ == "__main__":
    sys.exit(main())
