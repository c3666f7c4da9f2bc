"""RetryPolicy: which failed runs are attempted again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agad.store.attempts import Try
from agad.store.claims import ClaimRecord

DEATHS_UNTIL_FAILED = 3
"""Workers that may die on a run without a new checkpoint before it becomes a failed row."""
_DEATHS_OF_ALL_UNTIL_FAILED = 12
"""Likewise, those counted that went down with what they ran in: a run may be what takes a whole machine down."""

_FIRST_CHECKPOINT = 10.0
"""Seconds until the first checkpoint of a run on which one worker has died."""


@dataclass(frozen=True, slots=True)
class Deaths:
    """Workers that died on a run, since one gave it back.

    Attributes:
        in_a_row: all of them.
        without_progress: the latest of them that left no new checkpoint.
        of_their_own: those of these that died alone, and not with their launcher, Ray's node or the machine.
    """

    in_a_row: int
    without_progress: int
    of_their_own: int

    @property
    def are_too_many(self) -> bool:
        """Whether the run itself seems to be what kills its workers."""
        return self.of_their_own >= DEATHS_UNTIL_FAILED or self.without_progress >= _DEATHS_OF_ALL_UNTIL_FAILED


def count_deaths(claims: Mapping[int, ClaimRecord | None], saved: Collection[int]) -> Deaths:
    """How the latest of a run's claims have ended, none of which is held.

    A claim shows progress where its attempt has left a checkpoint, or where it reported more than all before it: the
    one before may have died before it reported its own checkpoint.

    Args:
        claims: attempt -> its claim; None: torn.
        saved: the attempts of which there is a checkpoint.
    """
    in_a_row, furthest = 0, 0
    in_vain: list[bool] = []  # whether it died alone, of each without progress
    for attempt, record in sorted(claims.items()):
        reported = record.saved if record else 0
        if record is not None and record.released:
            in_a_row, in_vain = 0, []
        else:
            in_a_row += 1
            alone = record is None or not record.owner.went_with_others()
            in_vain = [] if attempt in saved or reported > furthest else [*in_vain, alone]
        furthest = max(furthest, reported)
    return Deaths(in_a_row, len(in_vain), sum(in_vain))


def first_checkpoint(deaths: int) -> float | None:
    """Seconds until a run's first checkpoint after so many deaths of its workers in a row; None: as ever.

    After two it is due at once: with DEATHS_UNTIL_FAILED there may be no other chance.
    """
    if deaths == 0:
        return None
    return _FIRST_CHECKPOINT if deaths == 1 else 0.0


class Crashes:
    """Workers of a launch that died in a row, with nothing saved between: so many show that none can work here.

    Args:
        saved: what the sweep has saved; it only rises.

    Attributes:
        in_a_row: how many.
    """

    def __init__(self, saved: Callable[[], tuple[int, int]]) -> None:
        self.in_a_row = 0
        self._saved = saved
        self._before = (0, 0)

    def note(self, workers: int) -> bool:
        """A worker has died; whether that was one too many, where so many work at once."""
        with contextlib.suppress(OSError):  # a file server that does not answer shows nothing
            saved = self._saved()
            if saved > self._before:
                self.in_a_row, self._before = 0, saved
        self.in_a_row += 1
        return self.in_a_row > DEATHS_UNTIL_FAILED * (workers + 1)


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
