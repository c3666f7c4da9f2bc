"""What a method's `fit` returns, as plain data for a detector's file: nothing in a file is ever executed."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from agad.errors import SpecError
from agad.methods.floor.principal import Principal
from agad.spec.run import RunSpec

_PRINCIPAL = ("mean", "axes", "variance")


def to_plain(spec: RunSpec, fitted: Any) -> Any:
    """None, a tensor on the CPU, or a dictionary of them. SpecError for a method whose state is an object of code."""
    if fitted is None:
        return None
    if isinstance(fitted, Tensor):
        return fitted.cpu()
    if isinstance(fitted, Principal):
        return {name: getattr(fitted, name).cpu() for name in _PRINCIPAL}
    raise SpecError(
        f"method={spec.method} keeps objects of another library, which no detector's file can hold; "
        "take knn, pca, mahalanobis or a method with nets"
    )


def from_plain(value: Any) -> Any:
    """The inverse of to_plain. ValueError for anything else."""
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, dict) and tuple(value) == _PRINCIPAL and all(isinstance(t, Tensor) for t in value.values()):
        return Principal(**value)
    raise ValueError("its fitted state is of an unknown kind")


def placed(fitted: Any, device: Any) -> Any:
    """The same on a device."""
    if isinstance(fitted, Principal):
        return Principal(*(getattr(fitted, name).to(device) for name in _PRINCIPAL))
    return fitted.to(device) if isinstance(fitted, Tensor) else fitted
