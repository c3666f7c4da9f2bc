"""Rows, from files to values: what every table, figure and notebook starts from. Plans: agad.plan.plan.

pandas is imported where a frame is made, so that reading a plan costs the standard library only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agad.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd

    from agad.store.rows import ResultStore


def load_rows(
    results: str | Path | ResultStore, *, columns: Sequence[str] | None = None, run_ids: Collection[str] | None = None
) -> pd.DataFrame:
    """The rows that count, one per run_id, as a frame; list columns hold Python lists or None.

    Args:
        results: a results folder, or a store that is open on one.
        columns: names of agad.store.schema.SCHEMA; None: all but curves and scores.
        run_ids: only these runs; None: all.
    """
    frame: pd.DataFrame = open_store(results).read(columns=columns, run_ids=run_ids).to_pandas()
    return frame


def open_store(results: str | Path | ResultStore) -> ResultStore:
    """The store of a results folder; AnalysisError where there is no such folder."""
    from agad.store.rows import ResultStore

    if isinstance(results, ResultStore):
        return results
    if not Path(results).is_dir():
        raise AnalysisError(f"{results}: there is no such results folder")
    return ResultStore(results)
