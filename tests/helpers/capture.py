"""What a CUDA graph would make of a function, found out without a GPU: Played records, DeviceOnly refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from agad.tensors.lane import Lane
from agad.train.state import Training

_READS = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "allclose", "bincount"}
"""Operations whose outcome, or its shape, the host reads."""
_METHODS = ("tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__", "item")
"""Of Tensor: reads that on the CPU are no operation."""


class HostReadError(AssertionError):
    """What a capture would fail at, or silently repeat with the values of the capture."""


class DeviceOnly(TorchDispatchMode):
    """Refuses reads by the host and random draws; notes the operations, forward and backward.

    Attributes:
        operations: their names, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        is_masked = name.startswith("index") and any(_is_mask(one) for one in torch.utils._pytree.tree_leaves(args))
        if name in _READS or is_masked or torch.Tag.nondeterministic_seeded in func.tags:
            raise HostReadError(name)
        self.operations.append(str(func))
        return func(*args, **(kwargs or {}))


def _is_mask(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype is torch.bool


@contextlib.contextmanager
def device_only() -> Iterator[list[str]]:
    """While this lasts no value of a tensor may be read. Yields the list of operations."""

    def refuse(name: str) -> Callable[..., Any]:
        def read(*_: Any, **__: Any) -> Any:
            raise HostReadError(name)

        return read

    with pytest.MonkeyPatch.context() as patch, DeviceOnly() as mode:
        for name in _METHODS:
            patch.setattr(Tensor, name, refuse(name))
        yield mode.operations


class Sources(TorchDispatchMode):
    """Finds what operations read that none of them made."""

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.held = list(known)  # held, so that no memory is used twice
        self.places = {one.untyped_storage().data_ptr() for one in known}
        self.foreign: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for one in torch.utils._pytree.tree_leaves((args, kwargs)):
            if isinstance(one, Tensor) and one.numel() and one.untyped_storage().data_ptr() not in self.places:
                self.foreign.append(str(func))
        out = func(*args, **(kwargs or {}))
        made = [one for one in torch.utils._pytree.tree_leaves(out) if isinstance(one, Tensor)]
        self.held += made
        self.places |= {one.untyped_storage().data_ptr() for one in made}
        return out


class Played:
    """A Recording that calls its function again, and like a real one executes nothing while it is made.

    Args:
        changed: all that the function changes.
        function: what is recorded.
    """

    def __init__(self, changed: Iterable[Tensor], function: Callable[[], Tensor]) -> None:
        self._function = function
        before = [(tensor, tensor.detach().clone()) for tensor in changed]
        with device_only():
            self.out: Tensor | None = function().clone()
        with torch.no_grad():
            for tensor, value in before:
                tensor.copy_(value)
            self.out.fill_(torch.nan)  # as long as nothing was replayed
        self.replays = 0
        self.is_open = True

    def replay(self) -> None:
        assert self.out is not None
        self.out.copy_(self._function())
        self.replays += 1

    def close(self) -> None:
        self.out, self.is_open = None, False


def played(training: Training) -> Callable[[Callable[[], Tensor], Lane], Played]:
    """What Captured makes its recording with."""
    return lambda function, _: Played(training.tensors(), function)
