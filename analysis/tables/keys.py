"""Keys: the fields of RunSpec that distinguish the rows of a table, and how tables print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from agad.spec import datasets
from agad.spec.fields import LEADING_FIELDS, spec_field

from ..cells import Cells
from ..table_rows import telling_fields
from . import formats

_ALWAYS = (*LEADING_FIELDS, "method", "backbone", "updates")
"""Shown wherever they differ: what is trained on what, and for how long."""


def fewest_fields(cells: Cells, printed: Iterable[int] | None = None) -> tuple[str, ...]:
    """Of the fields that tell rows apart, those that data set, share of anomalies and method do not decide, and these.

    So a setting that moves numbers is never left out because another one, as where the curve has points, happens to
    tell the same rows apart.

    Args:
        cells: the rows.
        printed: which of them have a line in the table; None: all.
    """
    rows = [cells.rows[row] for row in (range(len(cells.rows)) if printed is None else dict.fromkeys(printed))]
    deciding = (*LEADING_FIELDS, "method")

    def decided(name: str) -> bool:
        texts = {(*key_texts(deciding, values), key_text(name, values[name])) for values in rows}
        return len(texts) == len({text[:-1] for text in texts})

    telling = telling_fields(rows) if rows else ()
    return tuple(name for name in telling if name in _ALWAYS or not decided(name))


def heading(name: str) -> str:
    """A spec field's name as tables print it."""
    return spec_field(name).setting.title or name


def key_texts(fields: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The values of some spec fields as tables print them."""
    return [key_text(name, values[name]) for name in fields]


def key_text(name: str, value: Any) -> str:
    """A spec field's value as tables print it."""
    if name == "dataset":
        return datasets.title(value)
    if name == "gamma":
        return formats.gamma(value)
    if isinstance(value, list):
        return "+".join(map(str, value)) or ("all" if spec_field(name).setting.is_class else "none")
    return str(value)


def key_frame(cells: Cells) -> pd.DataFrame:
    """A line per row with its fields' values as CSV files have them, lists joined by `+`."""
    plain = [
        {name: "+".join(map(str, value)) if isinstance(value := values[name], list) else value for name in cells.fields}
        for values in cells.rows
    ]
    return pd.DataFrame(plain)


def role(rows: Iterable[Mapping[str, Any]]) -> str:
    """What a class of these rows is: `normal`, `anomalous`, or both of rows of both protocols."""
    roles = {"one_vs_rest": "normal", "leave_one_out": "anomalous"}
    return " or ".join(sorted({roles[values["protocol"]] for values in rows}))
