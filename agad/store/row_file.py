"""Read a Parquet file of rows: of this schema or an older one, whole or torn."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agad.errors import StoreError
from agad.spec.run import older_value
from agad.store.schema import RENAMED_COLUMNS, SCHEMA, SCHEMA_VERSION

_INBOX_NAME = re.compile(r"(?P<run_id>[0-9a-f]+)\.(?P<attempt>[0-9]+)\.parquet")
_VERSION_KEY = b"agad_schema_version"
FILE_METADATA = {_VERSION_KEY: str(SCHEMA_VERSION).encode()}
"""What marks a Parquet file as one of rows, and of which schema."""
FILE_SCHEMA = SCHEMA.with_metadata(FILE_METADATA)


class DamagedFileError(Exception):
    """The file is torn or foreign; the message says how."""


def read_groups(path: Path, columns: Sequence[str] = tuple(SCHEMA.names)) -> Iterator[pa.Table]:
    """The file's row groups, in SCHEMA's types, with null for what it lacks.

    Raises DamagedFileError for a torn or foreign file, FileNotFoundError for one that has vanished, StoreError for
    one of a newer schema.
    """
    if path.parent.name == "inbox" and not _INBOX_NAME.fullmatch(path.name):
        raise DamagedFileError("not the name of a row")
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    try:
        with pq.ParquetFile(path) as parquet:
            stored = parquet.schema_arrow
            _check_version(path, stored)
            present = _present(stored, columns)
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=list(present.values()))
                yield _conformed(table.select(list(present.values())).rename_columns(list(present)), schema)
    except (FileNotFoundError, MemoryError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        _reraise_if_of_environment(path, error)
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedFileError(f"not readable as rows: {first_line}") from error


def _reraise_if_of_environment(path: Path, error: Exception) -> None:
    """Raise an error of the system for a file that may be whole: torn bytes come without an errno."""
    number = getattr(error, "errno", None)
    if number == errno.ESTALE:  # NFS: unlinked by a compactor while it was read
        raise FileNotFoundError(number, "moved while it was read", str(path)) from error
    if number is not None and number != errno.EISDIR:
        raise StoreError(f"{path} cannot be read: {os.strerror(number)}") from error


def _check_version(path: Path, schema: pa.Schema) -> None:
    version = (schema.metadata or {}).get(_VERSION_KEY, b"")
    if not version.isdigit():
        raise DamagedFileError("a Parquet file, but not of agad's rows")
    if int(version) > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer agad (rows of schema {int(version)}, this one reads up to {SCHEMA_VERSION}); "
            "update agad to read this folder"
        )


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
