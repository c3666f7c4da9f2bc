"""Marks: where a Markdown page says that a number or a table comes from rows.

A number is followed by a comment with its question, a table stands between two comments:

    The mean is 50.9<!--= gamma0 mean eval dataset=cifar10 -->.

    <!-- table: gamma0 protocols -->
    <!-- end of table -->

Rendered pages show neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from agad.errors import AnalysisError

from ..tables.formats import PERFECT, percent

MINUS = "\N{MINUS SIGN}"

# Not the end of something longer: `4,000`, `1e-3` and a hyphen for a minus would be written over in part.
_FACT = re.compile(rf"(?<![\w.,-])(?P<text>[+{MINUS}]?\d*\.?\d+)(?P<mark><!--= (?P<question>[^>]+?) -->)")
_TABLE = re.compile(
    r"(?P<open><!-- table: (?P<question>[^>]+?) -->\n)(?P<body>.*?)(?P<close><!-- end of table -->)", re.S
)
_OPENINGS = re.compile(r"<!--=|<!-- table:")


class Mark(NamedTuple):
    """A question that a page asks of rows: `kind` is `number` or `table`, `text` what the page shows now."""

    kind: str
    question: str
    text: str


def marks(page: str) -> list[Mark]:
    """All marks of a page, tables first.

    AnalysisError where a comment begins like one and isn't: a number that nobody checks must not look checked. Nor is
    one a mark that has separators of thousands, an exponent, or a hyphen for a minus.
    """
    found = [Mark("table", one["question"], one["body"].strip()) for one in _TABLE.finditer(page)]
    found += [Mark("number", one["question"], one["text"]) for one in _FACT.finditer(page)]
    begun = len(_OPENINGS.findall(page))
    if begun != len(found):
        raise AnalysisError(
            f"{begun} marks are begun and {len(found)} are whole: a number stands right before its "
            "`<!--= question -->`, a table between `<!-- table: question -->` and `<!-- end of table -->`"
        )
    return found


def write(page: str, number: Callable[[str], float], table: Callable[[str], str]) -> str:
    """The page with what its questions' answers are now; a number keeps its decimals and whether it has a sign."""
    marks(page)
    page = _TABLE.sub(lambda one: f"{one['open']}{table(one['question']).strip()}\n{one['close']}", page)
    return _FACT.sub(lambda one: like(one["text"], number(one["question"])) + one["mark"], page)


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
