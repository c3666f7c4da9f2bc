"""Several runs in one process, which take turns update by update: one run alone leaves a GPU idle in between."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch

from agad.errors import is_out_of_memory
from agad.spec.run import RunOptions
from agad.store.schema import RunRecord
from agad.tensors.device import open_device, reset_peak_memory, settings
from agad.tensors.lane import Lane
from agad.train.control import Interrupted, Member, Pruned
from agad.train.inference import inference_record
from agad.train.session import Session

Ended = Callable[[Member, "RunRecord | Exception"], None]
"""Called at each run's end with what `train` would have returned or raised."""


def train_together(members: Iterator[Member], options: RunOptions, size: int, ended: Ended) -> int:
    """Make several runs in one process, each with the bits that it has alone.

    They take turns, update by update, each in a lane of its own: while one run's turn is at what the host does, a GPU
    works on the updates of the others. One that ends makes room for the next. What one run raises ends that run alone.
    Where memory runs out beside others, that run is interrupted and half as many go on.

    Args:
        members: the runs, taken one by one as there is room.
        options: device and threads of all of them.
        size: the most runs that advance at once.
        ended: called at each end, at once; an exception from it ends everything.

    Returns:
        The size at the end: less than `size` where memory ran out.

    Raises:
        DeviceError: the device is not there.
    """
    device = open_device(options.device)
    with settings(device, options.threads):
        crew = _Crew(device, members, size, ended)
        try:
            return crew.run()
        finally:
            crew.close()


class _Crew:
    """The runs that advance in this process."""

    def __init__(self, device: torch.device, members: Iterator[Member], size: int, ended: Ended) -> None:
        self._device, self._members, self._size, self._ended = device, members, size, ended
        self._active: dict[Session, tuple[Member, Iterator[None]]] = {}
        self._lanes: list[Lane] = []  # without a run

    def run(self) -> int:
        while True:
            while len(self._active) < self._size and (member := next(self._members, None)) is not None:
                self._begin(member)
            if not self._active:
                return self._size
            for session in list(self._active):
                self._advance(session)

    def close(self) -> None:
        for session in self._active:
            session.close()

    def _begin(self, member: Member) -> None:
        outcome: RunRecord | Exception | None = None
        if not self._active:
            reset_peak_memory(self._device)
        lane = self._lanes.pop() if self._lanes else Lane(self._device)
        with lane.active():
            try:
                if member.spec.task == "inference":
                    outcome = inference_record(member, self._device)
                else:
                    session = Session(member, self._device, lane, lambda: len(self._active) > 1)
                    session.resume()
            except Exception as error:  # noqa: BLE001 - it is the run's own, whatever it is
                outcome = error
        if outcome is not None:
            self._lanes.append(lane)
            self._end(member, outcome, 0)
            return
        self._active[session] = (member, session.run())
        for one in self._active:
            one.together = max(one.together, len(self._active))

    def _advance(self, session: Session) -> None:
        """End one update of a run and begin the next; report its end where it ends thereby."""
        member, updates = self._active[session]
        outcome: RunRecord | Exception
        with session.lane.active():
            try:
                try:
                    with self._shared(session):
                        next(updates)
                except StopIteration:
                    outcome = session.record()
                except Pruned:
                    outcome = session.pruned_record()
                else:
                    return
            except Exception as error:  # noqa: BLE001 - as above
                outcome = error
            del self._active[session]
            self._lanes.append(session.lane)
            try:
                if self._is_for_lack_of_room(outcome):
                    with contextlib.suppress(Exception):  # what it has not saved is made again
                        session.rescue()
                session.close()
                self._end(member, outcome, session.training.update)
            finally:
                del outcome  # an exception holds this frame, which would hold it: a cycle with all that both hold

    @contextlib.contextmanager
    def _shared(self, session: Session) -> Iterator[None]:
        """Share out the time that a turn adds to a run's training: whoever waits for a GPU waits for all their work."""
        before = session.seconds["train"]
        try:
            yield
        finally:
            share = (session.seconds["train"] - before) / len(self._active)
            session.seconds["train"] = before
            for one in self._active:
                one.seconds["train"] += share

    def _end(self, member: Member, outcome: RunRecord | Exception, updates: int) -> None:
        """Report a run's end; where memory ran out beside others, it is left for another attempt, with fewer."""
        if self._is_for_lack_of_room(outcome):
            self._size = -(-(len(self._active) + 1) // 2)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            outcome = Interrupted(updates)
        self._ended(member, outcome)

    def _is_for_lack_of_room(self, outcome: RunRecord | Exception) -> bool:
        return isinstance(outcome, Exception) and bool(self._active) and is_out_of_memory(outcome)
