"""The local executor: worker processes of this machine, supervised until the plan is complete."""

from __future__ import annotations

import errno
import signal
import time
from pathlib import Path

from agad import files
from agad.errors import AgadError, StoreError

from ...machine.devices import default_workers, visible_gpus
from ...machine.memory import worker_bytes
from ...progress.watch import Snapshot, Watch
from ...worker.picking import Census
from ...worker.retry import Crashes
from ...worker.worker import EXIT_ENVIRONMENT, EXIT_LASTING, EXIT_NOTHING_LEFT
from ..hung import Hung
from ..sweep import Outcome, Sweep
from .processes import Exit, LocalWorkers

_ROOM_FOR_A_LINE = 65536
"""Bytes; file systems give room in blocks, all of them smaller than this, and some keep the last few back."""
_READ_EVERY = 1.0
"""Seconds between two readings of the sweep's files."""
_POLL_EVERY = 0.05
"""Seconds between two polls of the worker processes."""
_FAILED_READINGS = 30
"""Readings in a row that may fail before that is an error: shared file systems fail now and then."""
_FAULT_PAUSES = (1.0, 5.0, 25.0)
"""Seconds after which workers are started again that met a fault of the environment, with no run that ends between."""
_FRUITLESS_STARTS = 5
"""Times in a row that workers may end because they find no run, while this process sees free ones."""
_READ_SHARE = 10
"""Or as many times as long as the reading took, where that is more: a job array has a supervisor in each task."""


def execute(sweep: Sweep) -> Outcome:
    """Run the sweep's open runs on this machine; returns when none is left, or none that this machine can do."""
    gpus = visible_gpus() if sweep.worker.device == "cuda" else []
    workers = LocalWorkers(sweep.worker, sweep.logs, gpus)
    try:
        return _Supervisor(sweep, workers).run()
    except KeyboardInterrupt:
        sweep.display.say("Stopping: workers finish their update and write checkpoints (Ctrl-C again: at once).")
        try:
            workers.stop(sweep.patience)
        except KeyboardInterrupt:
            workers.kill()
        return Outcome()
    except (AgadError, OSError) as error:  # of the supervisor's own: its workers' work is not lost with it
        workers.stop(sweep.patience)
        line = files.error_line(error) if isinstance(error, OSError) else " ".join(str(error).split())
        return Outcome(error=line)
    finally:
        workers.kill()


