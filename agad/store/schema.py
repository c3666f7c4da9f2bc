"""RunRecord, the outcome of one attempt at one run, and the Arrow schema of its row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.store import columns
from agad.store.columns import FAILURE_KINDS, LOSS_TERMS, STATUSES

__all__ = [
    "CURVE_COLUMNS",
    "DIGEST_COLUMNS",
    "FAILURE_KINDS",
    "IDENTITY_COLUMNS",
    "LIGHT_COLUMNS",
    "LOSS_TERMS",
    "MEASURED_COLUMNS",
    "RECONSTRUCTION_COLUMNS",
    "RENAMED_COLUMNS",
    "RESULT_COLUMNS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SCORE_COLUMNS",
    "SPEC_COLUMNS",
    "STATUSES",
    "DataKey",
    "RunRecord",
    "ids_of",
]

SCHEMA_VERSION = 1
"""Version of the row's layout. Readers fill what older rows lack with null and refuse newer ones."""

RENAMED_COLUMNS = {"together": "pack"}
"""Column -> the name that it has in older rows."""

IDENTITY_COLUMNS = tuple(columns.IDENTITY)
SPEC_COLUMNS = tuple(columns.SPEC)
RESULT_COLUMNS = tuple(columns.RESULTS)
MEASURED_COLUMNS = tuple(columns.MEASURED)
DIGEST_COLUMNS = {"data_digest": "image_size", "features_digest": "features"}
"""Column -> the field that says, beside `dataset`, what it is the digest of: rows that share both fields and differ in
the digest are of different data, and can neither share a table nor be compared."""
DataKey = tuple[str, int | str]
"""The values of those two fields: a data set with its images' size, or with the `features` of a file of vectors."""
CURVE_COLUMNS = tuple(columns.CURVE)
SCORE_COLUMNS = tuple(columns.SCORES)
RECONSTRUCTION_COLUMNS = tuple(columns.RECONSTRUCTIONS)

SCHEMA = pa.schema([column.field(name) for name, column in columns.COLUMNS.items()])
"""The row: identity, spec, results, measurements, curve, failure, provenance, scores, reconstructions.

Fields carry `description`, `unit` and `range` as metadata. Readers compare names and types only, so that older files
without metadata are read as before."""

LIGHT_COLUMNS = tuple(
    name for name in SCHEMA.names if name not in {*SCORE_COLUMNS, *CURVE_COLUMNS, *RECONSTRUCTION_COLUMNS}
)
"""Every column but the long ones: what most readers need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The outcome of one attempt: its spec, its status and the values of the other columns.

    Attributes:
        spec: what was run.
        attempt: number of the claim under which it was made, from 1.
        status: one of STATUSES.
        values: column name -> value, for the columns of SCHEMA that are not identity or spec; what is left out is
            null. An unknown column is a KeyError.
        made_for: the run_id that the values are of; `dataclasses.replace` with another spec is a ValueError.
    """

    spec: RunSpec
    attempt: int
    status: str
    values: dict[str, Any] = field(default_factory=dict)
    made_for: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.made_for not in ("", self.run_id):
            raise ValueError(f"the values are of run {self.made_for}, not of {self.run_id}, the spec that is given now")
        object.__setattr__(self, "made_for", self.run_id)
        if self.attempt < 1:
            raise ValueError(f"attempt {self.attempt!r}: attempts count from 1")
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} is none of {', '.join(STATUSES)}")
        for name in self.values:
            if name not in SCHEMA.names or name in IDENTITY_COLUMNS or name in SPEC_COLUMNS:
                raise KeyError(f"no column {name!r} for a value in the row")

    @property
    def run_id(self) -> str:
        """The spec's run_id."""
        return self.spec.run_id

    def to_row(self) -> dict[str, Any]:
        """Column name -> Python value, for every column of SCHEMA."""
        row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
        row.update(self.spec.to_dict())
        row.update(self.values)
        row.update({name: _storable(row[name]) for name in _TEXTS})
        row.update(
            run_id=self.run_id,
            attempt=self.attempt,
            status=self.status,
            schema_version=SCHEMA_VERSION,
            semantics_version=SEMANTICS_VERSION,
        )
        return row

    def to_table(self) -> pa.Table:
        """The row as an Arrow table of SCHEMA."""
        return pa.Table.from_pylist([self.to_row()], schema=SCHEMA)


# Not of all columns: scores are tens of thousands of numbers.
_TEXTS = [one.name for one in SCHEMA if pa.string() in (one.type, getattr(one.type, "value_type", None))]
"""Columns of texts and of lists of texts."""


def _storable(value: Any) -> Any:
    """The value; texts in it as UTF-8 can hold them: names of files have lone surrogates for bytes that are not."""
    if type(value) in (list, tuple):  # notes, say
        return type(value)(map(_storable, value))
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def ids_of(run_ids: Iterable[str]) -> set[str]:
    """The run_ids in whatever holds them: one text, a set, a column of pandas or Arrow, a generator."""
    # Before anybody asks `in run_ids`: a column of pandas answers that for its index, and a generator only once.
    return {run_ids} if isinstance(run_ids, str) else {str(run_id) for run_id in run_ids}
