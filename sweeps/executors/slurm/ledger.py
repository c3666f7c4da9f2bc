"""Ledger: the jobs that a sweep requests from Slurm, written down before the request."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agad import files
from agad.errors import AgadError
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder

from ...worker.heartbeat import Heartbeat
from ...worker.stopping import Stopping

_LOCK_LEASE, _LOCK_BEAT = 30.0, 5.0
"""Seconds: the silence after which a launch of another host counts as dead, and between two signs of life."""
_LOCK_PATIENCE = 120.0
"""Seconds to wait for another launch that is submitting the same sweep."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An array that was, or was to be, submitted.

    Attributes:
        token: the job's name, by which it is found again where its id was not written down.
        tasks: how many.
        command: what each runs.
        job: its id; None: not known (yet).
        retries: whether it gives failed runs another attempt.
    """

    token: str
    tasks: int
    command: tuple[str, ...]
    job: str | None = None
    retries: bool = False

    @classmethod
    def new(cls, grid: str, tasks: int, command: tuple[str, ...], *, retries: bool) -> Submission:
        """One with a token of its own."""
        return cls(f"{job_name(grid)}-{uuid.uuid4().hex[:10]}", tasks, command, retries=retries)


def job_name(grid: str) -> str:
    """The beginning of the names of a grid's jobs: plain, and short enough for a column of squeue."""
    return f"agad-{re.sub(r'[^A-Za-z0-9_.-]', '_', grid)[:60]}"


class Ledger:
    """The submissions of one sweep, a small file each.

    Args:
        folder: the sweep's folder of files about its jobs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, submission: Submission) -> None:
        """Write it, over what stood there for its token."""
        self._make()
        text = json.dumps(dataclasses.asdict(submission))
        path = self.folder / f"{submission.token}.json"
        files.replace_atomically(path, lambda temporary: temporary.write_text(text))

    def remove(self, submission: Submission) -> None:
        """Remove it: Slurm does not know it."""
        (self.folder / f"{submission.token}.json").unlink(missing_ok=True)

    def entries(self) -> list[Submission]:
        """All submissions."""
        found = []
        for path in sorted(self.folder.glob("agad-*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                values = json.loads(path.read_text())
                found.append(Submission(**{**values, "command": tuple(values["command"])}))
        return found

    def note(self, job: str, name: str) -> None:
        """Record a job that has begun to work on the sweep, whoever submitted it."""
        self._make()
        files.create_atomically(self.folder / f"job-{job}", lambda temporary: temporary.write_text(name))

    def jobs(self) -> dict[str, str]:
        """Id -> name of all jobs that have worked, or were to work, on the sweep."""
        found = {path.name.removeprefix("job-"): path.read_text() for path in self.folder.glob("job-*")}
        return found | {entry.job: entry.token for entry in self.entries() if entry.job is not None}

    def _make(self) -> None:
        """Make the folder, which is `slurm/PLAN` in a results folder. Raises StoreError where that has gone."""
        ResultsFolder(self.folder.parents[1]).make(self.folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One launch at a time; a dead one's lock is taken over. Raises AgadError where another holds it for long."""
        self._make()
        board = ClaimBoard(self.folder, Owner.this_process("launcher"), lease=_LOCK_LEASE)
        ends = time.monotonic() + _LOCK_PATIENCE
        while True:
            last = max(board.generations().get(_LOCK, [0]))
            claim = None if last and board.is_held(_LOCK, last) else board.take(_LOCK, last + 1)
            if claim is not None:
                break
            if time.monotonic() > ends:
                raise AgadError("another launch.py is submitting this sweep; try again when it has ended")
            time.sleep(0.2)
        heartbeat = Heartbeat(Stopping(), _LOCK_BEAT, None)
        heartbeat.hold(claim)
        heartbeat.start()
        try:
            yield
        finally:
            heartbeat.end()
            claim.release()
            for generation in board.generations().get(_LOCK, []):
                if generation < claim.generation:  # the newest stays: generations must only rise
                    (board.folder / f"{_LOCK}.{generation}").unlink(missing_ok=True)


_LOCK = "0"
"""The claim's name in place of a run_id."""