class _Supervisor:
    """Keeps workers going while there are runs that they can take."""

    def __init__(self, sweep: Sweep, workers: LocalWorkers) -> None:
        self._sweep = sweep
        self._workers = workers
        picker = sweep.picker()
        self._watch = Watch(picker)
        self._wanted = sweep.workers or max(
            1,
            default_workers(
                sweep.worker.device, sweep.worker.threads, worker_bytes(sweep.plan.specs, sweep.worker.data_folder)
            ),
        )
        self._start_due = 0.0
        self._error: str | None = None
        self._crashes = Crashes(self._watch.saved)
        self._faults = 0
        self._ended_runs = 0
        self._fruitless = 0
        self._has_started = False
        self._idle_since: float | None = None
        self._hung = Hung(sweep.worker.patience)
        self._failed_readings = 0

    def run(self) -> Outcome:
        reading_due, pause = 0.0, _READ_EVERY
        while True:
            if self._sweep.stopping.is_set():
                return self._stop()
            ended = self._workers.poll()
            for one in ended:
                self._note(one)
            if ended or time.monotonic() >= reading_due:
                started = time.monotonic()
                snapshot = self._read()
                if snapshot is None:
                    reading_due = time.monotonic() + _READ_EVERY
                    continue
                self._sweep.display.show(snapshot)
                leaves = self._leaves(snapshot.census)
                self._forgive_faults(len(snapshot.census.done) + len(snapshot.census.failed))
                took = time.monotonic() - started
                is_over = not snapshot.census.open and not self._watch.is_growing
                self._abandon_hung(snapshot, pause + took, over=is_over)
                if not self._workers.running and (is_over or self._error is not None or leaves):
                    return Outcome(error=self._error if snapshot.census.open else None)
                self._check_fruit(ended, snapshot.census.free)
                self._start_missing(snapshot.census.free)
                pause = max(_READ_EVERY, _READ_SHARE * took)
                reading_due = time.monotonic() + pause
            time.sleep(_POLL_EVERY)

    def _read(self) -> Snapshot | None:
        """The sweep at this moment; None where its files cannot be read. Raises when that lasts."""
        try:
            is_gone = not self._sweep.results.is_dir()
            snapshot = self._watch.read()
        except (OSError, StoreError):
            self._failed_readings += 1
            if self._failed_readings > _FAILED_READINGS:
                raise
            return None
        if is_gone:
            raise StoreError(f"{self._sweep.results}: the results folder is gone; was it removed or renamed?")
        self._failed_readings = 0
        return snapshot

    def _stop(self) -> Outcome:
        reason = self._sweep.stopping.reason
        self._sweep.display.say(f"Stopping, for {reason}: workers finish their update and write checkpoints.")
        self._workers.stop(self._sweep.patience)
        return Outcome(stopped=reason)

    def _leaves(self, census: Census) -> bool:
        """Whether other launches' workers have held every open run for longer than a dead one's claim would stand."""
        if census.free or not self._sweep.leaves:
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        return time.monotonic() - self._idle_since > self._sweep.worker.patience

    def _start_missing(self, free: int) -> None:
        """Start workers for runs that no worker holds: at first, and when a worker here or elsewhere has died."""
        if self._error is None and time.monotonic() >= self._start_due:
            missing = max(0, min(self._wanted - self._workers.running, free))
            if missing and not self._has_started:
                self._has_started = True
                which = "1 worker" if missing == 1 else f"{missing} workers"
                self._sweep.display.say(f"Starting {which} ({self._sweep.worker.device}); logs in {self._sweep.logs}")
            self._workers.start(missing)

    def _note(self, ended: Exit) -> None:
        if ended.code in (EXIT_ENVIRONMENT, EXIT_LASTING):
            fault = ended.message.rpartition(" ERROR ")[2] or _why_silent(self._sweep.logs)
            self._note_fault(ended.name, fault, lasts=ended.code == EXIT_LASTING)
        elif ended.code == -signal.SIGBUS:
            self._note_fault(
                ended.name, "a file that it reads became shorter or unreadable (SIGBUS); see the data's disk"
            )
        elif ended.code != EXIT_NOTHING_LEFT:
            how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"ended with status {ended.code}"
            self._sweep.display.say(f"Worker {ended.name} {how}; its run will be taken over. {ended.message}".strip())
            if self._crashes.note(self._wanted):
                self._error = (
                    f"workers keep dying ({how}) before they save anything; their logs are in {self._sweep.logs}"
                )
            self._start_due = time.monotonic() + min(60.0, 2.0 ** (self._crashes.in_a_row - 1))

    def _note_fault(self, name: str, fault: str, *, lasts: bool = False) -> None:
        """A fault of the environment may pass: workers are started again after a pause, a few times in a row."""
        self._sweep.display.say(f"Worker {name} ended: {fault}")
        if lasts:
            self._error = fault
        if time.monotonic() < self._start_due:
            return  # several workers met the same one
        if self._faults == len(_FAULT_PAUSES):
            self._error = fault
        else:
            self._start_due = time.monotonic() + _FAULT_PAUSES[self._faults]
            self._faults += 1

    def _abandon_hung(self, snapshot: Snapshot, pause: float, *, over: bool) -> None:
        """Free the places of workers that hang: a sweep that is done must end, and others make what they held."""
        if len(snapshot.running) < len(snapshot.census.held):
            return  # some claims could not be read: nothing is known of who holds them
        holding = {one.record.owner.worker for one in snapshot.running}
        free, now = snapshot.census.free, time.monotonic()
        for name in self._hung.find(self._workers.names, holding, free=free, over=over, now=now, pause=pause):
            why = "though no run is left" if over else "and holds no run, though some are free"
            self._sweep.display.say(f"Worker {name} hangs: its process lives, {why}. It is killed.")
            self._workers.abandon(name)

    def _check_fruit(self, ended: list[Exit], free: int) -> None:
        """Stop where workers find nothing to do though there is something: they would be started for ever."""
        if not free or any(one.code != EXIT_NOTHING_LEFT for one in ended):
            self._fruitless = 0
        elif ended:
            self._fruitless += 1
        if self._fruitless == _FRUITLESS_STARTS:
            self._error = (
                f"workers find no run to make, though {free} are open; is the plan's file the one that was launched? "
                f"Their logs are in {self._sweep.logs}"
            )

    def _forgive_faults(self, ended_runs: int) -> None:
        """Runs that end show that workers can work here: earlier faults are forgotten."""
        if ended_runs > self._ended_runs:
            self._ended_runs, self._faults = ended_runs, 0


def _why_silent(logs: Path) -> str:
    """What may be wrong where a worker met a fault and could not even write it into its log."""
    free = files.free_bytes(logs)
    if free is not None and free < _ROOM_FOR_A_LINE:
        return files.error_line(OSError(errno.ENOSPC, "", str(logs)))
    return f"a fault of the environment, of which it could write nothing into its log in {logs}"
