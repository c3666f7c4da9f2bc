"""Saved tensors: what autograd saves of a forward pass, and in which form."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor

from agad.nets.layers.batchnorm import BatchNormNet

Pack = Callable[[Any], Any]
Unpack = Callable[[Any], Any]

_outer: ContextVar[tuple[Pack, Unpack] | None] = ContextVar("_outer", default=None)


@contextlib.contextmanager
def saved_as(pack: Pack, unpack: Unpack) -> Iterator[None]:
    """Torch's saved_tensors_hooks, but nested hooks all take effect; of torch's own only the innermost do.

    A tensor goes through the inner `pack`, its outcome through the outer one, and back in reverse order:
    unpack(pack(x)) must be x.
    """
    around = _outer.get()
    if around is not None:
        pack, unpack = _chain(pack, around[0]), _chain(around[1], unpack)
    token = _outer.set((pack, unpack))
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            yield
    finally:
        _outer.reset(token)


def saves_more(net: BatchNormNet, x: Tensor, limit: int) -> bool:
    """Whether autograd saves more than `limit` bytes of net(x), by `net.saved_per_pixel` and the current precision.

    Always False on other devices than the CPU, where memory is not short.
    """
    if x.device.type != "cpu":
        return False
    images, _, height, width = x.shape
    size = 2 if torch.is_autocast_enabled("cpu") else x.element_size()
    return net.saved_per_pixel * images * height * width * size > limit


def current_autocast(device: str) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Makes a context that restores the autocast of this moment; backward passes run outside of it."""
    return partial(torch.autocast, device, torch.get_autocast_dtype(device), enabled=torch.is_autocast_enabled(device))


def _chain(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    return lambda x: second(first(x))
