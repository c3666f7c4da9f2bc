"""The queue: which tasks of a sweep Slurm knows; and that in lines for status.py, read at most every 30 s."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files, json_file

from .commands import SlurmError, call
from .ledger import Ledger

SQUEUE_EVERY = 30.0
"""Seconds between two calls of squeue for a sweep, whichever process makes them."""

_STATUS_TIMEOUT = 20.0
"""Seconds that status.py waits for Slurm."""

_FIELDS = (
    ("ArrayJobID", 24), ("ArrayTaskID", 24), ("State", 24), ("Reason", 64), ("NodeList", 64), ("RestartCnt", 12),
    ("Name", 128),
)  # fmt: skip
"""Names and widths. The job's name is the last: of one in other letters than ASCII, bytes are counted."""

_LASTING = (
    *("held", "JobHoldMaxRequeue", "DependencyNeverSatisfied"),
    *("BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionTimeLimit"),
)
"""Words of the reasons of tasks that stay pending until somebody does something."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A job, or a task of an array, that has not ended.

    Attributes:
        array: id of the array, or of the job where it is none.
        task: index in the array, or `N/A`.
        name: the job's name.
        state: PENDING, RUNNING, COMPLETING and so on.
        reason: why it is pending.
        node: where it runs.
        restarts: how often it was requeued.
    """

    array: str
    task: str
    name: str
    state: str
    reason: str
    node: str
    restarts: int


def read(timeout: float = 60.0) -> list[Queued]:
    """All of this user's jobs, one entry per array task. Raises SlurmError."""
    form = ",".join(f"{name}:{width}" for name, width in _FIELDS)
    return parse(call(["squeue", "--me", "--noheader", "--array", "--Format", form], timeout=timeout))


def parse(text: str) -> list[Queued]:
    """Squeue's answer: columns of fixed width."""
    found = []
    for line in text.splitlines():
        values, start = [], 0
        for _, width in _FIELDS:
            values.append(line[start : start + width].strip())
            start += width
        if values[0]:
            array, task, state, reason, node, restarts, name = values
            count = int(restarts) if restarts.isdigit() else 0
            found.append(Queued(array, task, name, state, reason, node, count))
    return found


def read_seldom(folder: Path) -> tuple[list[Queued], float]:
    """The queue as it was at most SQUEUE_EVERY seconds ago, and how old that is. Raises SlurmError.

    Args:
        folder: where the last answer is saved, a failure too, so that all processes share a call.
    """
    path = folder / f"queue-{os.getuid()}.json"
    saved = _saved(path)
    if saved is None:
        saved = {"time": time.time(), "error": None, "tasks": []}
        try:
            saved["tasks"] = [dataclasses.asdict(one) for one in read(_STATUS_TIMEOUT)]
        except SlurmError as error:
            saved["error"] = str(error)
        with contextlib.suppress(OSError):  # a results folder that can only be read
            files.replace_text(path, json_file.dumps(saved))
    if saved["error"]:
        raise SlurmError(saved["error"])
    return [Queued(**entry) for entry in saved["tasks"]], abs(time.time() - saved["time"])


def _saved(path: Path) -> dict[str, Any] | None:
    """The last answer, if it is young enough. Its age is by this machine's clock, or another's that is close to it."""
    try:
        saved = json_file.loads(files.read_file(path))
        saved["error"]
        young = abs(time.time() - saved["time"]) < SQUEUE_EVERY
        [Queued(**entry) for entry in saved["tasks"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return saved if young else None


def is_lasting(task: Queued) -> bool:
    """Whether a task stays pending until its owner or an administrator does something."""
    reason = task.reason.partition(",")[0].casefold()  # names of nodes may follow
    return task.state == "PENDING" and any(word.casefold() in reason for word in _LASTING)


def of_jobs(queue: Iterable[Queued], jobs: Mapping[str, str]) -> list[Queued]:
    """Those that belong to these jobs (id -> name: another cluster has the same ids) and have work left."""
    over = ("COMPLETING", "CANCELLED")
    return [one for one in queue if jobs.get(one.array) == one.name and one.state not in over]


# -- status.py ----------------------------------------------------------------------------------------------------


def slurm_lines(folder: Path) -> Iterator[str]:
    """A line for each state that tasks of a sweep are in; none for a sweep that Slurm never had.

    Args:
        folder: folder of the sweep's files about its jobs.
    """
    ledger = Ledger(folder)
    jobs = ledger.jobs()
    yield from ledger.damaged
    if not jobs:
        return
    try:
        answer, age = read_seldom(folder)
    except SlurmError as error:
        yield f"queue not read: {error}"
        return
    tasks = of_jobs(answer, jobs)
    when = f", {age:.0f} s ago" if age >= 1 else ""
    if not tasks:
        yield f"no task in the queue (jobs {', '.join(sorted(jobs, key=int))}{when})"
    yield from (f"{line}{when}" for line in state_lines(tasks))


def state_lines(tasks: Iterable[Queued]) -> Iterator[str]:
    """A line for each state that tasks are in."""
    for state, count in sorted(Counter(map(_state, tasks)).items()):
        yield f"{count} {'task' if count == 1 else 'tasks'} {state}"


def _state(task: Queued) -> str:
    if task.state == "RUNNING":
        again = f", requeued {task.restarts} times" if task.restarts else ""
        return f"running on {task.node} (job {task.array}{again})"
    word = "requeued, pending" if task.restarts and task.state == "PENDING" else task.state.lower()
    return f"{word} ({task.reason}; job {task.array})"
