"""What Slurm's queue says of a sweep, in lines for status.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import queue
from .commands import SlurmError
from .ledger import Ledger


def slurm_lines(folder: Path) -> Iterator[str]:
    """A line for each state that tasks of a sweep are in; none for a sweep that Slurm never had.

    Args:
        folder: where the sweep keeps what it knows of its jobs.
    """
    jobs = Ledger(folder).jobs()
    if not jobs:
        return
    try:
        answer, age = queue.ask_seldom(folder)
    except SlurmError as error:
        yield f"not asked: {error}"
        return
    tasks = queue.of_jobs(answer, jobs)
    when = f", {age:.0f} s ago" if age >= 1 else ""
    if not tasks:
        yield f"no task in the queue (jobs {', '.join(sorted(jobs, key=int))}{when})"
    for state, count in sorted(Counter(map(_state, tasks)).items()):
        yield f"{count} {'task' if count == 1 else 'tasks'} {state}{when}"


def _state(task: queue.Queued) -> str:
    if task.state == "RUNNING":
        again = f", requeued {task.restarts} times" if task.restarts else ""
        return f"running on {task.node} (job {task.array}{again})"
    word = "requeued, pending" if task.restarts and task.state == "PENDING" else task.state.lower()
    return f"{word} ({task.reason}; job {task.array})"
