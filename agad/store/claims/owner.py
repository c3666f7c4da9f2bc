"""Owner: a process by which a claim is held, so named that it can be told whether it is gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, named so that others on the same host can see whether it is still there."""

    worker: str
    host: str
    boot: str
    pid_namespace: str
    pid: int
    pid_start: str | None

    @classmethod
    def this_process(cls, worker: str) -> Owner:
        """The calling process; `worker` is its name in messages and rows."""
        pid = os.getpid()
        return cls(worker, socket.gethostname(), _boot_id(), _pid_namespace(), pid, _pid_start(pid))

    def is_gone(self) -> bool:
        """Whether this was a process of this host and boot that is no more; False where that cannot be known."""
        here = (socket.gethostname(), _boot_id(), _pid_namespace())
        if not all(here) or (self.host, self.boot, self.pid_namespace) != here:
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):  # no pid is that large
            return True
        except PermissionError:
            pass  # another user's process: it is there
        start = _pid_start(self.pid)
        # Where /proc hides other users' processes nothing can be read, and nothing is concluded.
        return start is not None and start != self.pid_start


def _read_line(path: str) -> str:
    try:
        return Path(path).read_text().strip()
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
