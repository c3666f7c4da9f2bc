"""A sheet as LaTeX: booktabs tables that are never wider or longer than a page, whatever is in them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .formats import CHECK, KEY, NOTE, OURS, PAPER

if TYPE_CHECKING:
    from .sheet import Sheet

_LINES = 36
"""Lines of text of a table on one page; further ones are continued in a table of their own."""

_WORDS = 34
"""Characters of a cell of words above which its column breaks lines."""

_WIDTHS = ((0, 4.2), (120, 10.0))
"""Characters of a column's longest cell -> its width in centimetres, where it breaks lines."""

_PER_CENTIMETRE = 5
"""Characters that surely fit into a centimetre."""

_BREAK_AFTER = 24
"""Characters of a word above which it may be broken."""


def tables(sheet: Sheet) -> str:
    """One or more floating tables, scaled down where they are wider than the text.

    The first line names the packages that they need. A cell that would fill a page is cut; the CSV has it whole.
    """
    widths = [_width(sheet, column) for column in range(len(sheet.columns))]
    parts = list(_parts([_height(line, widths) for line in sheet.lines]))
    texts = [_table(sheet, part, widths, is_last=part is parts[-1]) for part in parts]
    # LaTeX keeps 52 floats at most waiting.
    return "% needs \\usepackage{booktabs,amssymb,graphicx}\n" + "\\clearpage\n".join(texts)


def _width(sheet: Sheet, column: int) -> float:
    """Centimetres of a column that breaks lines; 0 of one that does not."""
    longest = max((len(line[column]) for line in sheet.lines), default=0)
    if longest <= _WORDS or sheet.kinds[column] == OURS:
        return 0.0
    return [width for above, width in _WIDTHS if longest > above][-1]


def _height(line: Sequence[str], widths: Sequence[float]) -> int:
    """Lines of text that a line of the table takes."""
    heights = [len(cell) / (width * _PER_CENTIMETRE) if width else 1 for cell, width in zip(line, widths, strict=True)]
    return min(_LINES, math.ceil(max(heights)))


def _parts(heights: Sequence[int]) -> Iterator[range]:
    """The lines of each table, one at least."""
    start = used = 0
    for number, height in enumerate(heights):
        if used + height > _LINES:
            yield range(start, number)
            start, used = number, 0
        used += height
    yield range(start, len(heights))


def _table(sheet: Sheet, part: range, widths: Sequence[float], *, is_last: bool) -> str:
    kinds = tuple(zip(sheet.kinds, widths, strict=True))
    align = "".join(f"p{{{width}cm}}" if width else "l" if kind in (KEY, NOTE) else "r" for kind, width in kinds)
    rows = ""
    for number in part:
        cells = zip(sheet.lines[number], kinds, strict=True)
        texts = (_cell(cell, *of, sheet.kinds_of_lines[number]) for cell, of in cells)
        rows += f"    {' & '.join(texts)} \\tabularnewline\n"
    heading = " & ".join(map(escaped, sheet.columns))
    more = " (continued)" if part.start else ""
    label = "" if part.start else f"  \\label{{tab:{sheet.name}}}\n"
    notes = "".join(_notes(sheet.notes)) if is_last else ""
    return (
        f"\\begin{{table}}\n  \\centering\\small\n  \\caption{{{escaped(sheet.caption)}{more}}}\n{label}"
        "  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
        f"  \\begin{{tabular}}{{{align}}}\n    \\toprule\n    {heading} \\tabularnewline\n    \\midrule\n{rows}"
        f"    \\bottomrule\n  \\end{{tabular}}}}\n{notes}\\end{{table}}\n"
    )


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "  \\par\\smallskip\\parbox{\\linewidth}{\\footnotesize\\raggedright\n"
        yield "".join(f"  {escaped(note)}\\par\n" for note in notes)
        yield "  }\n"


def _cell(cell: str, kind: str, width: float, line_kind: str) -> str:
    """The cell's LaTeX; the paper's numbers in italics."""
    most = int(width * _PER_CENTIMETRE * _LINES)
    text = escaped(f"{cell[:most]}…" if width and len(cell) > most else cell)
    if cell and kind != KEY and PAPER in (kind, line_kind):
        text = rf"\textit{{{text}}}"
    return rf"\raggedright {text}" if width else text


def escaped(text: str) -> str:
    """A text as LaTeX sets it; what LaTeX has no letter for is `?`, and long words may be broken."""
    return " ".join(map(_word, text.split(" ")))


def _word(word: str) -> str:
    may_break = len(word) > _BREAK_AFTER
    letters = (_letter(letter) for letter in word)
    return (r"\allowbreak{}" if may_break else "").join(letters)


def _letter(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    base = unicodedata.normalize("NFKD", letter)[:1]  # an accent is lost, a name stays legible
    return base if base.isascii() and base.isprintable() else "?"


_LETTERS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "\N{GREEK SMALL LETTER GAMMA}": r"$\gamma$",
    "λ": r"$\lambda$",
    "√": r"$\surd$",
    "\N{MINUS SIGN}": "$-$",
    "—": "--",
    "\N{EN DASH}": "--",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "…": r"\ldots{}",
    "†": r"\textdagger{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "²": "$^2$",
    "⁰": "$^0$",
    "⁶": "$^6$",
    CHECK: r"\checkmark{}",
    "✗": r"$\boxtimes$",
}
_LETTERS |= {chr(0x2080 + digit): f"$_{digit}$" for digit in range(10)}
