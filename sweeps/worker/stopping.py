"""Stopping: whether this process is to stop, and why. Bell: how a launcher stops workers on any host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class Stopping:
    """Set by signal handlers, the heartbeat thread and the deadline.

    Args:
        deadline: seconds from now after which it stops by itself; None: never.
        check: called at every `is_set`; may call `stop`.
    """

    def __init__(self, deadline: float | None = None, check: Callable[[], None] | None = None) -> None:
        self.reason: str | None = None
        self._check = check
        self._ends: float | None = None
        self.set_deadline(deadline)

    def set_deadline(self, seconds: float | None) -> None:
        """Stop `seconds` from now; None: never."""
        self._ends = None if seconds is None else time.monotonic() + seconds

    def stop(self, reason: str) -> None:
        """Request a stop at the next update; the first reason stays."""
        self.reason = self.reason or reason

    def is_set(self) -> bool:
        """Whether to stop now."""
        if self._check is not None and self.reason is None:
            self._check()
        if self._ends is not None and time.monotonic() >= self._ends:
            self.stop("its deadline is near")
        return self.reason is not None


@dataclass(frozen=True, slots=True)
class Bell:
    """A file that is empty until it is rung.

    It is there from the start: NFS clients see new bytes at a fresh open, but may go on not seeing a new file.
    """

    path: Path

    def hang(self) -> None:
        """Create the file, silent."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")

    def ring(self) -> None:
        """Stop all workers that poll it."""
        self.path.write_bytes(b"stop")

    def is_rung(self) -> bool:
        """Whether to stop: it was rung, or its launcher has ended and taken it away."""
        try:
            return bool(self.path.read_bytes())
        except FileNotFoundError:
            return True
        except OSError:  # a file server that is slow to answer stops no worker
            return False
