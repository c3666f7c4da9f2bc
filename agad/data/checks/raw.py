"""The content of raw files, by which a data set is known: read once, and again only where a file has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from agad import files
from agad.data.checks.clock import tell_changes, write_back
from agad.data.source import Source, Stamp
from agad.errors import DataError

_SETTLED_SECONDS = 2.0
"""A file changed less than this ago may change again without another time: file systems count in ticks."""

_THREADS = 8

_STATED = Stamp._fields.index("path")
"""Of a stamp's fields, the first so many are of the file itself, wherever it is mounted."""


class RawContent(NamedTuple):
    """What the raw files of a data set are known by, 64 hexadecimal digits each.

    Attributes:
        files: SHA-256 over the names and contents of the files.
        whole: over the source's notes and layout as well, where there are any. Prepared data keep their notes, which
            may be about other files than these, and their classes: other ones are other prepared data.
    """

    files: str
    whole: str


def content_of(source: Source, cache: Path) -> RawContent:
    """The digests of a source; the files are read only where the cache does not know them."""
    digest = _files_digest(source.stamps, cache)
    named = json.dumps([digest, source.layout, *source.notes]).encode()
    return RawContent(digest, hashlib.sha256(named).hexdigest() if source.notes or source.layout else digest)


def _files_digest(stamps: Sequence[Stamp], cache: Path) -> str:
    """SHA-256 over the names and contents of raw files.

    Two folders whose files have the same names, sizes and times still differ where a byte does. The digest is recorded
    in the cache under all that the stamps say, the time of change and the inode included, which no copying tool
    can set; so the files are read again only after a change. Where a file system does not keep the time of change by a
    clock (see clock.py), stamps prove nothing, and the files are read each time. A cache that cannot be written costs a
    reading each time too.
    """
    if not tell_changes(stamps):
        return _read_digest(stamps)
    record = cache / "raw" / signature(stamps)
    with contextlib.suppress(OSError, ValueError):
        known, _, seal = record.read_text(encoding="ascii").strip().partition(" ")
        if re.fullmatch("[0-9a-f]{64}", known) and seal == _seal(record.name, known):
            return known
    started = time.time_ns()
    settled = all(file.ctime_ns < started - _SETTLED_SECONDS * 1e9 for file in stamps) and _write_back(stamps)
    found = _read_digest(stamps)
    if settled:
        with contextlib.suppress(OSError):
            record.parent.mkdir(parents=True, exist_ok=True)
            files.replace_text(record, f"{found} {_seal(record.name, found)}\n")
    return found


def _write_back(stamps: Sequence[Stamp]) -> bool:
    with ThreadPoolExecutor(_THREADS) as pool:
        return all(pool.map(write_back, (file.path for file in stamps)))


def _read_digest(stamps: Sequence[Stamp]) -> str:
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = list(pool.map(_file_digest, (file.path for file in stamps)))
    named = [[file.name, digest] for file, digest in zip(stamps, digests, strict=True)]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def signature(stamps: Sequence[Stamp]) -> str:
    """24 hexadecimal digits over all that is known of the files without reading them."""
    return hashlib.sha256(json.dumps([file[:_STATED] for file in stamps]).encode()).hexdigest()[:24]


def _seal(name: str, digest: str) -> str:
    """By which a record is known to be whole, and to be of these files. One without it is made again."""
    return hashlib.sha256(f"{name} {digest}".encode()).hexdigest()[:16]


def _file_digest(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
