"""What two runs of a pair were made with: a gain may be due to that too."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ...summary import CELL
from .provenance import PROVENANCE

PAIR = (*CELL, "seed")
"""Columns that two runs of a pair have in common."""

MADE = {name: words for name, words in PROVENANCE.items() if name not in ("git_clean", "together")}
"""Columns that two runs of a pair should share: what may move a number beside what is compared."""


def joined(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """The runs that two rows both have, of those that are ok, a line per class and seed; columns end in _a and _b."""
    return a.merge(b, on=[*PAIR], suffixes=("_a", "_b"))


def differ(pairs: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Whether the two runs of a pair have other values in a column, where both are known."""
    one, other = (pairs[f"{column}_{half}"] for half in "ab")
    return one.notna() & other.notna() & (one != other)


def made_with_other(pairs: pd.DataFrame) -> dict[str, int]:
    """Words of MADE -> in how many pairs the two runs differ in it; without those in which none do."""
    counts = {words: int(differ(pairs, column).sum()) for column, words in MADE.items()}
    return {words: count for words, count in counts.items() if count}


def pairs_notes(pairs: pd.DataFrame) -> Iterator[str]:
    """A sentence where some pairs were made with different code, versions or machines."""
    if made := ", ".join(f"{words} ({count})" for words, count in made_with_other(pairs).items()):
        yield f"Pairs whose two runs were made with a different one: {made} of {len(pairs)}."
