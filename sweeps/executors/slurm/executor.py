"""The Slurm executor: arrays of jobs, submitted by submitit, whose tasks are `launch.py --slurm-task`.

A task runs one command, the same as slurm/array.sh: submitit's pickle only replaces its own process by it, so
submitit's checkpoints, time limits and results are not used. The rows are the results; the launcher may end.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...progress.watch import Watch
from ..sweep import Outcome, Sweep
from . import queue
from .commands import SlurmError, call, run
from .ledger import Ledger, Submission, job_name
from .options import DEFAULT_TASKS, check_path
from .sbatch import chunks, clean_environment, job_ids, max_array_size, script_text, submitit_executor

_READ_EVERY = 2.0
"""Seconds between two readings of the sweep's files while following it."""
_SETTLING = 10.0
"""Seconds for which a requested job is searched in the queue: its sbatch may outlive a killed launch."""
_SUBMIT_LIMIT = re.compile(r"(Max|Grp)Submit", re.IGNORECASE)
_UNCLEAR = re.compile(r"timed out|unable to contact|communication|did not answer|make sense", re.IGNORECASE)
"""Words of errors after which slurmctld may have taken the job all the same."""


def execute(sweep: Sweep) -> Outcome:
    """Submit tasks until the queue has as many as wanted; with --wait, follow them to the end of the sweep."""
    check_path(sweep.jobs.absolute(), "--results")
    arrays = _Arrays(sweep)
    sweep.worker.save(sweep.logs)
    with arrays.ledger.locked():
        arrays.settle()
        arrays.fill()
        jobs = tuple(sorted({one.array for one in arrays.queued()} | set(arrays.submitted), key=int))
    if not jobs:
        return Outcome(error=f"no task of this sweep came into the queue; logs of earlier ones are in {sweep.logs}")
    if not sweep.slurm.wait:
        return Outcome(left_to=jobs)
    try:
        return _follow(sweep, arrays, jobs)
    except KeyboardInterrupt:
        sweep.display.say("No longer following the sweep; its jobs continue.")
        return Outcome(left_to=jobs)


def rehearse(sweep: Sweep, tasks: int) -> Iterator[str]:
    """The script that would be submitted, and what Slurm answers. Raises SlurmError where it is refused."""
    check_path(sweep.jobs.absolute(), "--results")
    sizes = chunks(tasks, max_array_size())
    executor = submitit_executor(sweep.slurm, sweep.jobs, f"{job_name(sweep.plan.grid)}-TOKEN", arrays=len(sizes))
    text = script_text(executor, sizes[0])
    with tempfile.TemporaryDirectory() as folder:
        yield f"{tasks} tasks in {len(sizes)} arrays of at most {sizes[0]}, each task running:"
        yield f"  {shlex.join(sweep.task)}"
        yield text
        script = Path(folder) / "script.sh"
        script.write_text(text, encoding="utf-8")
        with clean_environment():
            yield "".join(run(["sbatch", "--test-only", str(script)])).strip()


