"""Ledger: the jobs that a sweep requests from Slurm, written down before the request."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agad import files, json_file
from agad.errors import AgadError
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder

from ...worker.heartbeat import Heartbeat
from ...worker.stopping import Stopping

_Read = TypeVar("_Read")

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
        self._damaged: dict[Path, str] = {}

    @property
    def damaged(self) -> list[str]:
        """A line for each file that the latest reading passed over."""
        return [f"passed over {path}: {reason}" for path, reason in sorted(self._damaged.items())]

    def write(self, submission: Submission) -> None:
        """Write it, over what stood there for its token."""
        self._make()
        files.replace_text(self._path(submission), json_file.dumps(dataclasses.asdict(submission)))

    def remove(self, submission: Submission) -> None:
        """Remove it: Slurm does not know it."""
        self._path(submission).unlink(missing_ok=True)

    def entries(self) -> list[Submission]:
        """All submissions that can be read; the others are `damaged`."""
        return list(self._read("agad-*.json", _submission))

    def note(self, job: str, name: str) -> None:
        """Record a job that has begun to work on the sweep, whoever submitted it."""
        self._make()
        files.create_text(self.folder / f"job-{job}.json", json_file.dumps({"job": job, "name": name}))

    def jobs(self) -> dict[str, str]:
        """Id -> name of all jobs that have worked, or were to work, on the sweep."""
        found = dict(self._read("job-*", _job))
        return found | {entry.job: entry.token for entry in self.entries() if entry.job is not None}

    def _path(self, submission: Submission) -> Path:
        return self.folder / f"{submission.token}.json"

    def _read(self, pattern: str, read: Callable[[Path], _Read]) -> Iterator[_Read]:
        """What the files hold; notes those that are damaged: a job of theirs may be submitted once more."""
        for path in sorted(self.folder.glob(pattern)):
            try:
                yield read(path)
                self._damaged.pop(path, None)
            except FileNotFoundError:
                continue  # another launch has removed it
            except OSError as error:
                self._damaged[path] = error.strerror or type(error).__name__
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._damaged[path] = str(error) if isinstance(error, ValueError) else "it is damaged"

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


def _submission(path: Path) -> Submission:
    values = json_file.loads(files.read_file(path))
    found = Submission(**{**values, "command": tuple(map(str, values["command"]))})
    if f"{found.token}.json" != path.name or not (found.job is None or str(found.job).isdigit()):
        raise ValueError("it is no submission of this name")
    return found


def _job(path: Path) -> tuple[str, str]:
    """Id and name of a job; an older agad's file holds nothing but the name."""
    job = path.name.removeprefix("job-").removesuffix(".json")
    if path.suffix != ".json":
        values = {"job": job, "name": path.read_text(encoding="utf-8")}
    else:
        values = json_file.loads(files.read_file(path))
    if values["job"] != job or not job.isdigit():
        raise ValueError("it is no job of this name")
    return job, str(values["name"])


_LOCK = "0"
"""The claim's name in place of a run_id."""
