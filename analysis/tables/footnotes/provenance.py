"""How the rows behind a table were made, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...cells import Cells


def provenance(cells: Cells) -> Iterator[str]:
    """Which code, machines and versions the rows come from, and which of them are mixed."""
    ok = cells.ok
    if ok.empty:
        return
    mixed, single = [], []
    for column, words in PROVENANCE.items():
        counts: Counter[str] = Counter()
        for value, count in ok[column].value_counts(dropna=False).items():
            counts[_provenance_text(column, value)] += count
        if counts.keys() <= {_UNKNOWN, _ALONE}:
            continue
        if len(counts) == 1:
            single.append(f"{words} {next(iter(counts))}")
        else:
            parts = ", ".join(f"{value} ({count} runs)" for value, count in counts.most_common())
            mixed.append(f"{words}: {parts}")
    yield f"Made with: {'; '.join(single)}."
    if mixed:
        yield f"Mixed: {'; '.join(mixed)}."
    resumed = Counter(ok["resumed_from"].dropna())
    if resumed:
        parts = ", ".join(f"{text} ({count} runs)" for text, count in resumed.most_common())
        yield f"Begun by something else and continued from a checkpoint: {parts}."
    made_by = set(ok["code_digest"].dropna().unique())
    if cells.plan_code_digest and made_by and made_by != {cells.plan_code_digest}:
        yield f"The plan was made with code {cells.plan_code_digest[:12]}; not all runs were."


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
