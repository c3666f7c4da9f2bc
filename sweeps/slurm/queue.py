"""The queue: which tasks of a sweep Slurm knows, asked at most every 30 s."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from agad import files
from sweeps.slurm.commands import call

SQUEUE_EVERY = 30.0
"""Seconds between two calls of squeue for a sweep, whoever asks."""

_FIELDS = (
    ("ArrayJobID", 24), ("ArrayTaskID", 24), ("Name", 128), ("State", 24), ("Reason", 64), ("NodeList", 64),
    ("RestartCnt", 12),
)  # fmt: skip


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


def ask() -> list[Queued]:
    """All of this user's jobs, one entry per array task. Raises SlurmError."""
    form = ",".join(f"{name}:{width}" for name, width in _FIELDS)
    return parse(call(["squeue", "--me", "--noheader", "--array", "--Format", form]))


def parse(text: str) -> list[Queued]:
    """Squeue's answer: columns of fixed width."""
    found = []
    for line in text.splitlines():
        values, start = [], 0
        for _, width in _FIELDS:
            values.append(line[start : start + width].strip())
            start += width
        if values[0]:
            array, task, name, state, reason, node, restarts = values
            count = int(restarts) if restarts.isdigit() else 0
            found.append(Queued(array, task, name, state, reason, node, count))
    return found


def ask_seldom(folder: Path) -> tuple[list[Queued], float]:
    """The queue as it was at most SQUEUE_EVERY seconds ago, and how old that is. Raises SlurmError.

    Args:
        folder: where the last answer is kept, so that all who look at a sweep share one call.
    """
    path = folder / f"queue-{os.getuid()}.json"
    try:
        age = time.time() - path.stat().st_mtime
        if 0 <= age < SQUEUE_EVERY:
            return [Queued(**entry) for entry in json.loads(path.read_text())], age
    except (OSError, ValueError, TypeError):
        pass
    queue = ask()
    text = json.dumps([dataclasses.asdict(one) for one in queue])
    with contextlib.suppress(OSError):  # a results folder that can only be read
        files.replace_atomically(path, lambda temporary: temporary.write_text(text))
    return queue, 0.0


def of_jobs(queue: Collection[Queued], arrays: Collection[str]) -> list[Queued]:
    """Those that belong to these jobs and have work before them."""
    return [one for one in queue if one.array in arrays and one.state not in ("COMPLETING", "CANCELLED")]
