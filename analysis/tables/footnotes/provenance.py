"""How the rows behind a table were made, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from agad.store.attempts import nameless

from ...cells import Cells


def provenance(cells: Cells) -> Iterator[str]:
    """Which code, machines and versions the rows come from, and which of them are mixed."""
    if cells.ok.empty:
        return
    single = [f"{words} {next(iter(counts))}" for words, counts in _made_with(cells).items() if len(counts) == 1]
    yield f"Made with: {'; '.join(single)}."
    yield from of_several(cells)


def mixed(cells: Cells) -> dict[str, Counter[str]]:
    """Words of PROVENANCE -> the values that runs have and their counts, where there are several."""
    return {words: counts for words, counts in _made_with(cells).items() if len(counts) > 1}


def of_several(cells: Cells) -> Iterator[str]:
    """What of that differs among the runs, or from their plan."""
    ok = cells.ok
    if ok.empty:
        return
    if found := mixed(cells):
        yield f"Mixed: {'; '.join(f'{words}: {_counted(counts)}' for words, counts in found.items())}."
    resumed = Counter(ok["resumed_from"].dropna())
    if resumed:
        yield f"Begun by something else and continued from a checkpoint: {_counted(resumed)}."
    if count := int(ok["code_digest"].isna().sum()):
        yield nameless(count)
    made_by = set(ok["code_digest"].dropna().unique())
    if cells.plan_code_digest and made_by and made_by != {cells.plan_code_digest}:
        yield f"The plan was made with code {cells.plan_code_digest[:12]}; not all runs were."


def _made_with(cells: Cells) -> dict[str, Counter[str]]:
    """Words of PROVENANCE -> the values that the runs have, with their counts; without what nothing is known of."""
    found: dict[str, Counter[str]] = {}
    for column, words in PROVENANCE.items():
        counts: Counter[str] = Counter()
        for value, count in cells.ok[column].value_counts(dropna=False).items():
            counts[_provenance_text(column, value)] += count
        if not counts.keys() <= {_UNKNOWN, _ALONE}:
            found[words] = counts
    return found


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{text} ({count} runs)" for text, count in counts.most_common())


PROVENANCE = {
    "code_digest": "code",
    "git_clean": "working tree",
    "torch_version": "torch",
    "libraries": "libraries",
    "device": "device",
    "device_name": "device name",
    "instruction_set": "instruction set",
    "threads": "threads",
    "together": "trained",
}
"""Columns that say how a run was made, in words."""


_UNKNOWN = "unknown"
_ALONE = "alone"
"""How a run is trained where its row has no other value."""


def _provenance_text(column: str, value: Any) -> str:
    if column == "together":
        return f"up to {int(value)} together" if value is not None and value > 1 else _ALONE
    if value is None or value != value:  # noqa: PLR0124 - NaN is what a null becomes in a frame
        return _UNKNOWN
    if column == "git_clean":
        return "clean" if value else "not clean"
    if column == "code_digest":
        return str(value)[:12]
    return str(int(value)) if isinstance(value, float) else str(value)
