"""Recipes: maps that autograd does not keep, because others that it keeps anyway say how to make them again.

A U-Net's decoder convolves concatenations of maps that autograd holds already, for what made them or for another node:
in UNet++ two fifths of all that a pass keeps are such copies. Here it keeps the list of the parts, and the backward
pass joins them once more: the same bits for one copy of memory, which was measured at 1 to 2% of a step.

Of a pass that is large even so, two more kinds of map are made again: that between the two convolutions of a block, by
its batch norm and ReLU, and one raised to the next finer level, by its upsampling. Nothing is convolved 3x3 again.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.saved_tensors import keeps_more, present_precision, saved_as

KEPT_AT_MOST = 2**29
"""Bytes that a pass may keep on the CPU with its joins made again; one that keeps more has the other kinds too."""

Make = Callable[[Sequence[Tensor]], Tensor]


def join(maps: Sequence[Tensor]) -> Tensor:
    """Concatenate (N, C_i, H, W) along the channels."""
    return torch.cat(list(maps), 1)


class Recipes:
    """The recipes of one forward pass of a net over x (N, C, H, W).

    The weights that they use must be the same in the backward pass, which torch's own operations ask for as well.
    """

    def __init__(self, net: BatchNormNet, x: Tensor) -> None:
        self._on_cpu = x.device.type == "cpu"
        self._thorough = keeps_more(net, x, KEPT_AT_MOST)
        self._precision = present_precision("cpu") if self._thorough else contextlib.nullcontext
        self._noted: dict[int, tuple[weakref.ref[Tensor], Recipe]] = {}

    @contextlib.contextmanager
    def used(self) -> Iterator[Recipes]:
        """While the pass is made: autograd keeps the recipes of the maps below, in place of the maps."""
        try:
            with saved_as(self._pack, _unpack):
                yield self
        finally:
            self._noted.clear()  # recipes know this object: left in a circle, their maps would outlive an error

    def join(self, parts: Sequence[Tensor], up: nn.Module, coarse: Tensor) -> Tensor:
        """The parts and up(coarse), concatenated along their channels."""
        raised = up(coarse)
        y = self._join([*parts, raised])
        if self._thorough:
            self._note(y, [*parts, coarse], lambda maps: join([*maps[:-1], up(maps[-1])]))
        else:
            self._note(y, [*parts, raised], join)
        return y

    def activation(self, y: Tensor, norm: BatchNorm2d, x: Tensor) -> None:
        """To be told of y = norm(x), whose place its ReLU is about to take."""
        again = norm.repetition() if self._thorough else None
        if again is not None:
            self._note(y, [x], lambda maps: torch.relu_(again(maps[0])))

    def _join(self, maps: Sequence[Tensor]) -> Tensor:
        if not self._on_cpu:
            return join(maps)
        y: Tensor = _Join.apply(*maps)
        return y

    def _note(self, y: Tensor, maps: Sequence[Tensor], make: Make) -> None:
        def made(maps: Sequence[Tensor]) -> Tensor:
            with torch.no_grad(), self._precision():
                return make(maps)

        self._noted[y.data_ptr()] = weakref.ref(y), Recipe([one.detach() for one in maps], made)

    def _pack(self, x: Tensor) -> Tensor | Recipe:
        found = self._noted.get(x.data_ptr())
        if found is None:
            return x
        noted, recipe = found
        y = noted()  # its memory tells a map only while it lives: afterwards another map may lie there
        if y is None or y.shape != x.shape or y.dtype != x.dtype:
            return x
        recipe.uses += 1
        return recipe


class Recipe:
    """What autograd keeps in place of a map.

    Attributes:
        maps: what it is made of.
        uses: by how many operations it is kept; it is made for the first that asks, and let go of after the last.
    """

    def __init__(self, maps: list[Tensor], make: Make) -> None:
        self.maps, self._make = maps, make
        self.uses = 0
        self._waiting = 0
        self._y: Tensor | None = None

    def __call__(self) -> Tensor:
        """The map."""
        if self._y is None:
            self._y, self._waiting = self._make(self.maps), self.uses
        y = self._y
        self._waiting -= 1
        if not self._waiting:
            self._y = None
        return y


class _Join(torch.autograd.Function):
    """join, whose gradient is given to the parts as copies: torch's own views of it would hold it whole to the last.

    Measured at no time of a step: what takes the views copies them itself, or reads copies faster.
    """

    @staticmethod
    def forward(ctx: Any, *maps: Tensor) -> Tensor:
        ctx.channels = [one.shape[1] for one in maps]
        return join(maps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = gradients
        return tuple(part.clone() for part in torch.split(g, ctx.channels, 1))


def _unpack(kept: Tensor | Recipe) -> Tensor:
    return kept() if isinstance(kept, Recipe) else kept
