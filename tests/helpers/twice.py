"""Which operations do not give the same bits when they are called again with the same tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from agad.tensors.capture import same_bits

_AGAIN = 3
_FREE = ("aten.empty", "aten.new_empty", "aten.rand", "aten.normal")  # nothing, or something new, by design


def unrepeatable(function: Callable[[], object]) -> list[str]:
    """What a function calls, backward passes included, that has other bits when called again: names, shapes, types.

    Operations that change a tensor in place are left out.
    """
    with _Twice() as mode:
        function()
    return sorted(mode.found)


class _Twice(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        makes_views = any(one.alias_info is not None for one in func._schema.returns)
        if func._schema.is_mutable or makes_views or str(func).startswith(_FREE):
            return out
        first = [one.clone() for one in _tensors(out)]
        for _ in range(_AGAIN):
            again = _tensors(func(*args, **kwargs))
            if not all(same_bits(one, other) for one, other in zip(first, again, strict=True)):
                shapes = ", ".join(f"{tuple(one.shape)} {one.dtype}" for one in _tensors(args))
                self.found.add(f"{func}: {shapes}")
        return out


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [one for part in value for one in _tensors(part)] if isinstance(value, (list, tuple)) else []
