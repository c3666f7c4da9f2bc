"""The report's page: one HTML file that needs nothing else, made of page.html, page.css and the report's sections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..figures.drawing import Drawing
from ..tables.sheet import Sheet


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
    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    figures: tuple[Drawing, ...] = ()
    folded: tuple[Sheet, ...] = ()


def render(title: str, lead: str, sections: list[Section]) -> str:
    """The page as text. Everything but the tables' and figures' own markup is escaped."""
    # S704: matplotlib escapes its text, Sheet its cells, and the style is our own.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["table"] = lambda sheet, heading: Markup(sheet.to_html(heading))  # noqa: S704
    environment.filters["short"] = lambda sheet, heading: sheet.shown_caption(heading)
    environment.filters["svg"] = lambda drawing: Markup(drawing.to_svg())  # noqa: S704
    template = environment.from_string(_text("page.html"))
    return template.render(title=title, lead=lead, sections=sections, style=Markup("\n" + _text("page.css")))  # noqa: S704


def _text(name: str) -> str:
    """A file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
