"""Claims: which worker holds which run, without a server, locks or clocks that agree (standard library only).

A claim is a file `claims/<run_id>.<generation>`, created exclusively. Stealing a run is creating the next generation;
the generation is the attempt's number. A claim is not unlinked while its run is open, so generations only rise.

Its owner rewrites a counter inside it. An observer calls it dead when the file's bytes, read by a fresh open, have not
changed for `lease` seconds on the observer's own monotonic clock, or at once when the owner was a process of this
very host and boot that is gone. Neither file times nor flock are used: clocks and locks differ on NFS and Lustre. A
claim lost to a thief costs work twice, never a result twice: rows are keyed by attempt and one of them counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from agad import files
from agad.store.folder import ResultsFolder, attempts_in

DEFAULT_LEASE = 300.0
"""Seconds without a heartbeat after which a claim from another host is dead."""

_GONE = {errno.ENOENT, errno.ESTALE}
"""ESTALE is NFS's word for a file that was unlinked while it was read."""
_NO_FILE = {errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EAGAIN}
"""A folder, a circle of links, a socket, a file that its owner keeps to himself, a pipe."""
_LONGEST_RECORD = 2**16
_RECORD_BYTES = 1024
"""A record is padded to one size, so that rewriting it in place never leaves the tail of a longer one."""


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


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """What a claim's file holds.

    Attributes:
        owner: who holds it.
        counter: rises with every heartbeat.
        released: whether the owner has given it back.
        update: the update that the run had reached at the last heartbeat.
        updates: the run's length.
        saved: how much the newest checkpoint that this owner has read or written keeps (agad.train.run.Progress).
    """

    owner: Owner
    counter: int = 0
    released: bool = False
    update: int = 0
    updates: int = 0
    saved: int = 0

    def to_bytes(self) -> bytes:
        """The record as JSON, padded to one size."""
        return json.dumps(dataclasses.asdict(self)).encode().ljust(_RECORD_BYTES) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> ClaimRecord | None:
        """The inverse; None for a record that was torn by a crash, is being rewritten, or holds what no claim does."""
        try:
            values = json.loads(content)
            known = {one.name: values[one.name] for one in dataclasses.fields(cls) if one.name in values}
            record = cls(**{**known, "owner": Owner(**values["owner"])})  # another version may write more
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return record if _is_sound(record) else None


def _is_sound(record: ClaimRecord) -> bool:
    """Whether every value is of its type: anybody who may write the folder may have written the file."""
    owner = record.owner
    numbers = (record.counter, record.update, record.updates, record.saved)
    return (
        all(type(text) is str for text in (owner.worker, owner.host, owner.boot, owner.pid_namespace))
        and (owner.pid_start is None or type(owner.pid_start) is str)
        and type(owner.pid) is int
        and owner.pid > 0  # others name groups of processes
        and type(record.released) is bool
        and all(type(number) is int and 0 <= number < 2**63 for number in numbers)
    )


class Claim:
    """A claim held by this process. Thread-safe: a heartbeat thread and the training loop both speak to it.

    Attributes:
        deaths: how many workers had died on the run before, since one gave it back.
    """

    def __init__(self, path: Path, run_id: str, generation: int, record: ClaimRecord) -> None:
        self.path = path
        self.run_id = run_id
        self.generation = generation
        self.deaths = 0
        self._record = record
        self._lock = threading.Lock()

    @property
    def record(self) -> ClaimRecord:
        """What this process knows of the claim: newer than the file."""
        return self._record

    def note(self, *, update: int, updates: int, saved: int) -> None:
        """Remember how far the run is, for the next heartbeat. Costs no file operation."""
        with self._lock:
            self._record = dataclasses.replace(self._record, update=update, updates=updates, saved=saved)

    def beat(self) -> None:
        """Rewrite the counter. Raises OSError where the folder cannot be written."""
        self._write(released=False)

    def release(self) -> None:
        """Give the run back: any worker may take the next generation at once."""
        self._write(released=True)

    def is_superseded(self) -> bool:
        """Whether another worker has stolen the run: a higher generation exists."""
        return self.path.with_name(f"{self.run_id}.{self.generation + 1}").exists()

    def is_lost(self) -> bool:
        """Whether another worker has stolen the run, or closed it: then claims are cleared. Raises OSError."""
        try:
            self.path.stat()  # not exists(), to which a server that does not answer may mean no
        except FileNotFoundError:
            return True
        return self.is_superseded()

    def withdraw(self) -> None:
        """Unlink the claim: only for one that was taken when its run was closed already."""
        self.path.unlink(missing_ok=True)

    def _write(self, *, released: bool) -> None:
        with self._lock:
            if self._record.released and not released:
                return  # a heartbeat that comes after the release must not take it back
            self._record = dataclasses.replace(self._record, counter=self._record.counter + 1, released=released)
            descriptor = os.open(self.path, os.O_WRONLY)
            try:
                with files.naming(self.path):
                    os.pwrite(descriptor, self._record.to_bytes(), 0)
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)


