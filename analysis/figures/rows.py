"""Which table rows a figure shows, and their titles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from agad.spec import datasets
from agad.spec.catalogue import backbone_names, backbones, methods

from ..cells import Cells
from ..paper.numbers import QUIET_FIELDS
from ..table_rows import telling_fields, unused_fields
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

    Of several such rows, which differ in other settings, that is taken whose settings the other backbones of the data
    set have too, if it has no fewer classes than the first. A row that has a finished run comes before all that have
    none, as those of a plan that has just been made. Of a data set on which AGAD has finished runs, other methods are
    left out: what they call a backbone is none of theirs.
    """
    finished, classes = set(cells.ok["row"]), cells.ok.groupby("row")["class"].nunique()
    ours = {cells.rows[index]["dataset"] for index in finished if cells.rows[index]["method"] == "agad"}
    ranks = {
        index: (index not in finished, not is_plain(one), one["gamma"])
        for index, one in enumerate(cells.rows)
        if one["method"] == "agad" or one["dataset"] not in ours
    }
    found: dict[str, dict[tuple[str, str], list[int]]] = {}
    for index in sorted(ranks, key=ranks.__getitem__):
        values = cells.rows[index]
        first = found.setdefault(values["dataset"], {}).setdefault((values["method"], values["backbone"]), [])
        is_as_whole = bool(first) and classes.get(index, 0) >= classes.get(first[0], 0)
        if not first or (ranks[index] == ranks[first[0]] and is_as_whole):
            first.append(index)
    return sorted(row for choices in found.values() for row in most_alike(cells, [*choices.values()]))


def most_alike(cells: Cells, choices: Sequence[Sequence[int]]) -> list[int]:
    """Of each choice one row, so that these differ in the fewest settings; of several ways the first."""
    if all(len(rows) == 1 for rows in choices):
        return [row for (row,) in choices]

    def nearest(base: int) -> list[int]:
        return [min(rows, key=lambda row: settings_apart(cells, [base, row])) for rows in choices]

    found: list[tuple[int, list[int]]] = []
    for base in min(choices, key=len):  # what all have in common, it has too
        rows = nearest(base)
        found.append((settings_apart(cells, rows), rows))
        if not found[-1][0]:  # of hundreds of settings the first is often shared
            break
    return min(found, key=lambda one: one[0])[1]


def settings_apart(cells: Cells, rows: Iterable[int]) -> int:
    """In how many settings rows differ, pair by pair: of what a title does not say, and the methods of both use."""
    names = frozenset(cells.fields) - {*TITLE, *QUIET_FIELDS}
    used = [(cells.rows[row], names - unused_fields(cells.rows[row])) for row in rows]
    return sum(a[name] != b[name] for (a, of_a), (b, of_b) in combinations(used, 2) for name in of_a & of_b)


def shares_alike(cells: Cells, rows: Iterable[int]) -> list[dict[float, int]]:
    """Share of anomalies -> row, of each setting: rows that are alike in all else that makes scores."""
    found: dict[str, dict[float, int]] = {}
    for index in rows:
        values = cells.rows[index]
        rest = {name: value for name, value in values.items() if name not in ("gamma", *QUIET_FIELDS)}
        found.setdefault(json.dumps(rest, sort_keys=True), {}).setdefault(values["gamma"], index)
    return list(found.values())


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


def own_settings(cells: Cells, *rows: int) -> str:
    """What tells a row from the others of its title: `updates 400, lr 0.001`; empty where it is the only one.

    Of several rows, which share these settings: what tells any of them from the others of its own title.
    """
    names: list[str] = []
    for index in rows:
        values = cells.rows[index]
        alike = [row for row in cells.rows if all(row[name] == values[name] for name in TITLE)]
        names += [name for name in telling_fields(alike) if name not in (*TITLE, *names)]
    return ", ".join(f"{heading(name)} {key_text(name, cells.rows[rows[0]][name])}" for name in names)


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
