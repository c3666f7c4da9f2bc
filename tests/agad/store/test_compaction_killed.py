"""Compaction killed at any moment loses no row and doubles none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA
from tests.helpers.rows import record, spec
from tests.helpers.snapshots import states_on_the_way


def rows_of(folder: Path) -> pa.Table:
    return ResultStore(folder).read([*SCHEMA.names]).sort_by("run_id")


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_whatever_a_kill_leaves_is_read_and_compacted_as_before(damaged: bool, tmp_path: Path) -> None:
    """Also where an inbox has been compacted before, and where a damaged file is set aside on the way."""
    store = ResultStore(tmp_path / "results")
    for seed in range(4):
        store.commit(record(spec(seed=seed), scores_eval=[seed]))
        if seed == 1:
            store.compact()
    if damaged:
        (store.inbox / "0123456789abcdef.1.parquet").write_bytes(b"torn")
    before = rows_of(store.path)
    states = states_on_the_way(store.path, tmp_path, store.compact)

    assert len(states) > 4
    for state in states:
        assert rows_of(state) == before, state
        ResultStore(state).compact()
        assert rows_of(state) == before, state
        torn = [path for path in state.rglob("*") if path.is_file() and path.read_bytes() == b"torn"]
        assert len(torn) == damaged, state
