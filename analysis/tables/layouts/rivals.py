"""Rivals: other methods that were run here, which stand in Tables 1 and 2 beside what the paper prints or borrows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agad.spec import catalogue
from agad.spec.checks import unused
from agad.spec.fields import CELL_FIELDS, LEADING_FIELDS, json_defaults, names_in

from ...cells import Cells
from ...paper import numbers as paper
from ..keys import key_text

TABLES = ("table1", "table2")
"""Tables of the paper that compare methods."""

_METHOD = "method"

_STATED = tuple(name for name in names_in("data") if name in paper.STATED_DEFAULTS)
"""What the paper states of the images that all methods of a table see: their size, and where anomalies come from."""


@dataclass(frozen=True, eq=False)
class Rival:
    """A method that was run here, on one data set at one share of anomalies.

    Attributes:
        title: the method's, as the paper prints it where it does.
        name: its title, with the settings that tell it from other rows of the method.
        row: index into the cells.
        dataset: as in RunSpec.
        gamma: share of anomalies in training.
        line: its numbers (see summary.summarise).
        means: class -> mean over seeds in [0, 1].
        settings: `field=value` where its runs leave the defaults, which are AGAD's; without what is in its name.
    """

    title: str
    name: str
    row: int
    dataset: str
    gamma: float
    line: Mapping[str, Any]
    means: Mapping[int, float]
    settings: tuple[str, ...]


def rivals(cells: Cells, table: str) -> tuple[Rival, ...]:
    """The rows of other methods that fit a line of a table of the paper, by name; none where it compares no methods.

    They see the images that the paper states, as AGAD's own rows must.

    Anomalies in training come from all other classes, as in AGAD's own rows: those of one known class at a time are in
    a table of their own.
    """
    if table not in TABLES:
        return ()
    places = {(row.dataset, row.gamma) for row in paper.rows(table)}
    rows = [
        index
        for index, values in enumerate(cells.rows)
        if values[_METHOD] != "agad"
        and (values["dataset"], values["gamma"]) in places
        and all(values[name] == paper.STATED_DEFAULTS[name] for name in _STATED)
        and cells.summary["ok"].iloc[index]
    ]
    found = sorted((_rival(cells, index, rows) for index in rows), key=lambda rival: rival.name)
    # A method that knows no anomaly has its line in Table 1, and no column of Table 2.
    columns = {rival.name for rival in found if table == "table1" or rival.gamma > 0}
    return tuple(rival for rival in found if rival.name in columns)


def _rival(cells: Cells, index: int, rows: list[int]) -> Rival:
    values, means = cells.rows[index], cells.class_means()
    means = means[means["row"] == index]
    title, told = _title(values[_METHOD]), _told(cells, index, rows)
    return Rival(
        title,
        " ".join((title, *_settings(values, told))),
        index,
        values["dataset"],
        values["gamma"],
        {**{str(name): of for name, of in cells.summary.iloc[index].items()}, "verdict": None},
        {int(c): float(mean) for c, mean in zip(means["class"], means["mean"], strict=True)},
        tuple(_changed(values, told)),
    )


def settings_note(found: Iterable[Rival]) -> Iterator[str]:
    """What the methods of a table were run with, as a line under it; none where all have the defaults."""
    of_name = {rival.name: rival.settings for rival in found if rival.settings}
    if of_name:
        lists = (f"{name}: {', '.join(settings)}" for name, settings in of_name.items())
        yield f"Settings of methods run here, where they are not AGAD's defaults. {'; '.join(lists)}."


def _changed(values: Mapping[str, Any], told: Collection[str]) -> Iterator[str]:
    """The fields that mean something to the method and are not at their default; it may train without updates."""
    method = values[_METHOD]
    meaningless = unused(method, values["task"]) if method in catalogue.methods() else ()
    hidden = {*told, *LEADING_FIELDS, _METHOD, *CELL_FIELDS, *paper.SCORING_FIELDS, *meaningless}
    for name, default in json_defaults().items():
        if name not in hidden and values[name] != default and (name, values[name]) != ("updates", 0):
            yield f"{name}={key_text(name, values[name])}"


def _told(cells: Cells, index: int, rows: list[int]) -> list[str]:
    """The fields in which a row differs from others of its method."""
    same = [cells.rows[row] for row in rows if cells.rows[row][_METHOD] == cells.rows[index][_METHOD]]
    names = [name for name in cells.fields if name not in (*LEADING_FIELDS, _METHOD)]
    return [name for name in names if len({key_text(name, values[name]) for values in same}) > 1]


def _settings(values: Mapping[str, Any], told: Collection[str]) -> Iterator[str]:
    """Their values, `(gcn)`, and what of its normals was held out."""
    texts = [key_text(name, values[name]) for name in told if name != "validation"]
    if values["validation"]:
        texts.append(f"{values['validation']:.0%} held out")
    if texts:
        yield f"({', '.join(texts)})"


def _title(method: str) -> str:
    known = catalogue.methods()
    return known[method].title if method in known else method
