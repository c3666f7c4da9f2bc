"""Rows, from files to values: what every table, figure and notebook starts from. Plans: agad.plan.plan.

pandas is imported where a frame is made, so that reading a plan costs the standard library only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from agad.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from agad.store.rows import Damaged, ResultStore


class Rows:
    """The rows of one or several results folders; a run that is in several counts once.

    Of several an ok row stands before a pruned before a failed one, then that of the folder named first.

    Attributes:
        paths: the folders.
    """

    def __init__(self, stores: Sequence[ResultStore]) -> None:
        self._stores = tuple(stores)
        self.paths = tuple(store.path for store in stores)

    @property
    def damaged(self) -> tuple[Damaged, ...]:
        """Files that readings passed over, wholly or in part."""
        return tuple(damaged for store in self._stores for damaged in store.damaged)

    @property
    def unchecked(self) -> tuple[Path, ...]:
        """Files without checksums, by an older agad."""
        return tuple(path for store in self._stores for path in store.unchecked)

    @property
    def differing(self) -> Mapping[str, float]:
        """Runs whose ok rows do not agree, in one folder or between several (agad.store.repeats.differences)."""
        return self._stores[0].differing if len(self._stores) == 1 else self._of_all

    @cached_property
    def _of_all(self) -> Mapping[str, float]:
        """Of all ok rows, also those that count in none of the folders: a choice was made among them too."""
        import pyarrow as pa

        from agad.store import repeats

        keys = pa.concat_tables([store.read_every(("run_id", "status")) for store in self._stores])
        several = repeats.repeated(keys["run_id"], keys["status"])
        rows = [store.read_every(repeats.NUMBERS, several) for store in self._stores] if several else []
        return repeats.differences(pa.concat_tables(rows)) if rows else {}

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))

    def read(self, columns: Sequence[str] | None = None, run_ids: Iterable[str] | None = None) -> pa.Table:
        """The rows that count, one per run_id (see ResultStore.read)."""
        if len(self._stores) == 1:
            return self._stores[0].read_counting(columns, run_ids)
        import pyarrow as pa

        from agad.store.schema import ids_of

        wanted = None if run_ids is None else ids_of(run_ids)
        parts = [
            store.read_counting(columns, of if wanted is None else of & wanted)
            for store, of in zip(self._stores, self._owned, strict=True)
        ]
        return pa.concat_tables(parts)

    @cached_property
    def _owned(self) -> list[set[str]]:
        """The runs that are taken from each folder."""
        best: dict[str, tuple[int, int]] = {}
        for number, store in enumerate(self._stores):
            table = store.read_counting(("run_id", "status"))
            for run_id, status in zip(table["run_id"].to_pylist(), table["status"].to_pylist(), strict=True):
                rank = (_RANK[status], number)
                best[run_id] = min(best.get(run_id, rank), rank)
        owned: list[set[str]] = [set() for _ in self._stores]
        for run_id, (_, number) in best.items():
            owned[number].add(run_id)
        return owned


_RANK = {"ok": 0, "pruned": 1, "failed": 2}

Results: TypeAlias = "str | Path | ResultStore | Rows | Sequence[str | Path]"
"""A results folder, a store that is open on one, or several folders whose rows are read as one."""


def load_rows(
    results: Results, *, columns: Sequence[str] | None = None, run_ids: Iterable[str] | None = None
) -> pd.DataFrame:
    """The rows that count, one per run_id, as a frame; list columns hold Python lists or None.

    Args:
        results: see Results.
        columns: names of agad.store.schema.SCHEMA; None: all but curves and scores.
        run_ids: only these runs; None: all.

    Given no open store, it warns as `read` does.
    """
    frame: pd.DataFrame = read(results, columns, run_ids).to_pandas()
    return frame


class RowsWarning(UserWarning):
    """Rows were read that are not all there are, or contradict each other, and what is returned can't say so."""


def read(results: Results, columns: Sequence[str] | None, run_ids: Iterable[str] | None) -> pa.Table:
    """The rows that count, for a function that returns them as they are, with the warnings of `warn`."""
    store = open_store(results)
    found = store.read(columns, run_ids)
    warn(results, store, store.differing, stacklevel=4)
    return found


def warn(results: Results, store: Rows, differing: Mapping[str, float], stacklevel: int = 3) -> None:
    """Warn, with RowsWarning, where files were passed over and where finished rows of a run differ.

    For a function that was given folders, and can return neither; `stacklevel` is its caller's. Who gave an open store
    has both from there (see cells.with_store and cells.since).
    """
    if hasattr(results, "read"):  # an open store
        return
    from agad.store import repeats

    texts = [f"{damaged.path}: {damaged.reason}; passed over" for damaged in store.damaged]
    texts += [f"{store}: {repeats.sentence(differing)}"] if differing else []
    for text in texts:
        warnings.warn(text, RowsWarning, stacklevel=stacklevel)


def check_whole(store: Rows, differing: Mapping[str, float]) -> None:
    """Raise AnalysisError, one line, where rows that were read contradict each other or are damaged.

    For numbers that go where nothing stands beside them: published rows, pages. `differing` is what the store had after
    reading the runs that these are of (cells.Cells has it too): it is of the last reading only.
    """
    from agad.store import repeats

    if differing:
        raise AnalysisError(f"{store}: {repeats.sentence(differing)} Take the wrong ones out of it first")
    if store.damaged:
        torn = store.damaged[0]
        raise AnalysisError(
            f"{torn.path}: {torn.reason}; the same launch makes lost runs again and sets the file aside"
        )


def open_store(results: Results) -> Rows:
    """The rows of results folders; AnalysisError where there is no such folder.

    Among several, files are passed over, so that `reproduction/*` may be given.
    """
    from agad.store.rows import ResultStore

    if isinstance(results, Rows):
        return results
    if isinstance(results, ResultStore):
        return Rows([results])
    paths = [Path(results)] if isinstance(results, (str, Path)) else [Path(path) for path in results]
    if len(paths) > 1:
        paths = [path for path in dict.fromkeys(paths) if not path.is_file()]
    if not paths:
        raise AnalysisError("no results folder among what was given")
    for path in paths:
        if not path.is_dir():
            raise AnalysisError(f"{path}: there is no such results folder")
    return Rows([ResultStore(path) for path in paths])
