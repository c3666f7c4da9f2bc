"""ResultStore: the rows of a results folder. Many writers, many readers, no server.

An attempt is one file, `inbox/<run_id>.<attempt>.parquet`, written beside and linked into place: never overwritten,
never seen half-written. A compactor copies what it reads into one file of `base/`, renames that into place, and only
then unlinks exactly the files it read; so a row is at every moment in one file at least, and a second compactor can
at worst copy it twice. Rows are a set with the key (run_id, attempt): copies do no harm.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agad import files
from agad.errors import StoreError
from agad.store.attempts import READ_AGAIN, Attempts, Try
from agad.store.folder import ResultsFolder
from agad.store.row_file import FILE_SCHEMA, DamagedFileError, read_groups
from agad.store.schema import LIGHT_COLUMNS, SCHEMA, STATUSES, RunRecord

_TRY_COLUMNS = ("run_id", "attempt", "status", "failure_kind")
_ONE_ROW = {"compression": "none", "use_dictionary": False, "write_statistics": False}
"""How a file of one row is written: each of these costs time for each of some 150 columns, to write and to read."""
_COMPACT_BYTES = 32 * 2**20
"""Arrow bytes gathered before a row group is written: what bounds a compactor's memory."""
_MERGE_ABOVE = 16
"""Small base files above which a compactor merges them as well."""
_MERGE_BYTES = 8 * 2**20
"""Size below which a base file is small: larger ones stay, so that a row is rewritten twice at most."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file among the rows that is torn or not ours; it is passed over, and reported."""

    path: Path
    reason: str


