"""Recomputation of a whole pass: autograd saves nothing of it, and the backward pass repeats it (Chen et al. 2016).

A step of AGAD makes two passes through G, and the backward pass of the second comes first: when the activations of the
first are needed, those of the second are freed. So recomputing the first pass halves the memory of a step, for one more
forward pass of G. The gradients have the same bits: the graph is that of the first time, and the repeated activations
are the same numbers.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_modes
from agad.nets.layers.saved_tensors import current_autocast, saved_as, saves_more

SAVED_AT_MOST = 3 * 2**28
"""Bytes that a pass may save on the CPU; a larger one is recomputed. Naive nets and small batches save less."""


def is_worthwhile(net: BatchNormNet, x: Tensor) -> bool:
    """Whether a pass of x through the net should be recomputed: on the CPU, where it saves much."""
    return saves_more(net, x, SAVED_AT_MOST)


def recomputed(net: BatchNormNet, x: Tensor) -> Tensor:
    """net(x), which its backward pass repeats; running statistics move once.

    This holds for passes that normalise by statistics of their batch. One that uses running statistics is saved as
    usual, since other passes of the step may move these.
    """
    saving: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if all(norm.mode in _REPEATED for norm in net.batch_norms):
        repetition = _Repetition(net, x)
        saving = saved_as(repetition.pack, repetition.unpack)
    with saving:
        y: Tensor = net(x)
    return y


_REPEATED = {BNMode.UPDATE: BNMode.REPEAT, BNMode.BATCH: BNMode.BATCH}
"""The mode of a batch norm in the first pass -> in the repeated one."""


class _Complete(Exception):
    """Ends a repeated pass when all that was saved of the first exists again."""


class _Repetition:
    """A pass of which autograd saves numbers: the order in which its saved tensors appear when it is repeated."""

    def __init__(self, net: BatchNormNet, x: Tensor) -> None:
        self._net, self._x = net, x.detach()
        self._modes = [_REPEATED[norm.mode] for norm in net.batch_norms]
        self._autocast = current_autocast(x.device.type)
        self._count = 0
        self._saved: dict[int, Any] = {}

    def pack(self, _: Any) -> int:
        self._count += 1
        return self._count - 1

    def unpack(self, number: int) -> Any:
        """The saved tensor of that number, which is then freed: a backward pass reads each once."""
        if number not in self._saved:
            self._saved = self._repeat()
        return self._saved.pop(number)

    def _repeat(self) -> dict[int, Any]:
        saved: dict[int, Any] = {}

        def save(tensor: Any) -> None:
            # Detached: the graph of this pass is of no use, and would hold all its tensors to the end.
            saved[len(saved)] = tensor.detach() if isinstance(tensor, Tensor) else tensor
            if len(saved) == self._count:
                raise _Complete

        hooks = saved_as(save, lambda tensor: tensor)
        with (
            contextlib.suppress(_Complete),
            torch.enable_grad(),
            self._autocast(),
            bn_modes(self._net, self._modes),
            hooks,
        ):
            self._net(self._x)
        return saved
