"""Recomputation: a pass of which autograd keeps nothing; the backward pass makes it once more (Chen et al. 2016).

A step of AGAD makes two passes through G, and the backward pass of the second comes first: by the time that the maps of
the first are needed, those of the second are gone. So a first pass that is made anew halves what a step holds, for one
of G's forward passes more. The gradients have the same bits: the graph is that of the first time, only its maps are
new, and they are the same numbers.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_modes
from agad.nets.layers.saved_tensors import keeps_more, present_precision, saved_as

KEPT_AT_MOST = 3 * 2**28
"""Bytes that a pass may keep on the CPU; one that keeps more is made anew. Naive nets and small batches keep less."""


def pays(net: BatchNormNet, x: Tensor) -> bool:
    """Whether memory is what a pass of x through the net should save: on the CPU, where it keeps much."""
    return keeps_more(net, x, KEPT_AT_MOST)


def recomputed(net: BatchNormNet, x: Tensor) -> Tensor:
    """net(x), whose backward pass makes net(x) anew; running statistics move once.

    Such a pass uses the statistics of its batch. One with running statistics keeps its maps as ever, for others of the
    same step may move those.
    """
    keeping: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if all(norm.mode in _ONCE_MORE for norm in net.batch_norms):
        once_more = _OnceMore(net, x)
        keeping = saved_as(once_more.pack, once_more.unpack)
    with keeping:
        y: Tensor = net(x)
    return y


_ONCE_MORE = {BNMode.UPDATE: BNMode.REPEAT, BNMode.BATCH: BNMode.BATCH}
"""What batch norms do when a pass is made anew, by what they did the first time."""


class _Made(Exception):
    """Ends a pass when all that was kept of it has been made."""


class _OnceMore:
    """A pass that autograd keeps as numbers: those under which its saved tensors come when it is made anew."""

    def __init__(self, net: BatchNormNet, x: Tensor) -> None:
        self._net, self._x = net, x.detach()
        self._modes = [_ONCE_MORE[norm.mode] for norm in net.batch_norms]
        self._precision = present_precision(x.device.type)
        self._count = 0
        self._kept: dict[int, Any] = {}

    def pack(self, _: Any) -> int:
        self._count += 1
        return self._count - 1

    def unpack(self, number: int) -> Any:
        """The saved tensor of that number, which is let go of: backward passes take each once, or all anew."""
        if number not in self._kept:
            self._kept = self._made_anew()
        return self._kept.pop(number)

    def _made_anew(self) -> dict[int, Any]:
        kept: dict[int, Any] = {}

        def keep(saved: Any) -> None:
            # Detached: the graph of this pass is of no use, and would hold all its tensors to the end.
            kept[len(kept)] = saved.detach() if isinstance(saved, Tensor) else saved
            if len(kept) == self._count:
                raise _Made

        hooks = saved_as(keep, lambda saved: saved)
        with (
            contextlib.suppress(_Made),
            torch.enable_grad(),
            self._precision(),
            bn_modes(self._net, self._modes),
            hooks,
        ):
            self._net(self._x)
        return kept
