"""ClaimBoard: the claims of one results folder, as one process sees them."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from agad import files
from agad.store.claims.claim import Claim, ClaimRecord
from agad.store.claims.owner import Owner
from agad.store.folder import ResultsFolder, attempts_in

DEFAULT_LEASE = 300.0
"""Seconds without a heartbeat after which a claim from another host is dead."""

_GONE = {errno.ENOENT, errno.ESTALE}
"""ESTALE is NFS's word for a file that was unlinked while it was read."""
_NO_FILE = {errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EAGAIN}
"""A folder, a circle of links, a socket, a file that its owner keeps to himself, a pipe."""
_LONGEST_RECORD = 2**16


class ClaimBoard:
    """The claims of one results folder, as one process sees them.

    Args:
        results: the results folder.
        owner: this process.
        lease: seconds; see the package's text.
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
