"""What rows of a file without checksums can still show of damage: run_ids, and values that no row can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from agad.spec.run import canonical_text, run_id_of
from agad.store.column import Column
from agad.store.columns import COLUMNS, SPEC

IDENTITY = ("run_id", "semantics_version", *SPEC)
"""Columns that a run_id is checked with."""


def illegal_rows(table: pa.Table, *, has_spec: bool) -> dict[int, str]:
    """Index -> what is wrong, of the rows that agad cannot have written.

    Args:
        table: rows; only what its columns show is checked.
        has_spec: whether it has IDENTITY, with what was stored or what older code behaved like.
    """
    found: dict[int, str] = {}
    if has_spec:
        rows = table.select(IDENTITY).to_pylist()
        found = {
            n: "run_id is not the digest of its spec" for n, row in enumerate(rows) if _run_id(row) != row["run_id"]
        }
    for name in table.column_names:
        if name not in SPEC:  # which its run_id stands for; what was legal once may not be so today
            for index in _outside(table[name].combine_chunks(), COLUMNS[name]):
                found.setdefault(index, f"{name} is not {COLUMNS[name].range}")
    return found


def _run_id(row: dict[str, Any]) -> str:
    """The digest as RunSpec.run_id makes it, also of a spec that this code cannot run (a backbone that is not here)."""
    return run_id_of(canonical_text({name: row[name] for name in SPEC}, row["semantics_version"]))


def _outside(values: pa.Array, column: Column) -> Iterator[int]:
    """Indices of the rows with a value that the column cannot have; null is legal."""
    if not column.range:
        return
    if pa.types.is_list(values.type):
        parents, values = pc.list_parent_indices(values), pc.list_flatten(values)
    else:
        parents = pa.array(range(len(values)), pa.int64())
    bad = pc.fill_null(pc.invert(_within(values, column)), False)
    yield from dict.fromkeys(parents.filter(bad).to_pylist())


def _within(values: pa.Array, column: Column) -> pa.Array:
    if column.choices:
        return pc.or_(pc.is_in(values, value_set=pa.array(column.choices)), pc.is_null(values))
    bounds = (
        (column.low, pc.greater_equal),
        (column.high, pc.less_equal),
        (column.above, pc.greater),
        (column.below, pc.less),
    )
    within = pa.array([True] * len(values), pa.bool_())
    for bound, compare in bounds:
        if bound is not None:
            within = pc.and_kleene(within, compare(values, bound))
    return within
