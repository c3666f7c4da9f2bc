"""Captured: the update of a run as a recording, which is used only after it has repeated eager updates bit for bit."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from agad.tensors.capture import CaptureError, Graph, Record, Recording, same_bits
from agad.tensors.lane import Lane
from agad.tensors.seeding import keyed_draws_only
from agad.train.state import Training
from agad.train.update import Computed, compute, end

_COMPARED = 2
"""Eager updates that a new recording repeats: the second one's losses show weights, moments and statistics too."""


class Captured:
    """The updates of one run, each a replay. As agad.train.graph.updater.Updater.

    The recording reads and writes the tensors of `training`, which therefore stay where they lie: a reset of D and a
    checkpoint that is loaded overwrite them.

    Args:
        training: between two updates; afterwards it is as it was.
        lane: the run's.
        record: makes the recording; tests have one without a GPU.

    Raises:
        SpecError: an update draws without a key.
        CaptureError: its replays differ from eager updates.
        RuntimeError: torch or CUDA cannot capture it, or memory runs out.
    """

    def __init__(self, training: Training, lane: Lane, record: Record = Graph) -> None:
        self._training, self._lane, self._record = training, lane, record
        self._index = training.stage()
        self._computed: Computed | None = None
        self._rates = training.rates()
        self._recording = self._recorded()

    def is_stale(self) -> bool:
        """Whether the next update has another learning rate: a recording holds that of its time as a number."""
        return self._training.rates() != self._rates

    def launch(self) -> None:
        """Begin the next update."""
        self._index.copy_(self._training.stage(), non_blocking=True)
        self._recording.replay()

    def finish(self) -> None:
        """Wait for it, and count it. Raises NonFiniteLoss."""
        assert self._recording.out is not None
        assert self._computed is not None
        end(self._training, replace(self._computed, values=self._recording.out))

    def close(self) -> None:
        """Give the recording's memory back."""
        self._recording.close()
        self._lane.release()

    def _recorded(self) -> Recording:
        before = _Snapshot(self._training)
        recording: Recording | None = None
        try:
            with keyed_draws_only(type(self._training.method).__module__, "makes an update"):
                expected = self._eager()
            before.restore()
            recording = self._record(self._compute, self._lane)
            found = torch.stack([_replayed(recording).clone() for _ in range(_COMPARED)])
            if not same_bits(expected, found):
                before.restore()
                raise CaptureError(self._difference(expected))
        except BaseException:
            if recording is not None:
                recording.close()
            self._lane.release()
            raise
        finally:
            before.restore()
        return recording

    def _eager(self) -> Tensor:
        return torch.stack([self._compute().clone() for _ in range(_COMPARED)])

    def _difference(self, expected: Tensor) -> str:
        """Why replays did not repeat eager updates: these may not repeat themselves."""
        if same_bits(expected, self._eager()):
            return "its losses are not those of the eager update"
        return "the eager update itself has other last bits each time on this device"

    def _compute(self) -> Tensor:
        self._computed = compute(self._training, self._training.gather(self._index))
        return self._computed.values


def _replayed(recording: Recording) -> Tensor:
    recording.replay()
    assert recording.out is not None
    return recording.out


class _Snapshot:
    """All that updates of a training change, as it was. Moments that did not exist were as good as 0."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._before = {id(tensor): tensor.detach().clone() for tensor in training.tensors()}

    @torch.no_grad()
    def restore(self) -> None:
        for tensor in self._training.tensors():
            saved = self._before.get(id(tensor))
            if saved is None:
                tensor.zero_()
            else:
                tensor.copy_(saved)
