"""Replays: passes of scoring, recorded once as a CUDA graph and replayed where their launch from Python takes long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from agad.errors import is_out_of_memory
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec
from agad.tensors.capture import CaptureError, Graph, Record, Recording, same_bits, say_once
from agad.tensors.lane import Lane

Pass = Callable[[Tensor, Tensor], Tensor]
"""Staged images (B,) and their positions (B,) -> their scores (B,)."""

WORTHWHILE = 32
"""Full batches from which on a protocol is recorded: a recording costs several, and empties torch's cache of memory."""


class Replays:
    """One recording at a time, of a full batch; protocols that differ in their order alone share it.

    The first full batch is scored eagerly, as torch needs it before a capture, and its replay must have the same bits.
    Where capture fails, all that follows is eager, and the log says why, once for each reason.

    Args:
        lane: the run's; active wherever this is used.
        on: whether anything is recorded.
        record: makes the recording; tests have one without a GPU.

    Attributes:
        on: the same; false from where a capture has failed.
    """

    def __init__(self, lane: Lane, *, on: bool, record: Record = Graph) -> None:
        self.on = on
        self._lane, self._record = lane, record
        self._key: tuple[object, ...] = ()  # what is recorded, or will be with the next full batch
        self._recording: Recording | None = None
        self._index = torch.empty(0)

    @classmethod
    def of(cls, spec: RunSpec, lane: Lane, *, eager: bool) -> Replays:
        """Those of a run: on a GPU, where its method's file says `captured`, and unless everything is to be eager."""
        return cls(lane, on=not eager and lane.stream is not None and methods()[spec.method].captured)

    def __enter__(self) -> Replays:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the recording's memory back; another one may be made."""
        if not self._key:
            return
        if self._recording is not None:
            self._recording.close()
        self._key, self._recording, self._index = (), None, torch.empty(0)
        self._lane.release()

    def of_batches(self, one_pass: Pass, size: int, count: int, *key: object) -> Pass:
        """What scores batches of `size` as `one_pass` does, of `count` images.

        Args:
            one_pass: work for the device alone, on tensors that lie still until `close`. The positions that it is
                recorded with mean nothing.
            size: of a full batch; smaller ones are eager.
            count: of the images; few are not worth a recording.
            key: all that the pass depends on beside its arguments; held until `close`.
        """
        key = (*key, size)
        if key != self._key:
            self.close()
        if not self.on or count < WORTHWHILE * size:
            return one_pass
        self._key = key
        return partial(self._scores, one_pass, size)

    def _scores(self, one_pass: Pass, size: int, index: Tensor, positions: Tensor) -> Tensor:
        if len(index) == size and self._recording is not None:
            self._index.copy_(index, non_blocking=True)
            self._recording.replay()
            assert self._recording.out is not None
            return self._recording.out.clone()
        scores = self._eager(one_pass, index, positions)
        if len(index) == size and self.on:
            self._begin(one_pass, index, scores)
        return scores

    def _eager(self, one_pass: Pass, index: Tensor, positions: Tensor) -> Tensor:
        """Without the recording where both do not fit into memory."""
        if self._recording is not None:
            try:
                return one_pass(index, positions)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._fail(error)
            self.close()  # only now: the error held what the pass had allocated
        return one_pass(index, positions)

    def _begin(self, one_pass: Pass, index: Tensor, expected: Tensor) -> None:
        try:
            self._index = index.clone()
            self._recording = self._record(lambda: one_pass(self._index, self._index), self._lane)
            self._recording.replay()
            assert self._recording.out is not None
            if not same_bits(self._recording.out, expected):
                raise CaptureError("its scores are not those of the eager pass")
        except RuntimeError as error:
            self._fail(error)
        if not self.on:
            self.close()  # as above

    def _fail(self, error: Exception) -> None:
        self.on = False
        say_once("scoring", error)


EAGER = Replays(Lane(torch.device("cpu")), on=False)
"""Records nothing, on any device."""
