"""Write a Parquet file of rows, and read one: of this schema or an older one, whole or damaged."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agad.errors import StoreError
from agad.spec.fields import older_values
from agad.spec.run import older_value
from agad.store import checksums, row_checks
from agad.store.checksums import ChecksumError, Checksums
from agad.store.schema import RENAMED_COLUMNS, SCHEMA, SCHEMA_VERSION, SPEC_COLUMNS

_INBOX_NAME = re.compile(r"(?P<run_id>[0-9a-f]+)\.(?P<attempt>[0-9]+)\.parquet")
_VERSION_KEY = b"agad_schema_version"
FILE_METADATA = {_VERSION_KEY: str(SCHEMA_VERSION).encode()}
"""What marks a Parquet file as one of rows, and of which schema."""
FILE_SCHEMA = SCHEMA.with_metadata(FILE_METADATA)
_SMALL_BYTES = 256 * 2**10
"""Files up to this size are read in one go."""
_FEW_ROWS = 100
"""Row groups up to this size are read by one thread."""
_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


class DamagedFileError(Exception):
    """The file, or a part of it, is damaged or foreign; the message says how."""


_ONE_ROW = {"compression": "none", "use_dictionary": False, "write_statistics": False}
"""How a file of one row is written: each of these costs time for each of some 150 columns, to write and to read."""


def write(
    path: Path, tables: Iterable[pa.Table], columns: Sequence[str] = tuple(SCHEMA.names), *, one_row: bool = False
) -> int:
    """Write rows, with checksums, over what is at `path`; their number. A table becomes a row group.

    Args:
        path: the file.
        tables: have `columns`.
        columns: of SCHEMA, in its order.
        one_row: whether the file will hold one row.

    Raises OSError where the disk is full or the folder not writable.
    """
    schema = pa.schema([SCHEMA.field(name) for name in columns], metadata={**FILE_METADATA, **checksums.MARK})
    rows = 0
    layout = _ONE_ROW if one_row else {"compression": "zstd"}
    # Open files, here and below: of a text pyarrow takes `run:1` for the address of a file system. And their names as
    # bytes: a text it encodes strictly, and a name need not be UTF-8.
    with (
        pa.OSFile(os.fsencode(path), "wb") as file,
        pq.ParquetWriter(file, schema, write_page_checksum=True, **layout) as writer,
    ):
        for table in tables:
            writer.write_table(table.cast(schema))
            rows += table.num_rows
    checksums.add_checksums(path)
    return rows


@dataclass(slots=True)
class Reading:
    """What a file gave.

    Attributes:
        tables: its sound row groups.
        damage: what is wrong with the rest; empty: nothing.
        has_checksums: False: an older agad wrote the file, and most damage to its values cannot be seen.
    """

    tables: list[pa.Table] = field(default_factory=list)
    damage: str = ""
    has_checksums: bool = True


def read_file(path: Path, columns: Sequence[str], *, checked: Sequence[str] = ()) -> Reading:
    """All sound row groups of a file; the arguments and errors are those of `read_groups`, but damage is no error."""
    reading = Reading()
    try:
        with _open(path) as opened:
            reading.has_checksums = opened.checksums is not None
            reading.tables += opened.groups(columns, checked)
    except DamagedFileError as error:
        reading.damage = str(error)
    return reading


def read_groups(path: Path, columns: Sequence[str] = tuple(SCHEMA.names)) -> Iterator[pa.Table]:
    """The file's sound row groups, in SCHEMA's types, with null for what it lacks.

    Of a file without checksums, rows that agad cannot have written are left out.

    Raises DamagedFileError at the end where a part of the file was passed over, or at once where all of it was;
    FileNotFoundError for one that has vanished; StoreError for one of a newer schema or that cannot be opened.
    """
    with _open(path) as opened:
        yield from opened.groups(columns)


def has_checksums(path: Path) -> bool:
    """Whether a file of rows has checksums and a sound footer. Other errors as `read_groups`."""
    try:
        with _open(path) as opened:
            return opened.checksums is not None
    except DamagedFileError:
        return False


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Opened]:
    """The open file. Raises DamagedFileError, also for what pyarrow meets while the file is open."""
    _check_kind(path)
    try:
        with pa.OSFile(os.fsencode(path)) as on_disk:
            small = on_disk.size() <= _SMALL_BYTES
            # Arrow's own buffer: its threads may let go of the last reference to a Python one while the interpreter
            # ends, and then the process aborts after all of its work.
            file = pa.BufferReader(on_disk.read_buffer()) if small else on_disk
            sums = Checksums.read(file)
            with pq.ParquetFile(file, page_checksum_verification=sums is None) as parquet:
                stored = parquet.schema_arrow  # once: each time pyarrow parses 150 fields with their descriptions
                _check_version(path, stored)
                yield _Opened(path, file, parquet, stored, sums)
    except (FileNotFoundError, MemoryError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damage(path, error) from error


class _Opened:
    """An open file whose footer is as it was written, as far as that can be known."""

    def __init__(
        self, path: Path, file: pa.NativeFile, parquet: pq.ParquetFile, stored: pa.Schema, sums: Checksums | None
    ) -> None:
        self._path, self._file, self._parquet, self._stored, self.checksums = path, file, parquet, stored, sums
        self._name = _INBOX_NAME.fullmatch(path.name) if path.parent.name == "inbox" else None
        if self._name is not None and parquet.metadata.num_rows != 1:
            raise DamagedFileError(f"{parquet.metadata.num_rows} rows in a file of one")

    def groups(self, columns: Sequence[str], checked: Sequence[str] = ()) -> Iterator[pa.Table]:
        """The sound row groups; at the end DamagedFileError where others were passed over.

        Args:
            columns: of SCHEMA.
            checked: further columns whose checksums are compared.
        """
        needed = list(dict.fromkeys((*columns, *self._columns_of_checks())))
        schema = pa.schema([SCHEMA.field(name) for name in needed])
        present = _present(self._stored, needed)
        compared = self._chunks_of(_present(self._stored, (*needed, *checked)).values())
        damage: list[str] = []
        for group in range(self._parquet.num_row_groups):
            try:
                if self.checksums is not None:
                    first = group * self._parquet.metadata.num_columns
                    self.checksums.check(self._file, [first + column for column in compared])
                # Of a few rows handing 150 columns to a pool of threads costs more than reading them.
                many = self._parquet.metadata.row_group(group).num_rows > _FEW_ROWS
                table = self._parquet.read_row_group(group, columns=list(present.values()), use_threads=many)
                table = _conformed(table.select(list(present.values())).rename_columns(list(present)), schema)
                wrong = self._wrong_rows(table, present)
            except (pa.ArrowException, OSError, ValueError) as error:
                damage.append(str(_damage(self._path, error)))
                continue
            damage += wrong.values()
            if wrong:
                table = table.filter(pa.array([index not in wrong for index in range(len(table))], pa.bool_()))
            yield table.select(list(columns))
        if damage:
            raise DamagedFileError(damage[0] + (f", and {len(damage) - 1} more like that" if damage[1:] else ""))

    def _chunks_of(self, columns: Collection[str]) -> list[int]:
        """The numbers of the chunks of these columns in a row group: a map has two, its keys and its values."""
        leaves = [_leaves(kind) for kind in self._stored.types]
        if sum(leaves) != self._parquet.metadata.num_columns:
            raise DamagedFileError("its columns are not laid out as agad writes them")
        ends = itertools.accumulate(leaves)
        chunks = {name: range(end - of, end) for name, of, end in zip(self._stored.names, leaves, ends, strict=True)}
        return [number for column in columns for number in chunks[column]]

    def _columns_of_checks(self) -> tuple[str, ...]:
        if self.checksums is None:
            return ("attempt", "status", *row_checks.IDENTITY)
        return () if self._name is None else ("run_id", "attempt")

    def _wrong_rows(self, table: pa.Table, present: dict[str, str]) -> dict[int, str]:
        """Index -> what is wrong with it, of the rows that cannot stand in this file."""
        wrong: dict[int, str] = {}
        if self._name is not None:
            named = (self._name["run_id"], int(self._name["attempt"]))
            keys = zip(table["run_id"].to_pylist(), table["attempt"].to_pylist(), strict=True)
            wrong = {index: "its row is of another run or attempt" for index, key in enumerate(keys) if key != named}
        if self.checksums is None:
            table.validate(full=True)
            has_spec = all(name in present or name in older_values() for name in SPEC_COLUMNS)
            wrong = row_checks.illegal_rows(table, has_spec=has_spec) | wrong
        return wrong


def _check_kind(path: Path) -> None:
    """Raise DamagedFileError for what is no file, without opening it: a named pipe would wait for ever."""
    if path.parent.name == "inbox" and not _INBOX_NAME.fullmatch(path.name):
        raise DamagedFileError("not the name of a row")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if not path.is_symlink():
            _reraise_if_of_environment(path, error)
        raise DamagedFileError(f"a link that leads to no file ({os.strerror(error.errno or 0)})") from error
    if not stat.S_ISREG(mode):
        raise DamagedFileError(next((f"{kind}, no file" for is_it, kind in _KINDS.items() if is_it(mode)), "no file"))


def _damage(path: Path, error: Exception) -> DamagedFileError:
    """The error as damage; raises it where it is the environment's and the file may be whole."""
    _reraise_if_of_environment(path, error)
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return DamagedFileError(first_line if isinstance(error, ChecksumError) else f"not readable as rows: {first_line}")


