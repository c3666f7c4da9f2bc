"""Time in a run: Clock, where it went; Pace, when the next checkpoint is due."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECOND_AFTER = 1.0
"""Seconds to the second checkpoint at least: the first may have been due at once."""


class Pace:
    """Checkpoints every so many seconds; or sooner at first, then in intervals that double up to that.

    Sooner is for a run whose workers were killed before. Killed at any time it loses about half of what it has done
    since its start at most, however soon it is killed; and it makes ten checkpoints more, not one after every update.

    Args:
        every: seconds between checkpoints.
        first: seconds until the first one; None: `every`.
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(self, every: float, first: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._interval = every if first is None else min(first, every)
        self._clock = clock
        self._since = clock()

    def is_due(self) -> bool:
        """Whether to write a checkpoint now."""
        return self._clock() - self._since >= self._interval

    def saved(self, seconds: float) -> None:
        """A checkpoint was written, which took so many seconds: at first no more time goes into them than into runs."""
        self._interval = min(self._every, max(2 * self._interval, _SECOND_AFTER, seconds))
        self._since = self._clock()


class Clock:
    """Seconds since it was last read."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last call, or since it was made."""
        read = time.perf_counter()
        lap, self._last = read - self._last, read
        return lap