class ClaimBoard:
    """The claims of one results folder, as one process sees them.

    Args:
        results: the results folder.
        owner: this process.
        lease: seconds; see the module's text.
        clock: monotonic seconds; tests pass their own.

    Attributes:
        torn: files that the latest reading found to be no claim; each counts as held until it has stood still for a
            lease.
    """

    def __init__(
        self,
        results: str | Path,
        owner: Owner,
        *,
        lease: float = DEFAULT_LEASE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._results = ResultsFolder(Path(results))
        self.folder = self._results.claims
        self.torn: set[Path] = set()
        self.owner = owner
        self.lease = lease
        self._clock = clock
        self._seen: dict[str, tuple[bytes, float]] = {}

    def generations(self) -> dict[str, list[int]]:
        """run_id -> the generations of its claims, rising. One listing."""
        return attempts_in(self.folder)

    def take(self, run_id: str, generation: int) -> Claim | None:
        """Claim that generation of the run; None if another worker has it. Raises OSError if not writable."""
        self._results.make(self.folder)
        path = self.folder / f"{run_id}.{generation}"
        record = ClaimRecord(self.owner)
        claim = Claim(path, run_id, generation, record)
        try:
            # Written beside and linked into place: a crash or a full disk leaves no empty claim.
            created = files.create_atomically(path, lambda temporary: temporary.write_bytes(record.to_bytes()))
        except OSError:
            with contextlib.suppress(OSError):  # it may be in place all the same, and nobody would give it back
                if path.read_bytes() == record.to_bytes():
                    claim.release()
            raise
        return claim if created else None

    def read(self, run_id: str, generation: int) -> ClaimRecord | None:
        """What the claim holds; None if it is gone or torn."""
        return self._record(f"{run_id}.{generation}")[1]

    def is_held(self, run_id: str, generation: int) -> bool:
        """Whether the claim is alive and not given back, as far as this process can know.

        A claim of another host counts as alive until this process has watched its bytes stand still for a lease.
        """
        name = f"{run_id}.{generation}"
        asked = self._clock()  # before the reading: this process may be stopped for a lease between the two
        content, record = self._record(name)
        if content is None:
            self._seen.pop(name, None)
            return False
        if record is not None and (record.released or record.owner.is_gone()):
            return False
        seen, since = self._seen.get(name, (None, 0.0))
        if seen != content:
            self._seen[name] = (content, self._clock())
            return True
        return asked - since < self.lease

    def clear(self, run_ids: Collection[str]) -> None:
        """Unlink all claims of runs that are closed for good."""
        wanted = set(run_ids)
        for run_id, generations in self.generations().items():
            if run_id in wanted:
                for generation in generations:
                    (self.folder / f"{run_id}.{generation}").unlink(missing_ok=True)

    def _record(self, name: str) -> tuple[bytes | None, ClaimRecord | None]:
        """The claim's bytes, None where it is gone, and what they say, None where it is gone or torn."""
        path = self.folder / name
        content = _content(path)
        record = None if content is None else ClaimRecord.from_bytes(content)
        if content is None or record is not None:
            self.torn.discard(path)
        else:
            self.torn.add(path)
        return content, record


def _content(path: Path) -> bytes | None:
    """The file's bytes; None where it is gone, none where it is no file."""
    try:
        with files.naming(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for its writer
            try:
                return os.read(descriptor, _LONGEST_RECORD)
            finally:
                os.close(descriptor)
    except OSError as error:
        if error.errno in _GONE:
            return None
        if error.errno in _NO_FILE:
            return b""
        raise


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
