"""Hung Ray trials: actors whose processes live and do nothing more, which Ray itself waits for without end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path

from agad.store.claims import Owner

from ...progress.watch import Snapshot
from ..hung import Hung

_ACTOR = b"ray::RunTrial"
"""How the command line of an actor begins."""


class HungTrials:
    """Finds them by the claims of the runs that they were given, and kills those of this machine.

    Args:
        lease: as of Hung.
        say: takes a line for the user.
    """

    def __init__(self, lease: float, say: Callable[[str], None]) -> None:
        self._hung = Hung(lease)
        self._say = say
        self._owners: dict[str, Owner] = {}
        self._lost = set[str]()

    def look(self, snapshot: Snapshot, given: Collection[str], *, over: bool, pause: float) -> bool:
        """Whether nothing is left but trials that hang. One that is killed, Ray reports as dead.

        Args:
            snapshot: the sweep at this moment.
            given: runs that are with a trial.
            over: whether no run is left.
            pause: seconds since it was asked last, as far as they were meant.
        """
        if len(snapshot.running) < len(snapshot.census.held):
            return False  # some claims could not be read: nothing is known of who holds them
        holding = {one.spec.run_id: one.record.owner for one in snapshot.running}
        first = {run_id: owner for run_id, owner in holding.items() if run_id in given}
        self._owners = {run_id: owner for run_id, owner in (first | self._owners).items() if run_id in given}
        found = self._hung.find(given, holding, free=1, over=over, now=time.monotonic(), pause=pause)
        for run_id in set(found) & self._owners.keys() - self._lost:
            self._end(self._owners[run_id], holding.values())
            self._lost.add(run_id)
        return over and bool(found)

    def forget(self, run_id: str) -> None:
        """Its trial has ended."""
        self._owners.pop(run_id, None)
        self._lost.discard(run_id)

    def _end(self, owner: Owner, holding: Collection[Owner]) -> None:
        here = owner not in holding and _kill(owner)
        then = "It is killed." if here else f"Kill process {owner.pid} on {owner.host}: its run waits for that."
        self._say(f"Worker {owner.worker} hangs: its process lives, and holds its run no more. {then}")


def _kill(owner: Owner) -> bool:
    """Kill an actor of this machine. What a claim's file names and is none is left alone."""
    if not owner.is_here():
        return False
    try:
        if not Path(f"/proc/{owner.pid}/cmdline").read_bytes().startswith(_ACTOR):
            return False
        os.kill(owner.pid, signal.SIGKILL)
    except OSError:
        return False
    return True
