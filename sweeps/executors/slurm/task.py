"""Task: this process as one task of a Slurm job that works on a sweep."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agad import files, json_file
from agad.errors import AgadError, DeviceError
from agad.store.folder import ResultsFolder

from ...cli.arguments import say
from ...worker.picking import Picker
from ...worker.stopping import Stopping
from . import queue
from .commands import SlurmError, SlurmNotHereError, call
from .job import Job
from .ledger import Ledger

MARGIN = 180.0
"""Seconds before the time limit at which workers write checkpoints and end; less where the limit is short."""
_MARGIN_SHARE, _LEAST_MARGIN = 0.15, 10.0
_REQUEUE_ATTEMPTS, _REQUEUE_PAUSE = 5, 3.0
_BEGINNING = 60.0
"""Seconds in which a warning means that the job is short, and not that it is over: Slurm may warn 60 s too early."""
REQUEUES_WITHOUT_PROGRESS = 3
"""Requeues in a row without a new row or checkpoint, after which a job is not requeued any more."""


class Task:
    """Watches the time limit and the signals of a job, and puts it back into the queue while work remains.

    Args:
        job: the Slurm job.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stopping = Stopping(check=self._judge)
        self.margin = MARGIN
        self._folder = Path()
        self._ends: float | None = None
        self._started = time.monotonic()
        self._warning: str | None = None
        self._must_end = False

    @classmethod
    def here(cls) -> Task:
        """The task that this process is, its signal handlers installed. Raises AgadError outside of a Slurm job."""
        job = Job.here()
        if job is None:
            raise AgadError("--slurm-task is for a job of Slurm, and SLURM_JOB_ID is not set; leave it out")
        task = cls(job)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, task.warned)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, task.ended)
        return task

    def begin(self, folder: Path, deadline: float | None = None) -> None:
        """Learn when the job ends, and note it for status.py.

        Args:
            folder: the sweep's folder of files about its jobs.
            deadline: seconds from now at which the job ends; None: its time limit.
        """
        self._folder = folder
        Ledger(folder).note(self.job.array, self.job.title)
        left = self.job.seconds_left() if deadline is None else deadline
        if left is not None:
            self.margin = margin(left)
            self._ends = time.monotonic() + left
            self.stopping.set_deadline(left - self.margin)

    def write_to(self, log: Path) -> None:
        """Send standard output and error to the sweep's own log."""
        ResultsFolder(log.parents[2]).make(log.parent)
        say(f"The log of this task is {log}")
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
        say(f"Slurm job {self.job.name} on {os.uname().nodename}, requeued {self.job.restarts} times before")

    def check_gpus(self, visible: Sequence[str]) -> None:
        """Raise DeviceError where Slurm has given GPUs and none works: that node's CPU must not take their runs."""
        if self.job.has_gpus and not visible:
            raise DeviceError(
                f"Slurm gave this job GPUs of {os.uname().nodename}, and nvidia-smi shows none: a broken node? "
                "--device cpu if the CPU is meant"
            )

    def warned(self, number: int, _: object) -> None:
        """Slurm's warning: the time limit or a preemption is near. Judged outside of the signal's handler."""
        self._warning = signal.Signals(number).name

    def ended(self, number: int, _: object) -> None:
        """Cancelled, requeued by somebody else, or out of time: Slurm has decided what becomes of the job."""
        self._must_end = True
        self.stopping.stop(f"it got {signal.Signals(number).name}")

    def _judge(self) -> None:
        """Stop after a warning, unless it came at the start of a job that is shorter than the warning's lead time."""
        name, self._warning = self._warning, None
        if name is None:
            return
        if time.monotonic() - self._started < _BEGINNING and self._ends is not None:
            left = self._ends - time.monotonic()
            if left > self.margin:
                say(f"{name} came {left:.0f} s before the end: too early, continuing")
                return
        self.stopping.stop(f"it got {name}")

    def requeue(self, picker: Picker) -> None:
        """Put the job back into the queue where runs are left. The last thing that a task does: Slurm then ends it."""
        if self._must_end or not self.stopping.is_set():
            return
        if not picker.census().open and not picker.is_growing():
            return
        by_hand = shlex.join(self.job.requeue_command)
        if self._requeues_without_progress(picker) >= REQUEUES_WITHOUT_PROGRESS:
            say(
                f"Not requeued: {REQUEUES_WITHOUT_PROGRESS} requeues in a row have saved nothing new. "
                f"Give the job more time, then: {by_hand}"
            )
            return
        say(f"Requeued: {self.stopping.reason}, and there are runs left.")
        error = self._requeue_now()
        if error is not None:
            say(f"Not requeued ({error}). On a machine with scontrol: {by_hand}")

    def _requeue_now(self) -> SlurmError | None:
        """Several attempts: tasks of an array meet their time limit in the same second, and slurmctld may be busy."""
        for remaining in reversed(range(_REQUEUE_ATTEMPTS)):
            try:
                call(self.job.requeue_command)
            except SlurmError as error:
                if self._must_end:  # it is being ended for that very requeue, and scontrol with it
                    return None
                if isinstance(error, SlurmNotHereError) or not remaining:
                    return error
                time.sleep(_REQUEUE_PAUSE)
            else:
                return None
        return None

    def leave(self, picker: Picker) -> None:
        """The sweep is complete: take its tasks that have not begun out of the queue.

        Where runs have failed, those of this job only: another may be there to retry them.
        """
        try:
            jobs = Ledger(self._folder).jobs()
            tasks = [one for one in queue.of_jobs(queue.read(), jobs) if one.state == "PENDING"]
            arrays = {one.array for one in tasks if one.array == self.job.array or not picker.census().failed}
            for array in sorted(arrays):
                call(["scancel", "--state=PENDING", array])
        except SlurmError as error:
            say(f"Tasks that are left in the queue will find nothing to do ({error}).")

    def once(self, name: str, text: str) -> Path:
        """A file of this job's array with this text, or with that of the task that came first; its path."""
        path = self._folder / f"{self.job.array}-{name}"
        files.create_text(path, text)
        return path

    def _requeues_without_progress(self, picker: Picker) -> int:
        """How many requeues of this job, before the one that is due, saved nothing new. Counts that one as well."""
        path = self._folder / f"requeues-{self.job.name}.json"
        now = list(progress(picker))
        try:
            saved = json_file.loads(files.read_file(path))
            before, without = list(map(int, saved["progress"])), int(saved["without"])
        except (OSError, ValueError, KeyError, TypeError):  # the first requeue, or one whose record is damaged
            before, without = [-1, -1], 0
        without = 0 if now > before else without + 1
        files.replace_text(path, json_file.dumps({"progress": now, "without": without}))
        return without


def margin(seconds_left: float) -> float:
    """Seconds before the end at which to stop, of a job that ends in `seconds_left`."""
    return min(MARGIN, max(_LEAST_MARGIN, _MARGIN_SHARE * seconds_left))


def progress(picker: Picker) -> tuple[int, int]:
    """What a sweep has saved: runs that ended, and what the checkpoints of the open ones hold. It only rises."""
    census = picker.census()
    board, generations = picker.board, picker.board.generations()
    saved = 0
    for run_id in census.open:
        records = [board.read(run_id, generation) for generation in generations.get(run_id, [])]
        saved += max((record.saved for record in records if record is not None), default=0)
    return len(census.done) + len(census.failed), saved
