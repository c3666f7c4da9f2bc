"""Capture: what a function does on a GPU, recorded once as a CUDA graph and repeated at the price of one launch."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from agad.tensors.lane import Lane

_LOG = logging.getLogger(__name__)


class CaptureError(RuntimeError):
    """A recording that does not do what it recorded."""


class Recording(Protocol):
    """A recorded function.

    Attributes:
        out: what it returns; each replay overwrites it.
    """

    out: Tensor | None

    def replay(self) -> None:
        """Do it again, on the tensors that it read and wrote when it was recorded."""

    def close(self) -> None:
        """Give its memory back; it cannot be replayed any more."""


class Graph:
    """A Recording by CUDA. Recording executes nothing on the device.

    Args:
        function: reads no value back to the host and draws no random numbers; all that it reads outlives this. It must
            have been called on the lane before, for what torch sets up at a first call cannot be captured.
        lane: where it is recorded and replayed.
    """

    def __init__(self, function: Callable[[], Tensor], lane: Lane) -> None:
        self._graph = torch.cuda.CUDAGraph()
        # thread_local: what other threads do meanwhile (heartbeats, Ray) is no part of it, and does not break it.
        with torch.cuda.graph(self._graph, stream=lane.stream, capture_error_mode="thread_local"):
            self.out: Tensor | None = function()

    def replay(self) -> None:
        """As Recording."""
        self._graph.replay()

    def close(self) -> None:
        """As Recording."""
        self.out = None
        self._graph.reset()


Record = Callable[[Callable[[], Tensor], Lane], Recording]
"""Makes a recording, as Graph does."""


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same bits, also where these are no numbers; waits for the device."""
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(_bits(one), _bits(other))


def _bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor of any type, on the host; numpy has no bfloat16."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8)


def say_once(what: str, error: Exception) -> None:
    """Log why something was not captured, once for each reason in a process."""
    _say_once(what, f"{type(error).__name__}: {' '.join(str(error).split())}")


@functools.cache
def _say_once(what: str, reason: str) -> None:
    _LOG.warning("%s was not captured as a CUDA graph (%s) and is eager, as with --eager", what, reason)
