"""Match: the row of the paper that a table row of ours is compared with, and in what they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agad.spec.fields import CELL_FIELDS, former_values, json_defaults

from .numbers import CLASS_COUNTS, OWN_CHOICES, SCORING_FIELDS, STATED_DEFAULTS, STATED_EXCEPTIONS, PaperRow, rows

OTHER_CLASS = "normal_class="
"""How a difference begins that is no setting: the paper's average has not that class."""
PRUNED = "pruned runs"
"""A difference that is no setting: a scheduler ended some of the runs for their scores."""


@dataclass(frozen=True, slots=True)
class Match:
    """A paper's row for a table row of ours.

    Attributes:
        row: the paper's.
        differences: `field=value` where ours leaves the project's reading of what the paper is silent on, that of now
            or that of earlier versions. If there are any, ours is not compared with the paper, whose number is shown
            for orientation only.
    """

    row: PaperRow
    differences: tuple[str, ...]


def find_match(values: Mapping[str, Any], tables: tuple[str, ...]) -> Match | None:
    """The paper's row with the values of a table row of ours, in the first of `tables` that has one.

    Args:
        values: the spec by field name, lists as in a plan file; class and seed play no part.
        tables: of the paper, in the order in which they are searched.
    """
    for table in tables:
        for row in rows(table):
            if row.is_own and row.avg is not None and _has_stated_values(row, values):
                return Match(row, _silent_differences(row, values))
    return None


def other_classes(dataset: str, classes: Iterable[int]) -> tuple[str, ...]:
    """`normal_class=3` where the paper's average over a data set has not that class: of a medical set class 0 alone.

    Empty where there is none, and of data sets that the paper does not have.
    """
    count = CLASS_COUNTS.get(dataset)
    return tuple(f"{OTHER_CLASS}{known}" for known in sorted(set(classes)) if count is not None and known >= count)


def _has_stated_values(row: PaperRow, values: Mapping[str, Any]) -> bool:
    if row.dataset != values["dataset"] or row.gamma != values["gamma"]:
        return False
    exceptions = STATED_EXCEPTIONS.get(row.table, {})
    names = STATED_DEFAULTS.keys() | row.fields.keys()
    return all(values[name] in exceptions.get(name, (row.stated(name),)) for name in names)


def _silent_differences(row: PaperRow, values: Mapping[str, Any]) -> tuple[str, ...]:
    skipped = {"dataset", "gamma", *STATED_DEFAULTS, *row.fields, *SCORING_FIELDS, *CELL_FIELDS}
    defaults, former = json_defaults(), former_values()
    return tuple(
        f"{name}={value}"
        for name, value in values.items()
        if name not in skipped
        and value not in (defaults[name], former.get(name, defaults[name]), *OWN_CHOICES.get(name, ()))
    )
