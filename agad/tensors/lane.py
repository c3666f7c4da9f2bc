"""Lane: where the device work of one run is queued, so that several runs of a process keep a GPU busy together."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


class Lane:
    """A CUDA stream of its own; on the CPU, where work is done at once, nothing.

    Attributes:
        stream: the stream; None on the CPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def active(self) -> contextlib.AbstractContextManager[Any]:
        """While this lasts, what this thread starts on the device goes into the lane, one thing after the other."""
        return contextlib.nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def release(self) -> None:
        """Give back the memory that torch keeps for this stream, or a graph's: it would serve no other one."""
        if self.stream is not None:
            torch.cuda.empty_cache()
