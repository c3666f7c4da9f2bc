"""Sheet: a table as it is displayed, and its Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from agad import console

from . import latex
from .formats import CHECK, GAP, KEY, NOTE, OURS, PAPER

__all__ = ["CHECK", "KEY", "NOTE", "OURS", "PAPER", "Sheet", "html_notes", "markdown", "markdown_notes", "wrapped"]

_LONG = 32
"""Characters of a cell above which its words are set in several lines."""

_BROAD = 128
"""Characters of a line above which a table is printed across."""

WIDTH = 118
"""Characters at which words are wrapped in Markdown; tables are as wide as they must be."""


@dataclass(frozen=True)
class Sheet:
    """One table as text, with the numbers behind it.

    Attributes:
        name: file name without suffix.
        caption: one line of words.
        columns: headings.
        kinds: KEY, OURS, PAPER or NOTE for each column.
        lines: the text of each column; GAP where a number is missing.
        line_kinds: OURS or PAPER for each line; empty: all are OURS.
        notes: sentences below the table.
        dataset: title of the data set that all of it is of; empty: of several, or its lines say so.
        data: the same at full precision, for CSV.
        caution: what a reader must know of the rows behind it (footnotes.in_short), where it stands alone: a notebook.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    line_kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dataset: str = ""
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    caution: str = ""

    def to_markdown(self) -> str:
        """A Markdown table whose columns also line up as plain text."""
        columns, *lines = self._escaped()
        widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
        ruler = [
            "-" * width if kind in (KEY, NOTE) else "-" * (width - 1) + ":"
            for width, kind in zip(widths, self.kinds, strict=True)
        ]
        parts = [f"**{markdown(self.caption)}**", ""]
        for line in (columns, ruler, *lines):
            cells = [
                cell.ljust(width) if kind in (KEY, NOTE) else cell.rjust(width)
                for cell, width, kind in zip(line, widths, self.kinds, strict=True)
            ]
            parts.append(f"| {' | '.join(cells)} |")
        return "\n".join(parts) + "\n" + (f"\n{markdown_notes(self.notes)}" if self.notes else "")

    def _escaped(self) -> list[tuple[str, ...]]:
        """The headings and the lines as cells of a Markdown table."""
        return [tuple(markdown(cell).replace("|", r"\|") for cell in line) for line in (self.columns, *self.lines)]

    def to_latex(self) -> str:
        """One or more booktabs tables, see latex.py."""
        return latex.tables(self)

    def to_csv(self) -> str:
        """The numbers at full precision; empty where one is missing."""
        texts = self.data.select_dtypes(include=["object", "string"]).columns
        neutral = self.data.assign(**{str(name): self.data[name].map(_neutral) for name in texts})
        return neutral.rename(columns=_neutral).to_csv(index=False, lineterminator="\n")

    def to_html(self, heading: str = "") -> str:
        """A table element, below a heading that its caption need not repeat; the notes stand in `html_notes`.

        Texts carry their column's kind as class, and `gap` where a number is missing; a key that repeats the line
        above has `again`. Where leading keys mostly repeat, the first line of each has `first`.
        """
        head = "".join(
            f'<th scope="col" class="{kind}">{html.escape(name)}</th>'
            for name, kind in zip(self.columns, self.kinds, strict=True)
        )
        leading = [line[0] for line in self.lines]
        grouped = 2 * len(set(leading)) <= len(leading)
        above: tuple[str, ...] = ()
        body = []
        for line, line_kind in zip(self.lines, self.kinds_of_lines, strict=True):
            first = " first" if grouped and above and above[0] != line[0] else ""
            cells = "".join(
                _html_cell(line, column, kind, again=above[: column + 1] == line[: column + 1])
                for column, kind in enumerate(self.kinds)
            )
            body.append(f'<tr class="{line_kind}{first}">{cells}</tr>')
            above = line
        shown = self.shown_caption(heading)
        caption = f"<caption><span>{html.escape(shown)}</span></caption>"
        if not shown:  # for screen readers
            caption = f'<caption class="hidden">{html.escape(self.caption)}</caption>'
        of = f' data-dataset="{html.escape(self.dataset)}"' if self.dataset else ""
        return f"<table{of}>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"

    def shown_caption(self, heading: str) -> str:
        """The caption without the words of the heading above; empty where none are left."""
        if not heading or not self.caption.startswith(heading):
            return self.caption
        rest = self.caption.removeprefix(heading).lstrip(": ")
        # Settings in brackets behind a title need no brackets without it.
        return rest.removeprefix("(").replace(")", "", 1) if rest.startswith("(") else rest

    def _repr_html_(self) -> str:
        notes = (*self.notes, self.caution) if self.caution else self.notes
        return console.printable(self.to_html() + html_notes(notes))

    @property
    def is_broad(self) -> bool:
        """Whether it is too wide for an upright sheet of paper."""
        widths = (max(map(len, column)) for column in zip(self.columns, *self.lines, strict=True))
        return sum(min(width, _LONG) + 2 for width in widths) > _BROAD

    @property
    def kinds_of_lines(self) -> tuple[str, ...]:
        """OURS or PAPER for each line."""
        return self.line_kinds or (OURS,) * len(self.lines)


def _neutral(value: Any) -> Any:
    """A text that a spreadsheet takes for no formula, whatever a data set or class is called: an apostrophe before."""
    is_formula = isinstance(value, str) and value.lstrip()[:1] in tuple("=+-@\t\r") and not _is_number(value)
    return f"'{value}" if is_formula else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def markdown_notes(notes: Sequence[str]) -> str:
    """The notes as a list, wrapped for a terminal."""
    return "".join(wrapped(markdown(note), first="- ", others="  ") + "\n" for note in notes)


def html_notes(notes: Sequence[str]) -> str:
    """The notes as a list element; empty where there are none."""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if notes else ""


def markdown(text: str) -> str:
    """A text in one line of Markdown in which no name, of a class or a file, becomes HTML or a link."""
    line = console.printable(" ".join(text.splitlines()))
    return re.sub(r"<(?=[A-Za-z/!?])", r"\<", line).replace("](", r"]\(")


def wrapped(text: str, *, first: str = "", others: str = "") -> str:
    """The text wrapped for a terminal; its first line and the others begin as given."""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _html_cell(line: tuple[str, ...], column: int, kind: str, *, again: bool) -> str:
    cell = line[column]
    hidden = kind == KEY and again and cell not in ("", CHECK)
    marks = [kind, *(["gap"] if cell == GAP else []), *(["again"] if hidden else [])]
    marks += ["long"] if len(cell) > _LONG else []
    tag, scope = ("th", ' scope="row"') if column == 0 else ("td", "")
    whole = html.escape(cell).replace(" … ", "\N{NO-BREAK SPACE}…\N{NO-BREAK SPACE}")  # an interval stays on a line
    return f'<{tag}{scope} class="{" ".join(marks)}">{whole}</{tag}>'
