"""Whether what was trained before still means the same under the code that is here now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad.errors import AgadError, StoreError
from agad.spec.run import RunSpec
from agad.store import provenance
from agad.store.folder import ResultsFolder

if TYPE_CHECKING:
    from agad.data.prepared import Prepared

SAME_AUROC = 0.01
"""Difference from the row's AUROC that another device or version of torch may make: a few images change places."""


def check_row(row: Mapping[str, Any], *, allow_change: bool) -> None:
    """Refuse to score, by today's code, weights that other code has trained, unless it is allowed. Raises AgadError."""
    _check(row.get("code_digest"), "this run was trained", allow_change=allow_change)


def check_checkpoint(results: Path, spec: RunSpec, data: Prepared, *, allow_change: bool) -> None:
    """Refuse to go on from a checkpoint that other code has written, unless it is allowed. Raises AgadError."""
    from agad.train.checkpoint import find_checkpoint

    folder = ResultsFolder(results)
    if allow_change or spec.run_id not in folder.saved_attempts():
        return
    found, _ = find_checkpoint(folder.checkpoints, spec, data.identity)
    if found is not None:
        makers = found.state.get("made_by") or [{}]
        _check(makers[-1].get("code_digest"), "this run was begun", allow_change=False)


def _check(made_by: str | None, what: str, *, allow_change: bool) -> None:
    now = provenance.code_digest()
    if made_by != now and not allow_change:
        raise AgadError(
            f"agad/ has changed since {what} (code {made_by or 'unknown'}, now {now}): its weights may mean other "
            "scores; choose another --results folder, in which it is trained anew, or go on with --allow-code-change "
            "if the change cannot change numbers"
        )


def check_auroc(result: Mapping[str, float | int | None], row: Mapping[str, Any]) -> None:
    """Refuse a detector whose AUROC is not that of its run's row. Raises StoreError, one line."""
    found, known = result.get("auroc"), row.get("auroc")
    if found is None or known is None or abs(found - known) <= SAME_AUROC:
        return
    raise StoreError(
        f"the run's row has AUROC {known:.4f}, its weights have {found:.4f} now: code or torch give other scores "
        "than the run had, and no detector is written; choose another --results folder, in which it is trained anew"
    )
