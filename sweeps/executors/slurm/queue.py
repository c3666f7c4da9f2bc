"""The queue: which tasks of a sweep Slurm knows, asked at most every 30 s."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files

from .commands import SlurmError, call

SQUEUE_EVERY = 30.0
"""Seconds between two calls of squeue for a sweep, whoever asks."""

_LOOK_TIMEOUT = 20.0
"""Seconds that somebody who only wants to look waits for Slurm."""

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


def ask(timeout: float = 60.0) -> list[Queued]:
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
            array, task, name, state, reason, node, restarts = values
            count = int(restarts) if restarts.isdigit() else 0
            found.append(Queued(array, task, name, state, reason, node, count))
    return found


def ask_seldom(folder: Path) -> tuple[list[Queued], float]:
    """The queue as it was at most SQUEUE_EVERY seconds ago, and how old that is. Raises SlurmError.

    Args:
        folder: where the last answer is kept, also where there was none, so that all who look at a sweep share a call.
    """
    path = folder / f"queue-{os.getuid()}.json"
    kept = _kept(path)
    if kept is None:
        kept = {"time": time.time(), "error": None, "tasks": []}
        try:
            kept["tasks"] = [dataclasses.asdict(one) for one in ask(_LOOK_TIMEOUT)]
        except SlurmError as error:
            kept["error"] = str(error)
        text = json.dumps(kept)
        with contextlib.suppress(OSError):  # a results folder that can only be read
            files.replace_atomically(path, lambda temporary: temporary.write_text(text))
    if kept["error"]:
        raise SlurmError(kept["error"])
    return [Queued(**entry) for entry in kept["tasks"]], abs(time.time() - kept["time"])


def _kept(path: Path) -> dict[str, Any] | None:
    """The last answer, if it is young enough. Its age is by this machine's clock, or another's that is close to it."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        young = abs(time.time() - kept["time"]) < SQUEUE_EVERY
        [Queued(**entry) for entry in kept["tasks"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return kept if young else None


def of_jobs(queue: Iterable[Queued], jobs: Mapping[str, str]) -> list[Queued]:
    """Those that belong to these jobs (id -> name: another cluster has the same ids) and have work before them."""
    over = ("COMPLETING", "CANCELLED")
    return [one for one in queue if jobs.get(one.array) == one.name and one.state not in over]
