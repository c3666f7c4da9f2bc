"""ClaimRecord: what a claim's file holds. Claim: one that this process holds."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files
from agad.store.claims.owner import Owner

_CRC = "crc"
_RECORD_BYTES = 1024
"""A record is padded to one size, so that rewriting it in place never leaves the tail of a longer one."""


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
        values = dataclasses.asdict(self)
        return json.dumps({**values, _CRC: _crc(values)}).encode().ljust(_RECORD_BYTES) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> ClaimRecord | None:
        """The inverse; None for a record that was torn by a crash, is being rewritten, or holds what no claim does."""
        try:
            values = json.loads(content.partition(b"\n")[0])
            crc = values.pop(_CRC, None)
            if crc not in (None, _crc(values)):  # an older agad's has none
                return None
            record = cls(**{**_known(cls, values), "owner": Owner(**_known(Owner, values["owner"]))})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return record if _is_sound(record) else None


def _known(kind: type[ClaimRecord | Owner], values: dict[str, Any]) -> dict[str, Any]:
    """Those of the values that this version knows: another may write more."""
    return {one.name: values[one.name] for one in dataclasses.fields(kind) if one.name in values}


def _crc(values: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(values).encode())


def _is_sound(record: ClaimRecord) -> bool:
    """Whether every value is of its type: anybody who may write the folder may have written the file."""
    owner = record.owner
    numbers = (record.counter, record.update, record.updates, record.saved)
    return (
        all(type(text) is str for text in (owner.worker, owner.host, owner.boot, owner.pid_namespace))
        and all(start is None or type(start) is str for start in (owner.pid_start, owner.parent_start))
        and type(owner.pid) is int
        and owner.pid > 0  # others name groups of processes
        and type(owner.parent) is int
        and owner.parent >= 0
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
