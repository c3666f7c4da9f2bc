"""Checksums over every byte of a Parquet file of rows that a reader uses.

Parquet's own checksums cover the data of pages, but neither their headers nor the footer, by which everything else is
found. So a block stands between the last column chunk and the footer, where Parquet lets a file have bytes that no
reader looks at; any Parquet library reads the file as before. From the file's end:

    "PAR1", 4 bytes with the footer's length, the footer     as Parquet has them; the footer has the key MARK
    16 bytes                                                 SHA-256, cut, of the entries and all that follows the block
    4 bytes                                                  number of column chunks
    24 bytes for each chunk, group by group                  its place, its length, its CRC-32 (uint64)
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MARK = {b"agad_checksums": b"1"}
"""Metadata by which a file says that it has the block."""

_ENTRY = struct.Struct("<QQQ")
_COUNT = struct.Struct("<I")
_DIGEST_BYTES = 16
_END = struct.Struct("<I4s")
_TAIL_BYTES = 64 * 2**10
"""Read at once from the end: the footer and the block of most files."""
_GAP_BYTES = 64 * 2**10
"""Chunks that lie closer are read together."""


class ChecksumError(ValueError):
    """Bytes are not those that were written; one line without the path."""


def add_checksums(path: Path) -> None:
    """Put the block into a finished Parquet file whose metadata has MARK."""
    with path.open("r+b") as file:
        chunks = _chunks(pq.read_metadata(pa.PythonFile(file, "r")))
        entries = bytearray()
        for start, length in chunks:
            file.seek(start)
            entries += _ENTRY.pack(start, length, zlib.crc32(file.read(length)))
        file.seek(-_END.size, 2)
        length, _ = _END.unpack(file.read())
        place = file.seek(-_END.size - length, 2)
        footer = file.read()
        file.seek(place)
        file.write(bytes(entries) + _COUNT.pack(len(chunks)) + _digest(bytes(entries), footer) + footer)


class Checksums:
    """The block of one file.

    Args:
        entries: of all its chunks.
    """

    def __init__(self, entries: bytes) -> None:
        self._entries = list(_ENTRY.iter_unpack(entries))

    @classmethod
    def read(cls, file: pa.NativeFile) -> Checksums | None:
        """The file's checksums, footer and block being as they were written; None for a file that has none.

        Raises ChecksumError.
        """
        size = file.size()
        length, _ = _END.unpack(_last(file, _END.size)) if size >= _END.size else (size, b"")
        if length + _END.size > size:
            return None  # no Parquet file
        tail = _last(file, min(size, max(_TAIL_BYTES, length + _END.size + _DIGEST_BYTES + _COUNT.size)))
        footer = tail[-_END.size - length :]
        entries = _entries(file, tail, footer)
        # By its bytes: what is damaged is not to be interpreted.
        if entries is None and all(key in footer for key in MARK):
            raise ChecksumError("its footer is damaged, or another program has written it")
        return None if entries is None else cls(entries)

    def check(self, file: pa.NativeFile, chunks: Iterable[int]) -> None:
        """Compare column chunks, counted group by group, with their checksums. Raises ChecksumError."""
        wanted = sorted(self._entries[number] for number in chunks)
        for start, end, entries in _together(wanted):
            file.seek(start)
            content = memoryview(file.read(end - start))
            for place, length, checksum in entries:
                if zlib.crc32(content[place - start : place - start + length]) != checksum:
                    raise ChecksumError(f"a checksum is wrong ({length} bytes from {place} on)")


def _entries(file: pa.NativeFile, tail: bytes, footer: bytes) -> bytes | None:
    """The entries of the block before the footer; None where there is no block whose digest is right."""
    fixed = len(footer) + _DIGEST_BYTES + _COUNT.size
    if fixed > len(tail):
        return None
    (count,) = _COUNT.unpack_from(tail, len(tail) - fixed)
    whole = fixed + count * _ENTRY.size
    if whole > file.size():
        return None
    tail = tail[-whole:] if whole <= len(tail) else _last(file, whole)
    entries, digest = tail[: count * _ENTRY.size], tail[whole - len(footer) - _DIGEST_BYTES : whole - len(footer)]
    return entries if digest == _digest(entries, footer) else None


def _last(file: pa.NativeFile, count: int) -> bytes:
    file.seek(file.size() - count)
    return bytes(file.read(count))


def _digest(entries: bytes, footer: bytes) -> bytes:
    return hashlib.sha256(entries + footer).digest()[:_DIGEST_BYTES]


def _chunks(metadata: pq.FileMetaData) -> list[tuple[int, int]]:
    """Place and length of each column chunk, group by group."""
    found = []
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
            found.append((start, column.total_compressed_size))
    return found


def _together(entries: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, list[tuple[int, int, int]]]]:
    """The entries, sorted, in runs that are worth one read: start, end, entries."""
    run: list[tuple[int, int, int]] = []
    for entry in entries:
        if run and entry[0] - sum(run[-1][:2]) > _GAP_BYTES:
            yield run[0][0], sum(run[-1][:2]), run
            run = []
        run.append(entry)
    if run:
        yield run[0][0], sum(run[-1][:2]), run
