"""Lease: one coordinator at a time holds a study."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from agad.errors import AgadError
from agad.store.claims import Claim, ClaimBoard, ClaimRecord, Owner
from agad.store.folder import StudyFolder

from ..worker.growing import COORDINATOR
from ..worker.heartbeat import Heartbeat
from ..worker.stopping import Stopping

_POLL_EVERY = 0.5


class LeaseLostError(AgadError):
    """Another coordinator has taken the study over: this one must write nothing more."""


class Lease:
    """A study's claim, of the same make as a run's: a file with a counter that its owner keeps raising.

    The death of an owner on this host is seen at once; on another host its counter must stand still for `lease`
    seconds, on this process's own clock. So a second coordinator is refused as soon as it sees that the first is
    alive, and waits for as long as it cannot know.

    Args:
        folder: the study's folder.
        name: the study's name, for messages.
        lease: seconds.
        stopping: checked while it waits.
        say: shows a line.
    """

    def __init__(
        self, folder: StudyFolder, name: str, lease: float, stopping: Stopping, say: Callable[[str], None]
    ) -> None:
        self._name = name
        self._say = say
        self._stopping = stopping
        self._board = ClaimBoard(folder.path, Owner.this_process("coordinator"), lease=lease)
        self._claim = self._take()
        self._heartbeat = Heartbeat(Stopping(), min(5.0, lease / 4), None)
        self._heartbeat.hold(self._claim)
        self._heartbeat.start()

    def check(self) -> None:
        """Raise LeaseLostError where another coordinator holds the study. Costs a check of one file."""
        if self._heartbeat.is_stolen(self._claim) or self._claim.is_superseded():
            raise LeaseLostError(f"study {self._name} was taken over by another coordinator; this one ends")

    def release(self) -> None:
        """Give the study back: the next coordinator begins at once, and the plan grows no more."""
        self._heartbeat.drop(self._claim)
        self._heartbeat.end()
        with contextlib.suppress(OSError):  # a claim that cannot be given back expires by itself
            self._claim.release()

    def _take(self) -> Claim:
        generations = self._board.generations().get(COORDINATOR, [])
        newest = generations[-1] if generations else 0
        if newest:
            self._wait_until_dead(newest)
        claim = self._board.take(COORDINATOR, newest + 1)
        if claim is None:
            raise AgadError(f"study {self._name} was taken by another coordinator at this moment")
        for generation in generations:
            (self._board.folder / f"{COORDINATOR}.{generation}").unlink(missing_ok=True)
        return claim

    def _wait_until_dead(self, generation: int) -> None:
        first = self._board.read(COORDINATOR, generation)
        has_said = False
        while self._board.is_held(COORDINATOR, generation):
            now = self._board.read(COORDINATOR, generation)
            if now is not None and (is_here(now.owner) or (first is not None and now.counter != first.counter)):
                raise AgadError(self._refusal(now))
            if not has_said:
                damaged = f"; its claim {min(self._board.torn)} is damaged" if self._board.torn else ""
                self._say(
                    f"Waiting to see whether study {self._name} still has a coordinator "
                    f"({self._board.lease:.0f} s){damaged}."
                )
                has_said = True
            if self._stopping.is_set():
                raise AgadError(f"stopped while waiting for study {self._name}: {self._stopping.reason}")
            time.sleep(_POLL_EVERY)

    def _refusal(self, record: ClaimRecord) -> str:
        owner = record.owner
        return (
            f"study {self._name} has a coordinator already (process {owner.pid} on {owner.host}); "
            "wait for its end, or stop it"
        )


def is_here(owner: Owner) -> bool:
    """Whether the owner is a process of this host, whose life can be seen at once."""
    here = Owner.this_process("")
    return bool(here.boot) and (owner.host, owner.boot, owner.pid_namespace) == (
        here.host,
        here.boot,
        here.pid_namespace,
    )
