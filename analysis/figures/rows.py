"""Which table rows a figure shows, and their titles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agad.spec import datasets
from agad.spec.catalogue import backbone_names, backbones, methods

from ..cells import Cells
from ..table_rows import telling_fields
from ..tables import formats
from ..tables.formats import GAMMA
from ..tables.keys import heading, key_text

TITLE = ("dataset", "method", "backbone", "gamma")
"""What a row's title says."""


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


def own_settings(cells: Cells, index: int) -> str:
    """What tells a row from the others of its title: `updates 400, lr 0.001`; empty where it is the only one."""
    values = cells.rows[index]
    alike = [row for row in cells.rows if all(row[name] == values[name] for name in TITLE)]
    names = [name for name in telling_fields(alike) if name not in TITLE]
    return ", ".join(f"{heading(name)} {key_text(name, values[name])}" for name in names)


def full_title(cells: Cells, index: int) -> str:
    """The title, and what tells the row from others with the same one."""
    settings = own_settings(cells, index)
    return row_title(cells, index) + (f" ({settings})" if settings else "")


def of_which_settings(cells: Cells, rows: Iterable[int]) -> str:
    """A sentence, after a space, of the rows that are some of several with their titles; empty where there are none."""
    titles = [full_title(cells, row) for row in rows if own_settings(cells, row)]
    return f" Of several settings are shown: {'; '.join(titles)}." if titles else ""


def also_differing(cells: Cells, rows: Sequence[int], *known: str, what: str = "lines") -> str:
    """A sentence, after a space, of what rows differ in beside the fields that are known; empty for nothing."""
    values = [cells.rows[row] for row in rows]
    names = [name for name in telling_fields(values) if name not in known and len({str(of[name]) for of in values}) > 1]
    texts = (
        f"{heading(name)} ({', '.join(dict.fromkeys(key_text(name, of[name]) for of in values))})" for name in names
    )
    return f" The {what} also differ in {' and '.join(texts)}." if names else ""


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