class ResultStore:
    """The rows of one results folder.

    Args:
        path: the results folder. Reading one that does not exist gives no rows; `commit` creates it.

    Attributes:
        attempts: which runs have rows, for those who ask again and again.
        damaged: files that the last reading passed over.
        set_aside: files that this store's compactions have moved out of the way.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.folder = ResultsFolder(self.path)
        self.inbox, self.base = self.folder.inbox, self.folder.base
        self.damaged: tuple[Damaged, ...] = ()
        self.set_aside: tuple[Damaged, ...] = ()
        self.attempts = Attempts(self.folder, self._tries_in)

    # -- writing ---------------------------------------------------------------------------------------------------

    def commit(self, record: RunRecord) -> bool:
        """Write the record's row durably; False, and nothing is written, if that attempt has a row.

        Raises OSError where the disk is full or the folder not writable.
        """
        self.inbox.mkdir(parents=True, exist_ok=True)
        target = self.inbox / f"{record.run_id}.{record.attempt}.parquet"
        table = record.to_table().cast(FILE_SCHEMA)
        return files.create_atomically(target, lambda path: pq.write_table(table, path, **_ONE_ROW))

    def compact(self, most: int | None = None) -> int:
        """Copy the inbox into one file of base/; the number of rows copied. Torn files go to set_aside/.

        Streams: memory is bounded by the longest file read and one row group, not by the number of rows.

        Args:
            most: files of the inbox that are copied at most; None: all.
        """
        sources = self._paths(self.inbox)[:most] + self._to_merge()
        if not sources:
            return 0
        self.base.mkdir(parents=True, exist_ok=True)
        copied: list[Path] = []
        rows = 0

        def write(path: Path) -> None:
            nonlocal rows
            with pq.ParquetWriter(path, FILE_SCHEMA, compression="zstd") as writer:
                for batch in _gathered(self._readable(sources, copied)):
                    writer.write_table(batch)
                    rows += batch.num_rows

        target = self.base / f"rows-{uuid.uuid4().hex[:12]}.parquet"
        files.replace_atomically(target, write)
        if not rows:
            target.unlink()
        for source in reversed(copied):  # against the order of reading: a reader that starts again meets it once
            source.unlink(missing_ok=True)
        return rows

    def _to_merge(self) -> list[Path]:
        """The small files of base/, where they are many."""
        small = []
        for path in self._paths(self.base):
            with contextlib.suppress(FileNotFoundError):  # another compactor has merged it
                if path.stat().st_size < _MERGE_BYTES:
                    small.append(path)
        return small if len(small) > _MERGE_ABOVE else []

    def _readable(self, sources: Iterable[Path], copied: list[Path]) -> Iterator[pa.Table]:
        """The row groups of the sources that can be read, each appended to `copied`; the others are set aside.

        Of a torn file the row groups before the tear are copied: a row too often does no harm.
        """
        for source in sources:
            try:
                yield from read_groups(source)
            except FileNotFoundError:
                continue  # another compactor has taken it
            except DamagedFileError as error:
                self._set_aside(source, str(error))
                continue
            copied.append(source)

    def _set_aside(self, path: Path, reason: str) -> None:
        self.folder.set_aside.mkdir(parents=True, exist_ok=True)
        target = self.folder.set_aside / f"{path.name}.{uuid.uuid4().hex[:6]}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return
        self.set_aside = (*self.set_aside, Damaged(target, reason))

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, columns: Sequence[str] | None = None, run_ids: Collection[str] | None = None) -> pa.Table:
        """The rows that count, one per run_id, in the order of run_id.

        Of one run's rows an ok one stands before a pruned before a failed one, then the lowest attempt.

        Args:
            columns: of agad.store.schema.SCHEMA; None: all but the long ones (agad.store.schema.LIGHT_COLUMNS).
            run_ids: None: all runs.

        Raises StoreError for a row of a newer schema, KeyError for an unknown column. Columns that an older row
        lacks are null. Torn and foreign files are listed in `damaged`.
        """
        wanted = list(columns if columns is not None else LIGHT_COLUMNS)
        for name in wanted:
            if name not in SCHEMA.names:
                raise KeyError(f"no column {name!r} in the rows")
        keys = [name for name in ("run_id", "attempt", "status") if name not in wanted]
        table = self._read_all([*wanted, *keys], run_ids)
        return table.take(_counting(table)).select(wanted)

    def read_tries(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of all attempts, also failed ones that a later attempt made good; (run_id, attempt) once."""
        wanted = list(columns if columns is not None else LIGHT_COLUMNS)
        keys = [name for name in ("run_id", "attempt", "status") if name not in wanted]
        table = self._read_all([*wanted, *keys], None)
        return table.take(_distinct(table)).select(wanted)

    def tries(self) -> Mapping[str, tuple[Try, ...]]:
        """run_id -> its attempts, rising. Costs two listings and the reading of files not seen before."""
        self.attempts.poll()
        self.damaged = tuple(Damaged(path, reason) for path, reason in sorted(self.attempts.damaged.items()))
        return self.attempts.known()

    @staticmethod
    def _tries_in(path: Path) -> Iterator[tuple[str, Try]]:
        for table in read_groups(path, _TRY_COLUMNS):
            for run_id, attempt, status, kind in zip(*(column.to_pylist() for column in table.columns), strict=True):
                yield run_id, Try(attempt, status, kind)

    def _read_all(self, columns: list[str], run_ids: Collection[str] | None) -> pa.Table:
        keep = None if run_ids is None else pa.array(sorted(run_ids), pa.string())

        def load(path: Path) -> pa.Table | None:
            if run_ids is not None and path.parent == self.inbox and path.name.split(".")[0] not in run_ids:
                return None
            tables = list(read_groups(path, columns))
            table = pa.concat_tables(tables) if tables else None
            if table is not None and keep is not None:
                table = table.filter(pc.is_in(table["run_id"], value_set=keep))
            return table

        schema = pa.schema([SCHEMA.field(name) for name in columns])
        return pa.concat_tables([schema.empty_table(), *(t for t in self._snapshot(load) if t is not None)])

    def _snapshot(self, load: Any) -> list[Any]:
        """`load(path)` of every file that holds rows, as of one moment; sets `damaged`.

        Inbox before base, and from the start again when a listed file has vanished: a compactor renames into base
        before it unlinks, so a row that left the inbox before it was listed is in base when that is listed.
        """
        for again in range(READ_AGAIN):
            time.sleep(min(0.02 * again, 1.0))  # a compactor on a slow disk unlinks for a while
            paths = [*self._paths(self.inbox), *self._paths(self.base)]
            loaded, damaged = [], []
            try:
                for path in paths:
                    try:
                        loaded.append(load(path))
                    except DamagedFileError as error:
                        damaged.append(Damaged(path, str(error)))
            except FileNotFoundError:
                continue
            self.damaged = tuple(damaged)
            return loaded
        raise StoreError(f"{self.path}: files vanish while they are read; does another program delete rows?")

    @staticmethod
    def _paths(folder: Path) -> list[Path]:
        return [folder / name for name in files.names(folder)]


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The tables joined into ones of about _COMPACT_BYTES."""
    batch: list[pa.Table] = []
    size = 0
    for table in tables:
        batch.append(table)
        size += table.nbytes
        if size >= _COMPACT_BYTES:
            yield pa.concat_tables(batch).combine_chunks()
            batch, size = [], 0
    if batch:
        yield pa.concat_tables(batch).combine_chunks()


def _counting(table: pa.Table) -> pa.Array:
    """Indices of the rows that count, in the order of run_id."""
    order = _ranked(table)
    run_ids = table["run_id"].combine_chunks().take(order)
    return order.filter(_first_of_each(run_ids))


def _distinct(table: pa.Table) -> pa.Array:
    """Indices of one row per (run_id, attempt), in the order of run_id."""
    order = _ranked(table)
    keys = pc.binary_join_element_wise(table["run_id"], pc.cast(table["attempt"], pa.string()), ".")
    by_key = order.take(pc.sort_indices(keys.combine_chunks().take(order)))
    return by_key.filter(_first_of_each(keys.combine_chunks().take(by_key)))


def _ranked(table: pa.Table) -> pa.Array:
    rank = pc.index_in(table["status"], value_set=pa.array(STATUSES))
    keyed = pa.table({"run_id": table["run_id"], "rank": rank, "attempt": table["attempt"]})
    return pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in keyed.column_names])


def _first_of_each(values: pa.Array) -> pa.Array:
    """True where a sorted array's value is not that before it."""
    if len(values) == 0:
        return pa.array([], pa.bool_())
    return pa.concat_arrays([pa.array([True]), pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))])
