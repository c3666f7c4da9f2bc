"""Column: one column of a row, and those that stand for the fields of RunSpec."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from agad.spec.fields import known_fields
from agad.spec.run import RunSpec
from agad.spec.setting import Field

_SPEC_TYPES = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the row.

    Attributes:
        type: Arrow type; of a list column `low` and `high` bound its elements.
        meaning: one sentence.
        unit: of its numbers; empty: none.
        low: smallest value; None: no bound.
        high: largest value; None: no bound.
        above: a number that all values are greater than; None: no bound.
        below: a number that all values are less than; None: no bound.
        choices: the only values; empty: any.
        prefix: what further values begin with; empty: there are none.
    """

    type: pa.DataType
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def range(self) -> str:
        """The legal values in words; empty where any value is legal."""
        if self.choices:
            return ", ".join((*self.choices, *([f"{self.prefix}NAME"] if self.prefix else [])))
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        bounds = {
            "{:g} or more": self.low,
            "above {:g}": self.above,
            "{:g} or less": self.high,
            "below {:g}": self.below,
        }
        return ", ".join(text.format(bound) for text, bound in bounds.items() if bound is not None)

    def field(self, name: str) -> pa.Field:
        """The Arrow field of this name, with what is known of it as metadata."""
        known = {"description": self.meaning, "unit": self.unit, "range": self.range}
        return pa.field(name, self.type, metadata={key: text for key, text in known.items() if text})


def spec_columns() -> dict[str, Column]:
    """A column for each field of RunSpec; its meaning is the first sentence of the field's docstring."""
    meanings = {name: text for base in RunSpec.__mro__ for name, text in _field_docstrings(base).items()}
    return {name: _spec_column(known, meanings.get(name, "")) for name, known in known_fields().items()}


def _spec_column(known: Field, meaning: str) -> Column:
    kind, limits = _SPEC_TYPES[known.kind], known.setting
    return Column(
        pa.list_(kind) if known.is_tuple else kind,
        _first_sentence(meaning),
        low=limits.at_least,
        above=0 if limits.positive else None,
        below=limits.below,
        # Backbones and methods exist by their files: a new one changes no schema.
        choices=() if callable(limits.choices) else limits.choices,
        prefix=limits.prefix,
    )


def _field_docstrings(declared: type) -> dict[str, str]:
    """Field of a class of this package -> the string that stands below it in the source."""
    source = getattr(sys.modules[declared.__module__], "__file__", None)
    if source is None:
        return {}
    tree = ast.parse(Path(source).read_text(encoding="utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == declared.__name__)
    return {
        ast.unparse(field.target): " ".join(str(below.value.value).split())
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def _first_sentence(text: str) -> str:
    """Up to the first full stop before a new sentence: `et al. 2018` does not end one."""
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", text, maxsplit=1)[0]
