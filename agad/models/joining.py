"""Joining: concatenations that autograd does not keep, because their parts are kept anyway.

A U-Net's decoder convolves concatenations of maps that autograd holds already, for what made them or for another node:
in UNet++ two fifths of all that a pass keeps are such copies. Here it keeps the list of the parts, and the backward
pass joins them once more: the same bits for one copy of memory, which was measured at 1 to 2% of a step.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torch import Tensor

from agad.models.saved_tensors import saved_as
from agad.models.stack import join

Recipe = Callable[[], Tensor]


class Joining:
    """The joins of one forward pass of a net.

    Args:
        members: how many nets it is at once.
    """

    def __init__(self, members: int) -> None:
        self._members = members
        self._joined: dict[int, tuple[weakref.ref[Tensor], Recipe]] = {}

    @contextlib.contextmanager
    def kept_as_parts(self) -> Iterator[Joining]:
        """While the pass is made: autograd keeps the parts of what `__call__` returns, in place of the whole."""
        with saved_as(self._pack, _unpack):
            yield self
        self._joined.clear()

    def __call__(self, parts: Sequence[Tensor]) -> Tensor:
        """agad.models.stack.join of the parts, for the members."""
        y = join(parts, self._members)
        self._joined[y.data_ptr()] = weakref.ref(y), partial(join, [part.detach() for part in parts], self._members)
        return y

    def _pack(self, x: Tensor) -> Tensor | Recipe:
        found = self._joined.get(x.data_ptr())
        if found is None:
            return x
        joined, recipe = found
        y = joined()  # its memory tells a join only while it lives: afterwards another map may lie there
        return recipe if y is not None and y.shape == x.shape and y.dtype == x.dtype else x


def _unpack(kept: Tensor | Recipe) -> Tensor:
    return kept if isinstance(kept, Tensor) else kept()
