"""Task: this process as one task of a Slurm job that works at a sweep."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from agad import files
from agad.errors import AgadError
from sweeps.arguments import command_line, say
from sweeps.picking import Picker
from sweeps.slurm import queue
from sweeps.slurm.commands import SlurmError, call
from sweeps.slurm.job import Job
from sweeps.slurm.ledger import Ledger
from sweeps.stopping import Stopping

MARGIN = 180.0
"""Seconds before the time limit at which workers are told to checkpoint and end; less where the limit is short."""
_MARGIN_SHARE, _LEAST_MARGIN = 0.15, 10.0
_BEGINNING = 60.0
"""Seconds in which a warning means that the job is short, and not that it is over: Slurm may warn 60 s too early."""
REQUEUES_WITHOUT_PROGRESS = 3
"""Requeues in a row after which nothing more was kept than before; the next would bring nothing either."""


class Task:
    """Watches the time limit and the signals of a job, and puts it back into the queue while work remains.

    Args:
        job: the Slurm job.
        folder: where the sweep keeps what it knows of its jobs.
        deadline: seconds from now at which the job ends; None: as Slurm says.
    """

    def __init__(self, job: Job, folder: Path, deadline: float | None = None) -> None:
        self.job = job
        self.stopping = Stopping()
        self._folder = folder
        self._told_to_end = False
        self._started = time.monotonic()
        left = job.seconds_left() if deadline is None else deadline
        self._margin = MARGIN if left is None else margin(left)
        if left is not None:
            self.stopping.set_deadline(left - self._margin)

    @classmethod
    def here(cls, folder: Path, deadline: float | None) -> Task:
        """The task that this process is. Raises AgadError outside of a Slurm job."""
        job = Job.here()
        if job is None:
            raise AgadError("--slurm-task is for a job of Slurm, and SLURM_JOB_ID is not set; leave it out")
        return cls(job, folder, deadline)

    def begin(self, log: Path) -> None:
        """Watch for signals; write to the sweep's own log from now on; note the job, so that status.py knows it."""
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, self._warned)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ended)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"job-{self.job.array}").touch()
        log.parent.mkdir(parents=True, exist_ok=True)
        say(f"The log of this task is {log}")
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
        say(f"Slurm job {self.job.name} on {os.uname().nodename}, requeued {self.job.restarts} times before")

    def once(self, name: str, text: str) -> Path:
        """A file of this job's array with that text, or with that of the task that came first; its path."""
        path = self._folder / f"{self.job.array}-{name}"
        files.create_atomically(path, lambda temporary: temporary.write_text(text))
        return path

    def _warned(self, number: int, _: object) -> None:
        """The time limit or a preemption is near. In a job that is shorter than the warning's lead it comes at once."""
        if time.monotonic() - self._started < _BEGINNING:
            left = self.job.seconds_left()
            if left is not None and left > self._margin:
                say(f"{signal.Signals(number).name} came {left:.0f} s before the time limit: too early, going on")
                return
        self.stopping.stop(f"it got {signal.Signals(number).name}")

    def _ended(self, number: int, _: object) -> None:
        """Cancelled, requeued by somebody else, or out of time: Slurm has decided what becomes of the job."""
        self._told_to_end = True
        self.stopping.stop(f"it got {signal.Signals(number).name}")

    def requeue(self, picker: Picker) -> None:
        """Put the job back into the queue, if it is to go on. The last thing that a task does: Slurm then ends it."""
        if self._told_to_end or not self.stopping.is_set() or not picker.census().open:
            return
        if self._requeues_without_progress(picker) >= REQUEUES_WITHOUT_PROGRESS:
            say(
                f"Not requeued: {REQUEUES_WITHOUT_PROGRESS} requeues in a row have kept nothing new. Give the job more "
                f"time, then: {command_line(self.job.requeue_command, python=False)}"
            )
            return
        say(f"Requeued: {self.stopping.reason}, and there are runs left.")
        try:
            call(self.job.requeue_command)
        except SlurmError as error:
            say(f"Not requeued ({error}). Where scontrol is: {command_line(self.job.requeue_command, python=False)}")

    def leave(self) -> None:
        """The sweep is complete: take its tasks that have not begun out of the queue."""
        try:
            tasks = queue.of_jobs(queue.ask(), Ledger(self._folder).jobs())
            for array in sorted({one.array for one in tasks if one.state == "PENDING"}):
                call(["scancel", "--state=PENDING", array])
        except SlurmError as error:
            say(f"Tasks that are left in the queue will find nothing to do ({error}).")

    def _requeues_without_progress(self, picker: Picker) -> int:
        """How many requeues of this job, before the one that is due, kept nothing new. Counts that one from now on."""
        path = self._folder / f"requeues-{self.job.name}.json"
        now = list(progress(picker))
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError):
            before = {"progress": [-1, -1], "without": 0}
        without = 0 if now > before["progress"] else before["without"] + 1
        text = json.dumps({"progress": now, "without": without})
        files.replace_atomically(path, lambda temporary: temporary.write_text(text))
        return without


def margin(seconds_left: float) -> float:
    """Seconds before the end at which to stop, of a job that has so many left."""
    return min(MARGIN, max(_LEAST_MARGIN, _MARGIN_SHARE * seconds_left))


def progress(picker: Picker) -> tuple[int, int]:
    """What a sweep has kept: runs that ended, and what the checkpoints of the open ones hold. It only rises."""
    census = picker.census()
    board, generations = picker.board, picker.board.generations()
    saved = 0
    for run_id in census.open:
        records = [board.read(run_id, generation) for generation in generations.get(run_id, [])]
        saved += max((record.saved for record in records if record is not None), default=0)
    return len(census.done) + len(census.failed), saved
