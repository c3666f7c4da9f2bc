"""Table rows: which runs share a row of a table, and in which fields the rows differ.

A row is everything in a spec but class and seed. It is a dict of spec values, lists as in a plan file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.plan.plan import Plan
from agad.spec import catalogue, datasets
from agad.spec.checks import unused
from agad.spec.fields import CELL_FIELDS, LEADING_FIELDS, former_values, json_defaults, older_values
from agad.store.schema import SPEC_COLUMNS

from .paper.numbers import QUIET_FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

ONE_KNOWN = "one"
"""Stands for `known_anomaly_classes` of a row whose runs know one anomaly class, a different one each."""

NO_CLASS = -1
"""Stands for the known anomaly class of a run that knows none, or several."""

TableRows = tuple[dict[str, Any], ...]


def seeds_shared(values: Mapping[str, Any]) -> bool:
    """Whether runs of one seed share initial weights and batches in all classes, as all runs of older code do."""
    return bool(values.get("seed_scope", "all_classes") == "all_classes")


def of_plan(plan: Plan) -> tuple[TableRows, pd.DataFrame]:
    """The rows of a plan's table in its order, and its runs: `run_id`, `row` (index), `class`, `known`, `seed`."""
    index_of: dict[str, int] = {}
    table_rows: list[dict[str, Any]] = []
    runs: dict[str, tuple[int, int, int, int]] = {}
    for run_id, spec in zip(plan.run_ids, plan.specs, strict=True):
        rest = {name: value for name, value in spec.to_dict().items() if name not in CELL_FIELDS}
        key = json.dumps(rest, sort_keys=True)
        if key not in index_of:
            index_of[key] = len(table_rows)
            table_rows.append(rest)
        runs[run_id] = (index_of[key], spec.target_class, NO_CLASS, spec.seed)
    frame = pd.DataFrame.from_dict(runs, orient="index", columns=["row", "class", "known", "seed"])
    return tuple(table_rows), frame.rename_axis("run_id").reset_index()


def distinct(runs: pa.Table) -> tuple[TableRows, NDArray[np.int64]]:
    """The distinct table rows among stored runs, sorted, and for each run the index of its row.

    Column by column over Arrow's dictionaries: 100,000 runs cost a fraction of a second.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [name for name in SPEC_COLUMNS if name not in CELL_FIELDS]
    codes = np.zeros(runs.num_rows, np.int64)
    for name in names:
        column = runs[name].combine_chunks()
        if pa.types.is_list(column.type):
            column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), "+")
        encoded = pc.dictionary_encode(column, null_encoding="encode")
        if len(encoded.dictionary) > 1:
            mixed = codes * len(encoded.dictionary) + encoded.indices.to_numpy(zero_copy_only=False)
            codes = np.unique(mixed, return_inverse=True)[1].astype(np.int64)
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    defaults = json_defaults() | older_values()
    found = [
        {name: defaults[name] if value is None else value for name, value in values.items()}
        for values in runs.select(names).take(first).to_pylist()
    ]
    order = sorted(range(len(found)), key=lambda number: _sort_key(found[number]))
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return tuple(found[number] for number in order), rank[index]


def _sort_key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    known = list(datasets.DATASETS)
    dataset = values["dataset"]
    position = known.index(dataset) if dataset in known else len(known)
    rest = [json.dumps(value) for name, value in values.items() if name not in LEADING_FIELDS]
    return (position, dataset, values["gamma"], rest)


def telling_fields(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """`dataset`, `gamma` and whatever else differs among the rows.

    Fields that only set what is scored, or where the curve has points, are left out unless rows would look alike; so
    are those in which only rows differ whose method does not use them.
    """
    texts = [{name: json.dumps(value) for name, value in row.items()} for row in rows]
    idle = [unused_fields(row) for row in rows]
    names = [
        name
        for name in texts[0]
        if len({row[name] for row, of_row in zip(texts, idle, strict=True) if name not in of_row}) > 1
    ]
    telling = [*LEADING_FIELDS, *(name for name in names if name not in LEADING_FIELDS)]
    for quiet in QUIET_FIELDS:
        fewer = [name for name in telling if name != quiet]
        if quiet in telling and len({tuple(row[name] for name in fewer) for row in texts}) == len(texts):
            telling = fewer
    return tuple(telling)


def mixed_defaults(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Field -> its former default, of those in which some rows have that and some the default of now."""
    defaults = json_defaults()
    telling = telling_fields(rows)
    return {
        name: former
        for name, former in former_values().items()
        if name in telling and {defaults[name], former} <= {row[name] for row in rows}
    }


def unused_fields(row: Mapping[str, Any]) -> frozenset[str]:
    """The fields that a row's runs do not use; none where this agad does not know their method."""
    known = row.get("method") in catalogue.methods()
    return unused(row["method"], row["task"]) if known else frozenset()


def join_one_known(rows: TableRows, runs: pd.DataFrame) -> tuple[TableRows, pd.DataFrame]:
    """Make one row of those that differ only in which one anomaly class is known.

    The known class then names a cell, together with the normal one: Deep SAD's protocol averages over the pairs.
    """
    groups: dict[str, list[int]] = {}
    for index, values in enumerate(rows):
        if len(values["known_anomaly_classes"]) == 1:
            rest = json.dumps({**values, "known_anomaly_classes": ONE_KNOWN}, sort_keys=True)
            groups.setdefault(rest, []).append(index)
    first_of = {index: group[0] for group in groups.values() if len(group) > 1 for index in group}
    remaining = [index for index in range(len(rows)) if first_of.get(index, index) == index]
    new_index = {old: remaining.index(first_of.get(old, old)) for old in range(len(rows))}
    known = {index: rows[index]["known_anomaly_classes"][0] for index in first_of}
    one: dict[str, Any] = {"known_anomaly_classes": ONE_KNOWN}
    joined = tuple({**rows[index], **one} if index in first_of else rows[index] for index in remaining)
    row = runs["row"]
    return joined, runs.assign(known=row.map(known).fillna(NO_CLASS).astype(int), row=row.map(new_index))
