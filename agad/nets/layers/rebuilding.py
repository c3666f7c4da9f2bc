"""Activation recomputation: drop saved activations that can be rebuilt from other saved tensors.

A U-Net's decoder convolves concatenations of activations that autograd saves anyway, for the operation that made them
or for another one: in UNet++ two fifths of all that a pass saves are such copies. Here autograd saves the list of the
parts, and the backward pass concatenates them again: the same bits for one copy less in memory, measured at 1 to 2% of
a step.

Of a pass that is large even so, two more kinds of activation are rebuilt: that between the two convolutions of a block,
by its batch norm and ReLU, and one that was upsampled to the next finer level. No 3x3 convolution is repeated.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.saved_tensors import current_autocast, saved_as, saves_more

SAVED_AT_MOST = 2**29
"""Bytes that a pass may save on the CPU with only its concatenations rebuilt; of a larger one all kinds are."""

Rebuild = Callable[[Sequence[Tensor]], Tensor]


def concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate (N, C_i, H, W) along the channels."""
    return torch.cat(list(parts), 1)


class Rebuilding:
    """Which activations of one forward pass of a net over x (N, C, H, W) are rebuilt, and from what.

    The weights that this uses must be the same in the backward pass, which torch's own operations require as well.
    """

    def __init__(self, net: BatchNormNet, x: Tensor) -> None:
        self._on_cpu = x.device.type == "cpu"
        self._all_kinds = saves_more(net, x, SAVED_AT_MOST)
        self._autocast = current_autocast("cpu") if self._all_kinds else contextlib.nullcontext
        self._known: dict[int, tuple[weakref.ref[Tensor], Rebuilt]] = {}

    @contextlib.contextmanager
    def active(self) -> Iterator[Rebuilding]:
        """During the pass: autograd saves how to rebuild the activations below, in place of the activations."""
        try:
            with saved_as(self._pack, _unpack):
                yield self
        finally:
            self._known.clear()  # each refers to this object: in a reference cycle, tensors would outlive an error

    def concatenate(self, parts: Sequence[Tensor], up: nn.Module, coarse: Tensor) -> Tensor:
        """The parts and up(coarse), concatenated along their channels."""
        upsampled = up(coarse)
        y = self._concatenate([*parts, upsampled])
        if self._all_kinds:
            self._remember(y, [*parts, coarse], lambda tensors: concatenate([*tensors[:-1], up(tensors[-1])]))
        else:
            self._remember(y, [*parts, upsampled], concatenate)
        return y

    def normalised(self, y: Tensor, norm: BatchNorm2d, x: Tensor) -> None:
        """Remember that y = norm(x); the ReLU after it is about to overwrite y in place."""
        again = norm.repetition() if self._all_kinds else None
        if again is not None:
            self._remember(y, [x], lambda tensors: torch.relu_(again(tensors[0])))

    def _concatenate(self, parts: Sequence[Tensor]) -> Tensor:
        if not self._on_cpu:
            return concatenate(parts)
        y: Tensor = _Concatenation.apply(*parts)
        return y

    def _remember(self, y: Tensor, sources: Sequence[Tensor], rebuild: Rebuild) -> None:
        def rebuilt(sources: Sequence[Tensor]) -> Tensor:
            with torch.no_grad(), self._autocast():
                return rebuild(sources)

        self._known[y.data_ptr()] = weakref.ref(y), Rebuilt([one.detach() for one in sources], rebuilt)

    def _pack(self, x: Tensor) -> Tensor | Rebuilt:
        found = self._known.get(x.data_ptr())
        if found is None:
            return x
        remembered, rebuilt = found
        y = remembered()  # its address identifies a tensor only while it lives: later another one may lie there
        if y is None or y.shape != x.shape or y.dtype != x.dtype:
            return x
        rebuilt.uses += 1
        return rebuilt


class Rebuilt:
    """What autograd saves in place of an activation.

    Attributes:
        sources: the tensors that it is rebuilt from.
        uses: number of operations that saved it; it is rebuilt for the first that needs it and freed after the last.
    """

    def __init__(self, sources: list[Tensor], rebuild: Rebuild) -> None:
        self.sources, self._rebuild = sources, rebuild
        self.uses = 0
        self._waiting = 0
        self._y: Tensor | None = None

    def __call__(self) -> Tensor:
        """The activation."""
        if self._y is None:
            self._y, self._waiting = self._rebuild(self.sources), self.uses
        y = self._y
        self._waiting -= 1
        if not self._waiting:
            self._y = None
        return y


class _Concatenation(torch.autograd.Function):
    """concatenate, whose gradient goes to the parts as copies: a view of it, as torch gives, would hold all of it.

    It takes no measurable time of a step: what receives the views copies them itself, or reads copies faster.
    """

    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:
        ctx.channels = [one.shape[1] for one in parts]
        return concatenate(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = gradients
        return tuple(part.clone() for part in torch.split(g, ctx.channels, 1))


def _unpack(saved: Tensor | Rebuilt) -> Tensor:
    return saved() if isinstance(saved, Rebuilt) else saved
