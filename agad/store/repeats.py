"""Runs with several rows: which one counts, and what is to be said where ok ones do not agree."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from agad.store.schema import DIGEST_COLUMNS, RESULT_COLUMNS, STATUSES, RunRecord

NUMBERS = ("run_id", "status", *DIGEST_COLUMNS, *(name for name in RESULT_COLUMNS if name.startswith("auroc")))
"""Columns that a comparison needs."""

BESIDE = ("attempt", *NUMBERS)
"""Columns of earlier rows that `beside` needs."""

KEYS = ("run_id", "status", "attempt", "finished_at", "auroc")
"""What decides which row of a run counts."""


def repeated(run_ids: pa.ChunkedArray, statuses: pa.ChunkedArray) -> set[str]:
    """The runs of which there is more than one ok row."""
    counts = pc.value_counts(run_ids.filter(pc.equal(statuses, "ok")))
    return set(counts.field("values").filter(pc.greater(counts.field("counts"), 1)).to_pylist())


def differences(rows: pa.Table) -> Mapping[str, float]:
    """run_id -> the largest difference between AUROCs of its ok rows, of the runs whose rows are not the same.

    Infinite where rows are of other data, or one lacks a number that the other has.

    Args:
        rows: with the columns NUMBERS; a run may be there any number of times.
    """
    ok = rows.select(NUMBERS).filter(pc.equal(rows["status"], "ok"))
    by_run: dict[str, list[dict[str, object]]] = {}
    for row in ok.to_pylist():
        by_run.setdefault(row["run_id"], []).append(row)
    # Of all rows of a run: compared with one of them, the number would depend on the order of the folders.
    apart = {run_id: [_apart([row[name] for row in own]) for name in NUMBERS] for run_id, own in by_run.items()}
    return {run_id: max(found) for run_id, found in apart.items() if any(found)}


def _apart(values: Sequence[object]) -> float:
    """The largest of one column's values less the smallest; infinite where they differ and are not all numbers."""
    if all(value == values[0] for value in values):
        return 0.0
    numbers = [value for value in values if isinstance(value, float)]
    return max(numbers) - min(numbers) if len(numbers) == len(values) else math.inf


def sentence(found: Mapping[str, float]) -> str:
    """What a reader must know of them, in one line."""
    apart = max(found.values())
    by = f"their AUROCs are up to {100 * apart:.2g} points apart" if math.isfinite(apart) else "or even their data"
    count = "1 run has" if len(found) == 1 else f"{len(found)} runs have"
    named = ", ".join(sorted(found)[:3]) + (", ..." if len(found) > 3 else "")
    return (
        f"{count} several finished rows that differ; {by}. Of each counts the first attempt's, of two first attempts "
        f"the one that ended first, in the folder named first: {named}."
    )


def beside(record: RunRecord, earlier: pa.Table) -> tuple[RunRecord | None, str]:
    """The record as it is to be stored, and what to say of it: None where it is not stored, "" for nothing.

    Args:
        record: of a run.
        earlier: all rows of that run, with the columns BESIDE.
    """
    attempts, statuses = earlier["attempt"].to_pylist(), earlier["status"].to_pylist()
    if record.attempt not in attempts:
        return record, ""
    if STATUSES.index(record.status) < min(map(STATUSES.index, statuses)):
        return dataclasses.replace(record, attempt=max(attempts) + 1), ""
    rows = [earlier.select(NUMBERS), record.to_table().select(NUMBERS)]
    if record.status != "ok" or not differences(pa.concat_tables(rows)):
        return None, ""
    return None, (
        f"run {record.run_id} has a finished row with other numbers, as of other code or threads, and keeps it; what "
        "was committed now is not stored: commit it to another results folder"
    )


def counting(table: pa.Table) -> pa.Array:
    """Indices of the rows that count, in the order of run_id."""
    order = _ranked(table)
    run_ids = table["run_id"].combine_chunks().take(order)
    return order.filter(_first_of_each(run_ids))


def distinct(table: pa.Table) -> pa.Array:
    """Indices of one row per (run_id, attempt), in the order of run_id."""
    order = _ranked(table)
    keys = pc.binary_join_element_wise(table["run_id"], pc.cast(table["attempt"], pa.string()), ".")
    by_key = order.take(pc.sort_indices(keys.combine_chunks().take(order)))
    return by_key.filter(_first_of_each(keys.combine_chunks().take(by_key)))


def _ranked(table: pa.Table) -> pa.Array:
    """Indices in an order in which the files that rows are in play no part: a compaction changes no number."""
    rank = pc.index_in(table["status"], value_set=pa.array(STATUSES))
    keyed = pa.table({"run_id": table["run_id"], "rank": rank} | {name: table[name] for name in KEYS[2:]})
    return pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in keyed.column_names])


def _first_of_each(values: pa.Array) -> pa.Array:
    """True where a sorted array's value is not that before it."""
    if len(values) == 0:
        return pa.array([], pa.bool_())
    return pa.concat_arrays([pa.array([True]), pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))])
