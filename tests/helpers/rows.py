"""Rows for tests that need no training."""

from __future__ import annotations

from typing import Any

from agad.spec.run import RunSpec
from agad.store.schema import RunRecord


def spec(seed: int = 0, **changes: Any) -> RunSpec:
    """A small spec."""
    return RunSpec(**{"dataset": "digits", "normal_class": 0, "updates": 4, "batch_size": 8, **changes}, seed=seed)


def record(of: RunSpec | None = None, attempt: int = 1, status: str = "ok", **values: Any) -> RunRecord:
    """A row of `of`, with an AUROC where it is ok."""
    if status == "ok":
        values.setdefault("auroc", 0.5)
    if status == "failed":
        values.setdefault("failure_kind", "error")
    return RunRecord(spec=of or spec(), attempt=attempt, status=status, values=values)
