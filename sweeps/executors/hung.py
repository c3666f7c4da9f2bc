"""Hung: workers whose processes live and do nothing more: stopped, or stuck in a file server or a driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

FEWEST_SECONDS = 120.0
"""However short a lease: between two runs a worker commits a row, and may compact thousands of them."""
FEWEST_READINGS = 10
"""In a row without the worker's claim: where readings are rare, it may stand between two short runs at some of them."""


class Hung:
    """Tells hung workers by their claims, which a worker that is alive holds while there are runs to be made.

    A worker that never held one is left alone while runs are open: importing torch from a cold file server takes
    minutes.

    Args:
        lease: seconds after which the claim of a worker that shows no sign of life is dead, signs included.
    """

    def __init__(self, lease: float) -> None:
        self._patience = max(lease, FEWEST_SECONDS)
        self._held: dict[str, float] = {}
        self._missed: Counter[str] = Counter()
        self._over_since: float | None = None
        self._asked: float | None = None

    def find(
        self, running: Collection[str], holding: Collection[str], *, free: int, over: bool, now: float, pause: float
    ) -> list[str]:
        """The workers that hang.

        Args:
            running: names of the processes that live.
            holding: names of the workers that hold a run, of this launch and others.
            free: runs that no worker holds.
            over: whether no run is left.
            now: seconds of a clock that only goes forward.
            pause: seconds that this process meant to wait since it asked last.
        """
        was_away = self._asked is not None and now - self._asked - pause > self._patience / 2
        self._asked = now
        if was_away:  # this process was stopped, likely with its workers, as schedulers suspend whole jobs
            self._over_since = None
        excused = self._held.keys() & {*running} if was_away or not free else ()
        alive = {*holding, *excused}
        self._held.update(dict.fromkeys(alive, now))
        self._missed = Counter({name: self._missed[name] + 1 for name in running if name not in alive})
        if over:
            self._over_since = now if self._over_since is None else self._over_since
            return [*running] if now - self._over_since > self._patience else []
        self._over_since = None
        late = (name for name in running if now - self._held.get(name, now) > self._patience)
        return [name for name in late if self._missed[name] >= FEWEST_READINGS]