class _Arrays:
    """The arrays of one sweep."""

    def __init__(self, sweep: Sweep) -> None:
        self.ledger = Ledger(sweep.jobs)
        self.submitted: list[str] = []
        self._sweep = sweep

    def settle(self) -> None:
        """Find the jobs that a launch requested and was killed before noting; what Slurm does not know is removed."""
        entries = self.ledger.entries()
        for line in self.ledger.damaged:
            self._sweep.display.say(f"{line}; its tasks in the queue, if any, are not counted (see squeue --me)")
        for entry in entries:
            if entry.job is not None:
                continue
            job = self._find(entry)
            if job is None:
                self.ledger.remove(entry)
                continue
            self._adopt(entry, job)
            self._sweep.display.say(f"Found job {job} ({entry.tasks} tasks) of a launch that was cut off.")

    def queued(self) -> list[queue.Queued]:
        """This sweep's tasks in Slurm's queue."""
        return queue.of_jobs(queue.read(), self.ledger.jobs())

    def fill(self) -> None:
        """Submit what is missing of the wanted tasks, never more than there are runs."""
        picker = self._sweep.picker()
        wanted = self._sweep.workers or DEFAULT_TASKS
        if not picker.is_growing():
            wanted = min(wanted, len(picker.census().open))
        there = self._doing_as_much(self.queued())
        if there:
            jobs = ", ".join(sorted({one.array for one in there}))
            self._sweep.display.say(f"{len(there)} tasks of this sweep are in the queue already (job {jobs}).")
        missing = wanted - len(there)
        size = max_array_size()
        while missing > 0:
            tasks = min(missing, size)
            try:
                job = self._submit(tasks, arrays=len(chunks(wanted, size)))
            except SlurmError as error:
                if not _SUBMIT_LIMIT.search(str(error)):
                    raise
                if tasks == 1:
                    self._sweep.display.say(f"Slurm takes no more tasks now ({error}); launch again to add {missing}.")
                    return
                size = tasks // 2
                continue
            self.submitted.append(job)
            self._sweep.display.say(f"Submitted job {job}: {tasks} tasks")
            missing -= tasks

    def _doing_as_much(self, tasks: list[queue.Queued]) -> list[queue.Queued]:
        """Those that do all that this launch wants: other jobs do not retry failed runs."""
        if not self._sweep.worker.retry:
            return tasks
        retrying = {entry.job for entry in self.ledger.entries() if entry.retries}
        return [one for one in tasks if one.array in retrying]

    def _submit(self, tasks: int, arrays: int) -> str:
        sweep = self._sweep
        entry = Submission.new(sweep.plan.grid, tasks, sweep.task, retries=bool(sweep.worker.retry))
        self.ledger.write(entry)
        try:
            job = self._request(
                entry, script_text(submitit_executor(sweep.slurm, self.ledger.folder, entry.token, arrays), tasks)
            )
        except SlurmError as error:
            found = self._find(entry) if _UNCLEAR.search(str(error)) else None
            if found is None:
                self.ledger.remove(entry)
                raise
            job = found
        self._adopt(entry, job)
        return job

    def _request(self, entry: Submission, script: str) -> str:
        """The id of the array that sbatch makes of a script. Raises SlurmError.

        Sites' own lines may stand around sbatch's answer: where the queue has the array's name, it is what counts.
        """
        path = self.ledger.folder.absolute() / f"{entry.token}.sh"
        path.write_text(script, encoding="utf-8")
        try:
            with clean_environment():
                answer = call(["sbatch", "--parsable", str(path)])
        finally:
            path.unlink(missing_ok=True)  # Slurm has a copy
        answered = job_ids(answer)
        named = self._named(entry)
        if named is None and len(answered) != 1:
            named = self._find(entry)
        if named is not None:
            return named
        if len(answered) == 1:
            return answered.pop()
        raise SlurmError(f"sbatch's answer names no job ({' '.join(answer.split())[:200]!r}); see squeue --me")

    def _named(self, entry: Submission) -> str | None:
        """The array of that name in the queue; None where it is not there, or Slurm does not answer."""
        try:
            return next((one.array for one in queue.read() if one.name == entry.token), None)
        except SlurmError:
            return None

    def _find(self, entry: Submission) -> str | None:
        ends = time.monotonic() + _SETTLING
        while True:
            found = {one.array for one in queue.read() if one.name == entry.token}
            if found:
                return found.pop()
            if time.monotonic() > ends:
                return None
            time.sleep(1)

    def _adopt(self, entry: Submission, job: str) -> None:
        """Write the files that its tasks wait for (submitit's tasks do so for a minute), and note its id."""
        from submitit.core.utils import DelayedSubmission, JobPaths

        for index, arguments in enumerate(_executed(entry)):
            name = job if entry.tasks == 1 else f"{job}_{index}"
            path = JobPaths(self.ledger.folder, job_id=name).submitted_pickle
            if not path.exists():
                DelayedSubmission(os.execv, *arguments).dump(path)
        self.ledger.write(dataclasses.replace(entry, job=job))


def _executed(entry: Submission) -> list[tuple[str, list[str]]]:
    """os.execv's arguments, for each task. The shell ignores Slurm's warning until launch.py handles it."""
    command = ["/bin/sh", "-c", "trap '' USR1 USR2; exec \"$@\"", "sh", *entry.command]
    return [(command[0], command)] * entry.tasks


def _follow(sweep: Sweep, arrays: _Arrays, jobs: tuple[str, ...]) -> Outcome:
    """Show progress until nothing is open, or no task is left in the queue to do it."""
    watch = Watch(sweep.picker())
    due, gone, said = time.monotonic() + queue.SQUEUE_EVERY, 0, ""
    while True:
        snapshot = watch.read()
        sweep.display.show(snapshot)
        if not snapshot.census.open and not watch.is_growing:
            return Outcome()
        if sweep.stopping.is_set():
            return Outcome(left_to=jobs)
        if time.monotonic() >= due:
            due = time.monotonic() + queue.SQUEUE_EVERY
            try:
                tasks = arrays.queued()
            except SlurmError as error:
                sweep.display.say(f"Slurm does not answer ({error}); still following the rows.")
                continue
            if tasks and all(map(queue.is_lasting, tasks)):
                return Outcome(error=_why_lasting(tasks))
            if tasks and (line := _waiting(tasks)) != said:
                said = line
                sweep.display.say(line or "Tasks have started.")
            gone = 0 if tasks else gone + 1
            if gone > 1:
                return Outcome(
                    error=f"no task of this sweep is left in the queue; their output is in {sweep.jobs}, the logs of "
                    f"their workers in {sweep.logs}"
                )
        time.sleep(_READ_EVERY)


def _waiting(tasks: list[queue.Queued]) -> str:
    """Why nothing starts, as long as every task is pending."""
    if any(one.state != "PENDING" for one in tasks):
        return ""
    return f"Slurm: {'; '.join(queue.state_lines(tasks))}."


def _why_lasting(tasks: list[queue.Queued]) -> str:
    jobs = " ".join(sorted({one.array for one in tasks}, key=int))
    return (
        f"no task of this sweep will start by itself ({'; '.join(queue.state_lines(tasks))}); release or cancel them "
        f"(scontrol release {jobs}, scancel {jobs}) and launch again"
    )
