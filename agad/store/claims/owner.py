"""Owner: a process by which a claim is held, so named that it can be told whether it is gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, named so that others on the same host can see whether it is still there.

    Attributes:
        worker: its name in messages and rows.
        host: name of its machine.
        boot: of that machine, since when it runs.
        pid_namespace: in which `pid` counts.
        pid: of the process.
        pid_start: when it started: with the pid it names a process; None: not known.
        parent: pid of what started it, a launcher or Ray's raylet; 0: not known.
        parent_start: likewise.
    """

    worker: str
    host: str
    boot: str
    pid_namespace: str
    pid: int
    pid_start: str | None
    parent: int = 0
    parent_start: str | None = None

    @classmethod
    def this_process(cls, worker: str) -> Owner:
        """The calling process; `worker` is its name in messages and rows."""
        pid, parent = os.getpid(), os.getppid()
        here = socket.gethostname(), _boot_id(), _pid_namespace()
        return cls(worker, *here, pid, _pid_start(pid), parent, _pid_start(parent))

    def is_gone(self) -> bool:
        """Whether this was a process of this host and boot that is no more; False where that cannot be known."""
        return self._is_of_this_boot() and _is_gone(self.pid, self.pid_start)

    def is_here(self) -> bool:
        """Whether this is a process of this host that lives; False where that cannot be known."""
        return self._is_of_this_boot() and self.pid_start is not None and not self.is_gone()

    def went_with_others(self) -> bool:
        """Whether what this process ran in is no more either: its parent, or the machine, which was started again.

        Then its own work need not be what ended it. False where that cannot be known.
        """
        if self.host == socket.gethostname() and self.boot and _boot_id() not in ("", self.boot):
            return True
        return self._is_of_this_boot() and self.parent > 1 and _is_gone(self.parent, self.parent_start)

    def _is_of_this_boot(self) -> bool:
        here = (socket.gethostname(), _boot_id(), _pid_namespace())
        return all(here) and (self.host, self.boot, self.pid_namespace) == here


def _is_gone(pid: int, started: str | None) -> bool:
    """Whether the process of this machine that had the pid since then is no more."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no pid is that large
        return True
    except PermissionError:
        pass  # another user's process: it is there
    start = _pid_start(pid)
    # Where /proc hides other users' processes nothing can be read, and nothing is concluded.
    return start is not None and start != started


def _read_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _boot_id() -> str:
    return _read_line("/proc/sys/kernel/random/boot_id")


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _pid_start(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot: with the pid it names a process; None if not readable."""
    fields = _read_line(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    return "zombie" if fields[0] == "Z" else fields[19]  # a zombie runs nothing any more
