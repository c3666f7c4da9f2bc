"""What a method's `fit` returns, as plain data for a detector's file: nothing in a file is ever executed."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor

from agad.errors import SpecError
from agad.methods.density.mixture import Mixture
from agad.methods.density.ssad import Machine
from agad.methods.floor.principal import Principal
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec

_Fitted = Principal | Mixture | Machine
_KINDS: dict[tuple[str, ...], type[_Fitted]] = {
    tuple(field.name for field in dataclasses.fields(kind)): kind for kind in (Principal, Mixture, Machine)
}
"""Names of fields, all of which are tensors -> what consists of them."""


def to_plain(spec: RunSpec, fitted: Any) -> Any:
    """None, a tensor on the CPU, or a dictionary of them. SpecError for a method whose state is an object of code."""
    if fitted is None:
        return None
    if isinstance(fitted, Tensor):
        return fitted.cpu()
    if isinstance(fitted, _Fitted):
        return {field.name: getattr(fitted, field.name).cpu() for field in dataclasses.fields(fitted)}
    raise _not_stored(spec)


def check_stored(spec: RunSpec) -> None:
    """Raise SpecError, before any work, for a method of which `to_plain` will not take what it fits."""
    if not methods()[spec.method].stored:
        raise _not_stored(spec)


def _not_stored(spec: RunSpec) -> SpecError:
    return SpecError(
        f"method={spec.method} keeps objects of another library, which no detector's file can hold; "
        "take knn, pca, mahalanobis or a method with nets"
    )


def from_plain(value: Any) -> Any:
    """The inverse of to_plain. ValueError for anything else."""
    if value is None or isinstance(value, Tensor):
        return value
    kind = _KINDS.get(tuple(value)) if isinstance(value, dict) else None
    if kind is not None and all(isinstance(tensor, Tensor) for tensor in value.values()):
        return kind(**value)
    raise ValueError("its fitted state is of an unknown kind")


def placed(fitted: Any, device: Any) -> Any:
    """The same on a device."""
    if isinstance(fitted, _Fitted):
        of = {field.name: getattr(fitted, field.name).to(device) for field in dataclasses.fields(fitted)}
        return dataclasses.replace(fitted, **of)
    return fitted.to(device) if isinstance(fitted, Tensor) else fitted
