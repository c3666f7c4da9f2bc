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
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from agad import files
from agad.errors import StoreError, StoreWarning
from agad.store import repeats, row_checks, row_file
from agad.store.attempts import READ_AGAIN, Attempts, Try
from agad.store.folder import ResultsFolder
from agad.store.row_file import DamagedFileError, read_file, read_groups
from agad.store.schema import LIGHT_COLUMNS, SCHEMA, RunRecord, ids_of

_TRY_COLUMNS = ("run_id", "attempt", "status", "failure_kind", "code_digest")
_CHECKED = [name for name in SCHEMA.names if "auroc" in name or name in row_checks.SCORES]
_COMPACT_BYTES = 32 * 2**20
"""Arrow bytes gathered before a row group is written: what bounds a compactor's memory."""
_MERGE_ABOVE = 16
"""Small base files above which a compactor merges them as well."""
_MERGE_BYTES = 8 * 2**20
"""Size below which a base file is small: larger ones stay, so that a row is rewritten twice at most."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file among the rows that is damaged or not ours; what is not sound in it is passed over, and reported."""

    path: Path
    reason: str


class ResultStore:
    """The rows of one results folder.

    Args:
        path: the results folder. Reading one that does not exist gives no rows; `commit` creates it.

    Attributes:
        attempts: which runs have rows, for those who ask again and again.
        damaged: files that readings passed over, wholly or in part, and that are still there.
        unchecked: files without checksums, by an older agad: most damage to their values cannot be seen.
        set_aside: files that this store's compactions have moved out of the way.
        differing: runs whose ok rows do not agree, as far as `read` was asked for them (repeats.differences).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._is_new = not self.path.is_dir()
        self.folder = ResultsFolder(self.path)
        self.inbox, self.base = self.folder.inbox, self.folder.base
        self.damaged: tuple[Damaged, ...] = ()
        self.set_aside: tuple[Damaged, ...] = ()
        self.unchecked: tuple[Path, ...] = ()
        self.differing: Mapping[str, float] = {}
        self._damage: dict[Path, str] = {}
        self._without_checksums: set[Path] = set()
        self.attempts = Attempts(self.folder, self._tries_in)

    # -- writing ---------------------------------------------------------------------------------------------------

    def commit(self, record: RunRecord) -> bool:
        """Write the record's row durably; False, and nothing is written, if that attempt has a row.

        Where all earlier rows of the run are of a worse status, it becomes the next attempt (repeats.beside). Warns
        (StoreWarning) of a finished run that is not stored since other numbers of it are. Raises as `add` does.
        """
        try:
            earlier = self.read_every(repeats.BESIDE, {record.run_id})
        except (StoreError, OSError):  # whoever reads is told; a finished run is stored whatever lies beside it
            return self.add(record)
        stored, note = repeats.beside(record, earlier)
        if note:
            warnings.warn(f"{self.path}: {note}", StoreWarning, stacklevel=2)
        if stored is None or self.add(stored):
            return stored is not None
        # Another process has stored that attempt meanwhile, or its file cannot be read.
        taken = self.read_every(repeats.BESIDE, {record.run_id})["attempt"].to_pylist()
        return self.commit(stored if stored.attempt in taken else replace(stored, attempt=stored.attempt + 1))

    def add(self, record: RunRecord) -> bool:
        """As `commit`, as that attempt and no other, and silent: for who holds a claim on it. Looks at the inbox alone.

        Raises OSError where the disk is full or the folder not writable, StoreError where a results folder that was
        there is gone, and for a row that contradicts itself: its AUROCs, scores, labels, counts, status and spec.
        """
        table = record.to_table()
        wrong = row_checks.illegal_rows(table.select(_CHECKED), has_spec=False).get(0)
        if wrong := wrong or row_checks.contradiction(record.spec, record.status, record.values):
            raise StoreError(f"run {record.run_id}: {wrong}; the row is not stored")
        if self._is_new:
            self.path.mkdir(parents=True, exist_ok=True)
            self._is_new = False
        self.folder.make(self.inbox)
        target = self.inbox / f"{record.run_id}.{record.attempt}.parquet"
        return files.create_atomically(target, lambda path: row_file.write(path, [table], one_row=True))

    def compact(self, most: int | None = None) -> int:
        """Copy the inbox, `most` files of it at most, and files without checksums, into one file of base/.

        Returns the number of rows copied. What is damaged goes to set_aside/ as it is, after its sound row groups were
        copied. Memory is bounded by the longest file read and one row group, not by the number of rows.
        """
        sources = self._paths(self.inbox)[:most] + self._to_merge()
        if not sources:
            return 0
        self.folder.make(self.base)
        copied, rows = list[Path](), 0

        def write(path: Path) -> None:
            nonlocal rows
            rows = row_file.write(path, _gathered(self._readable(sources, copied)))

        target = self.base / f"rows-{uuid.uuid4().hex[:12]}.parquet"
        files.replace_atomically(target, write)
        if not rows:
            target.unlink()
        for source in reversed(copied):  # against the order of reading: a reader that starts again meets it once
            source.unlink(missing_ok=True)
        return rows

    def _to_merge(self) -> list[Path]:
        """The small files of base/, where they are many, and those without checksums."""
        base = self._paths(self.base)
        small = []
        for path in base:
            with contextlib.suppress(OSError):  # another compactor has merged it, or it is no file
                if path.stat().st_size < _MERGE_BYTES:
                    small.append(path)
        merged = set(small) if len(small) > _MERGE_ABOVE else set()
        return [path for path in base if path in merged or not self._may_stay(path)]

    def _readable(self, sources: Iterable[Path], copied: list[Path]) -> Iterator[pa.Table]:
        """The sound row groups of the sources, each sound one appended to `copied`; the others are set aside.

        Of a damaged file the sound row groups are copied: a row too often does no harm.
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

    def _may_stay(self, path: Path) -> bool:
        """Whether a file may stay in base/ as it is, as far as is known; True for one that has vanished."""
        try:
            return path not in self._damage and row_file.has_checksums(path)
        except FileNotFoundError:
            return True

    def _set_aside(self, path: Path, reason: str) -> None:
        self.folder.make(self.folder.set_aside)
        target = self.folder.set_aside / f"{path.name}.{uuid.uuid4().hex[:6]}"
        try:
            path.rename(target)
        except FileNotFoundError:
            return
        self.set_aside = (*self.set_aside, Damaged(target, reason))

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(self, columns: Sequence[str] | str | None = None, run_ids: Iterable[str] | None = None) -> pa.Table:
        """The rows that count, one per run_id, in the order of run_id; warns (StoreWarning) of `differing`.

        Of one run's rows an ok one stands before a pruned before a failed one, then the lowest attempt, then (in a
        folder that was merged from two, which may both have an attempt 1) the one that ended first.

        Args:
            columns: of agad.store.schema.SCHEMA, or one; None: all but the long ones (agad.store.schema.LIGHT_COLUMNS).
            run_ids: of these runs, or of one; None: all runs.

        Raises StoreError for a row of a newer schema, KeyError for an unknown column. Columns that an older row
        lacks are null. Torn and foreign files are listed in `damaged`.
        """
        found = self.read_counting(columns, run_ids)
        if self.differing:
            warnings.warn(f"{self.path}: {repeats.sentence(self.differing)}", StoreWarning, stacklevel=2)
        return found

    def read_counting(self, columns: Sequence[str] | str | None, run_ids: Iterable[str] | None = None) -> pa.Table:
        """As `read`, without its warning: for who says what is in `differing`, or has no use for it."""
        wanted = _names(columns)
        if unknown := [name for name in wanted if name not in SCHEMA.names]:
            raise KeyError(f"no column {unknown[0]!r} in the rows")
        table = self._read_with_keys(wanted, None if run_ids is None else ids_of(run_ids))
        several = repeats.repeated(table["run_id"], table["status"])
        self.differing = repeats.differences(self.read_every(repeats.NUMBERS, several)) if several else {}
        return table.take(repeats.counting(table)).select(wanted)

    def read_tries(self, columns: Sequence[str] | str | None = None) -> pa.Table:
        """The rows of all attempts, also failed ones that a later attempt made good; (run_id, attempt) once."""
        wanted = _names(columns)
        table = self._read_with_keys(wanted)
        return table.take(repeats.distinct(table)).select(wanted)

    def _read_with_keys(self, wanted: Sequence[str], run_ids: set[str] | None = None) -> pa.Table:
        """Every row, with what decides whether it counts."""
        return self.read_every([*wanted, *(name for name in repeats.KEYS if name not in wanted)], run_ids)

    def tries(self) -> Mapping[str, tuple[Try, ...]]:
        """run_id -> its attempts, rising. Costs two listings and the reading of files not seen before."""
        self.attempts.poll()
        self._note(self.attempts.paths())
        return self.attempts.known()

    def _tries_in(self, path: Path) -> Iterator[tuple[str, Try]]:
        # A row whose numbers are damaged is no row, whoever asks: a launch makes its run again.
        for table in self._tables(path, _TRY_COLUMNS, checked=LIGHT_COLUMNS):
            columns = (column.to_pylist() for column in table.columns)
            for run_id, attempt, status, kind, code in zip(*columns, strict=True):
                yield run_id, Try(attempt, status, kind, named=code is not None)

    def _tables(self, path: Path, columns: Sequence[str], checked: Sequence[str] = ()) -> list[pa.Table]:
        """The file's sound row groups; notes what is damaged."""
        reading = read_file(path, columns, checked=checked)
        if reading.damage:
            self._damage[path] = reading.damage
        if not reading.has_checksums:
            self._without_checksums.add(path)
        return reading.tables

    def _note(self, paths: Collection[Path]) -> None:
        """Say what readings have found of the files that are there."""
        self.damaged = tuple(Damaged(p, self._damage[p]) for p in sorted(paths) if p in self._damage)
        self.unchecked = tuple(p for p in sorted(paths) if p in self._without_checksums)

    def read_every(self, columns: Sequence[str], run_ids: set[str] | None = None) -> pa.Table:
        """All rows that lie in files, copies and those that do not count too."""
        keep = None if run_ids is None else pa.array(sorted(run_ids), pa.string())

        def load(path: Path) -> pa.Table | None:
            if run_ids is not None and path.parent == self.inbox and path.name.split(".")[0] not in run_ids:
                return None
            tables = self._tables(path, columns, checked=LIGHT_COLUMNS)
            table = pa.concat_tables(tables) if tables else None
            if table is not None and keep is not None:
                table = table.filter(pc.is_in(table["run_id"], value_set=keep))
            return table

        empty = pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return pa.concat_tables([empty, *(t for t in self._snapshot(load) if t is not None)])

    def _snapshot(self, load: Any) -> list[Any]:
        """`load(path)` of every file that holds rows, as of one moment; sets `damaged`.

        Inbox before base, and from the start again when a listed file has vanished: a compactor renames into base
        before it unlinks, so a row that left the inbox before it was listed is in base when that is listed.
        """
        for again in range(READ_AGAIN):
            time.sleep(min(0.02 * again, 1.0))  # a compactor on a slow disk unlinks for a while
            paths = [*self._paths(self.inbox), *self._paths(self.base)]
            try:
                loaded = [load(path) for path in paths]
            except FileNotFoundError:
                continue
            self._note(paths)
            return loaded
        raise StoreError(f"{self.path}: files vanish while they are read; does another program delete rows?")

    @staticmethod
    def _paths(folder: Path) -> list[Path]:
        return [folder / name for name in files.names(folder)]


def _names(columns: Sequence[str] | str | None) -> list[str]:
    return [columns] if isinstance(columns, str) else list(LIGHT_COLUMNS if columns is None else columns)


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
