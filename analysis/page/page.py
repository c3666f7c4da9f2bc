"""The report's page: one HTML file that needs nothing else, made of page.html, page.css, page.js and its sections."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from agad import console

from ..figures.drawing import Drawing
from ..tables.leakage import LABELS
from ..tables.sheet import Sheet

_Named = TypeVar("_Named", Sheet, Drawing)


@dataclass(frozen=True)
class Number:
    """A number that stands large on the first screen.

    Attributes:
        value: as it is printed.
        words: what it is.
    """

    value: str
    words: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: its id.
        title: its heading.
        words: paragraphs above everything.
        sheets: tables that are open.
        figures: drawings.
        folded: tables that open on a click.
        numbers: large ones, below the open tables.
        line: what is said in place of all that, in one line; empty: nothing.
    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawing, ...] = ()
    folded: tuple[Sheet, ...] = ()
    numbers: tuple[Number, ...] = ()
    line: str = ""


def named_apart(sections: Sequence[Section]) -> list[Section]:
    """The sections, each table and each figure under a name of its own: their files would replace one another.

    Of several plans with values of one study each has a table of that study's name.
    """
    taken: set[tuple[type, str]] = set()

    def renamed(one: _Named) -> _Named:
        others = (f"{one.name}-{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain((one.name,), others) if (type(one), name) not in taken)
        taken.add((type(one), name))
        return one if name == one.name else replace(one, name=name)

    return [
        replace(
            section,
            sheets=tuple(map(renamed, section.sheets)),
            folded=tuple(map(renamed, section.folded)),
            figures=tuple(map(renamed, section.figures)),
        )
        for section in sections
    ]


def render(title: str, lead: str, sections: list[Section], *, files: bool = True, paper: bool = True) -> str:
    """The page as text. Everything but the tables' and figures' own markup is escaped.

    Args:
        title: of the page.
        lead: what it is about, below the title.
        sections: in order.
        files: whether each table and figure has links to its files beside the page.
        paper: whether a legend tells our numbers from the paper's.
    """
    # S704: matplotlib escapes its text, Sheet its cells, and style and script are our own.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["table"] = lambda sheet, heading: Markup(sheet.to_html(heading))  # noqa: S704
    environment.filters["short"] = lambda sheet, heading: sheet.shown_caption(heading)
    environment.filters["svg"] = lambda drawing: Markup(drawing.to_svg())  # noqa: S704
    script = "\n" + _text("page.js")
    template = environment.from_string(_text("page.html"))
    text = template.render(
        title=title,
        lead=lead,
        sections=sections,
        files=files,
        paper=paper,
        protocols=list(LABELS.values()),
        style=Markup("\n" + _text("page.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return console.printable(text)  # HTML forbids control characters, and who prints the page's source obeys them


def _text(name: str) -> str:
    """A file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
