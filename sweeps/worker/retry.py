"""RetryPolicy: which failed runs are attempted again. check_code: whether rows of today's code may join a plan's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agad.errors import AgadError
from agad.plan.plan import Plan
from agad.store.attempts import Try
from agad.store.provenance import code_digest

DEATHS_UNTIL_FAILED = 3
"""Workers that may die on a run without a new checkpoint before it becomes a failed row."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed run is attempted again.

    Attributes:
        by_kind: failure kind -> failed rows of that kind after which another attempt follows.
        until_attempt: run_id -> attempt: whatever failed up to it is attempted again (`--retry-failed`).
        keeps_pruned: whether pruned runs stay pruned; else they are finished.
    """

    by_kind: Mapping[str, int] = field(default_factory=lambda: {"nan": 0, "oom": 1, "died": 1, "error": 0})
    until_attempt: Mapping[str, int] = field(default_factory=dict)
    keeps_pruned: bool = False

    def state(self, run_id: str, tries: Iterable[Try]) -> str:
        """`done` (an ok row), `failed` (and not to be attempted again), `pruned` (and to stay so) or `open`."""
        failed: list[Try] = []
        pruned = False
        for one in tries:
            if one.status == "ok":
                return "done"
            if one.status == "failed":
                failed.append(one)
            pruned |= one.status == "pruned"
        if pruned and self.keeps_pruned:
            return "pruned"
        if not failed:
            return "open"
        last = max(failed, key=lambda one: one.attempt)
        if last.attempt <= self.until_attempt.get(run_id, 0):
            return "open"
        of_kind = sum(one.failure_kind == last.failure_kind for one in failed)
        return "open" if of_kind <= self.by_kind.get(last.failure_kind or "error", 0) else "failed"

    @classmethod
    def retrying(cls, tries: Mapping[str, Sequence[Try]]) -> RetryPolicy:
        """The policy under `--retry-failed`: whatever has failed until now is open once more."""
        return cls(
            until_attempt={
                run_id: max(one.attempt for one in of_run if one.status == "failed")
                for run_id, of_run in tries.items()
                if any(one.status == "failed" for one in of_run) and all(one.status != "ok" for one in of_run)
            }
        )


def check_code(plan: Plan, *, allow_change: bool) -> None:
    """Refuse to add rows of other code to a plan's rows, unless the user allows it. Raises AgadError."""
    if plan.code != code_digest() and not allow_change:
        raise AgadError(
            f"agad/ has changed since this plan was made (code {plan.code or 'unknown'}, now {code_digest()}): "
            "the numbers might not be comparable; use another --results folder, or go on with --allow-code-change if "
            "the change cannot change numbers"
        )