def _reraise_if_of_environment(path: Path, error: Exception) -> None:
    """Raise an error of the system for a file that may be whole: damaged bytes come without an errno."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        raise error
    if number == errno.ESTALE:  # NFS: unlinked by a compactor while it was read
        raise FileNotFoundError(number, "moved while it was read", str(path)) from error
    if number is not None:
        reason = os.strerror(number)
        raise StoreError(
            f"{path} cannot be read: {reason}; mend that, or move it away: its runs are made again"
        ) from error


def _check_version(path: Path, schema: pa.Schema) -> None:
    version = (schema.metadata or {}).get(_VERSION_KEY, b"")
    if not version.isdigit():
        raise DamagedFileError("a Parquet file, but not of agad's rows")
    if int(version) > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer agad (rows of schema {int(version)}, this one reads up to {SCHEMA_VERSION}); "
            "update agad to read this folder"
        )


def _leaves(kind: pa.DataType) -> int:
    return sum(_leaves(kind.field(number).type) for number in range(kind.num_fields)) or 1


def _present(stored: pa.Schema, columns: Sequence[str]) -> dict[str, str]:
    """Column -> the name that it has in the file, of the columns that the file has."""
    here = set(stored.names)
    names = {name: name if name in here else RENAMED_COLUMNS.get(name, name) for name in columns}
    return {name: old for name, old in names.items() if old in here}


def _conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    if table.schema.equals(schema):
        return table.replace_schema_metadata(None)
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else _absent(field, len(table))
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _absent(field: pa.Field, rows: int) -> pa.Array:
    """A column that older rows lack: null, but for a field of the spec what their code behaved like."""
    value = older_value(field.name)
    return pa.nulls(rows, field.type) if value is None else pa.repeat(pa.scalar(value, field.type), rows)
