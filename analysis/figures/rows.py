"""Which table rows a figure shows, and their titles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agad.spec import datasets
from agad.spec.catalogue import backbone_names, backbones, methods

from ..cells import Cells
from ..tables import formats
from ..tables.formats import GAMMA


def backbones_from(*first: str) -> tuple[str, ...]:
    """The names of all backbones, those named first."""
    return (*first, *(name for name in backbone_names() if name not in first))


def is_plain(values: Mapping[str, Any]) -> bool:
    """Whether method, batch norm and context are the paper's main ones."""
    return (values["method"], values["batch_norm"], values["adversarial_context"]) == ("agad", "shared", "on")


def plain_rows(cells: Cells) -> list[int]:
    """Of each data set and backbone the row with the paper's main settings and the fewest anomalies.

    A row that has a finished run comes before all that have none, as those of a plan that has just been made. Of a data
    set on which AGAD has finished runs, other methods are left out: what they call a backbone is none of theirs.
    """
    found: dict[tuple[Any, ...], int] = {}
    finished = set(cells.ok["row"])
    ours = {cells.rows[index]["dataset"] for index in finished if cells.rows[index]["method"] == "agad"}
    order = sorted(
        (index for index, one in enumerate(cells.rows) if one["method"] == "agad" or one["dataset"] not in ours),
        key=lambda index: (index not in finished, not is_plain(cells.rows[index]), cells.rows[index]["gamma"]),
    )
    for index in order:
        values = cells.rows[index]
        found.setdefault((values["dataset"], values["backbone"]), index)
    return sorted(found.values())


def detector_name(values: Mapping[str, Any]) -> str:
    """A generator's title, a method's where it is another than AGAD."""
    name, known = ("backbone", backbones()) if values["method"] == "agad" else ("method", methods())
    found = known.get(values[name])
    return found.title if found else str(values[name])


def row_title(cells: Cells, index: int) -> str:
    """Data set, generator or method and, where there is one, the share of anomalies."""
    values = cells.rows[index]
    share = f", {GAMMA} {formats.gamma(values['gamma'])}" if values["gamma"] else ""
    return f"{datasets.title(values['dataset'])}, {detector_name(values)}{share}"


def class_name(dataset: str, target: int) -> str:
    """A class's name, short enough for an axis; empty where its number is its name."""
    facts = datasets.DATASETS.get(dataset)
    names = facts.class_names if facts else ()
    name = names[target] if target < len(names) and names[target] != str(target) else ""
    return name if len(name) <= 16 else f"{name[:15]}…"


def groups(cells: Cells) -> list[list[str]]:
    """Data sets that share a drawing: each with several classes has its own."""
    classes = cells.runs.groupby("row")["class"].nunique()
    most: dict[str, int] = {}
    for index, values in enumerate(cells.rows):
        most[values["dataset"]] = max(most.get(values["dataset"], 0), int(classes.loc[index]))
    single = [dataset for dataset, count in most.items() if count == 1]
    return [[dataset] for dataset, count in most.items() if count > 1] + ([single] if single else [])
