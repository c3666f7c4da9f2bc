"""Marks: where a Markdown page says that a number or a table comes from rows.

A number is followed by a comment with its question, a table stands between two comments:

    The mean is 50.9<!--= gamma0 mean eval dataset=cifar10 -->.

    <!-- table: gamma0 protocols -->
    <!-- end of table -->

Rendered pages show neither.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import NamedTuple

from agad.errors import AnalysisError

from ..tables.formats import PERFECT, percent

MINUS = "\N{MINUS SIGN}"

# Not a part of something longer: `4,000`, `1e-3` and a hyphen for a minus would be written over in part.
_FACT = re.compile(
    rf"(?<![\w.,+{MINUS}\-\u2010\u2011])(?P<text>[+{MINUS}]?\d*\.?\d+)(?P<mark><!--= (?P<question>[^>]+?) -->)"
    rf"(?![.,]?\d|[eE][+{MINUS}\-]?\d)"
)
_SIGN_OR_FRACTION = re.compile(
    rf"(?:[+{MINUS}\-\u2010\u2011\u207b\ufe63\uff0d]|(?<![\d%>])[\u2012\u2013])[$*_~`]*$|\d[/\u2044\u2215]$"
)
"""Right before a number: a sign that is none of its text, perhaps in math or bold, or a numerator.

A dash behind a digit, a percent sign or a mark is that of a range, `3\u20135`.
"""
_TABLE = re.compile(
    r"(?P<open><!-- table: (?P<question>[^>]+?) -->\n)(?P<body>.*?)(?P<close><!-- end of table -->)", re.S
)
_OPENINGS = re.compile(r"<!--\s*(?:=(?!=)|table\s*:)", re.I)
"""Of marks, and of what is like one but for its spaces: it must not look checked either."""

_GROUP = re.compile(r"\d{3}(?!\d)")
# A space of whatever kind or a line's end, an apostrophe, a character without a width, an entity of HTML for one of
# them; no blank line, which ends a paragraph.
_BEFORE_GROUP = re.compile(
    r"(?<!\d)\d{1,3}(?:[^\S\n]|\n(?!\s*\n)|['\u2018\u2019\u02bc\u00b4\u00b7\u066c\u00ad\u200b-\u200d\u2060\ufeff]|&#?\w+;)+$"
)
_SEPARATOR_REACH = 40


class Mark(NamedTuple):
    """A question that a page asks of rows: `kind` is `number` or `table`, `text` what the page shows now."""

    kind: str
    question: str
    text: str


def marks(page: str) -> list[Mark]:
    """All marks of a page, tables first.

    AnalysisError where a comment begins like one and isn't: a number that nobody checks must not look checked. Nor is
    one a mark that has separators of thousands, an exponent, a numerator, digits behind its comment, or a hyphen, a
    dash or an entity for a minus.
    """
    tables, numbers = list(_TABLE.finditer(page)), [one for one in _FACT.finditer(page) if not _is_longer(one)]
    whole = {one.start("open") for one in tables} | {one.start("mark") for one in numbers}
    begun = [one.start() for one in _OPENINGS.finditer(page)]
    if broken := [start for start in begun if start not in whole]:
        line = page.count("\n", 0, broken[0]) + 1
        raise AnalysisError(
            f"{len(begun)} marks are begun and {len(whole)} are whole (line {line}): a number without separators "
            f"and with no minus but {MINUS} stands right before its `<!--= question -->`, with no digit behind that, "
            "and a word between it and another number; a table stands between `<!-- table: question -->` and "
            "`<!-- end of table -->`"
        )
    found = [Mark("table", one["question"], one["body"].strip()) for one in tables]
    return found + [Mark("number", one["question"], one["text"]) for one in numbers]


def _is_longer(number: re.Match[str]) -> bool:
    """Whether it is the end of `12 000`, `1/35` or `&minus;35`. Another number before it has other digits."""
    before = number.string[max(0, number.start() - _SEPARATOR_REACH) : number.start()]
    is_group = _GROUP.match(number["text"]) and _BEFORE_GROUP.search(before)
    return bool(is_group or _SIGN_OR_FRACTION.search(html.unescape(before)))


def write(page: str, number: Callable[[str], float], table: Callable[[str], str]) -> str:
    """The page with what its questions' answers are now; a number keeps its decimals and whether it has a sign."""
    marks(page)
    page = _TABLE.sub(lambda one: f"{one['open']}{table(one['question']).strip()}\n{one['close']}", page)
    return _FACT.sub(lambda one: _shown(one["text"], one["question"], number(one["question"])) + one["mark"], page)


def _shown(text: str, question: str, value: float) -> str:
    """The value as the page has it. AnalysisError where a p would be shown as nothing: no p is 0."""
    shown = like(text, value)
    words = [word for word in question.split() if "=" not in word]
    is_p = words[-1] == "p" or words[1:2] == ["p_chance"]
    if is_p and not float(shown.replace(MINUS, "-")):
        raise AnalysisError(f"`{question}`: p is {value:.1g}, and {shown} says 0; give the page's number more decimals")
    return shown


def like(text: str, value: float) -> str:
    """A value in the form of an example: `+27.0` has a sign and a decimal, `.90` no zero in front, `58` neither.

    What is less than 100 is never 100: it has the digits that tables give it (formats.percent).
    """
    decimals = len(text.partition(".")[2])
    digits = f"{abs(value):.{decimals}f}"
    if float(digits) == PERFECT > abs(value):
        digits = percent(abs(value))
    if text.lstrip(f"+{MINUS}").startswith("."):
        digits = digits.removeprefix("0")
    is_zero = not float(digits)
    if value < 0 and not is_zero:
        return MINUS + digits
    signed = text[0] in f"+{MINUS}" and not is_zero
    return f"+{digits}" if signed else digits
