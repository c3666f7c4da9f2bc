"""The list of columns in docs/rows.md, generated from agad/store/columns.py.

    python -m agad.store.rows_page docs/rows.md

Without a file the list is printed.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pyarrow as pa

from agad import targets
from agad.store.column import Column
from agad.store.columns import GROUPS

_START, _END = "<!-- columns -->\n", "<!-- end of columns -->\n"
_WIDTH = 120


def columns_as_markdown() -> str:
    """A heading for each group of columns, an item for each column; no line is longer than 120 characters."""
    sections = [
        f"### {title}\n\n" + "\n".join(_item(name, column) for name, column in group.items()) + "\n"
        for title, group in GROUPS.items()
    ]
    return "\n".join(sections)


def updated(page: str) -> str:
    """The page with its list of columns replaced; ValueError where it has no markers."""
    before, start, rest = page.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ValueError(f"the page has no lines {_START.strip()} and {_END.strip()}")
    return f"{before}{start}\n{columns_as_markdown()}\n{end}{after}"


def _item(name: str, column: Column) -> str:
    kind = f"list of {column.type.value_type}" if pa.types.is_list(column.type) else str(column.type)
    facts = [kind, column.unit, column.range]
    text = f"- `{name}` ({'; '.join(fact for fact in facts if fact)}): {column.meaning}"
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.stdout.write(columns_as_markdown())
    else:
        target = Path(sys.argv[1])
        page = updated(target.read_text(encoding="utf-8"))
        targets.replace_text(target, page)
