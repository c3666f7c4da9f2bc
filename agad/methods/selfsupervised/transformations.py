"""The geometric transformations of GeoTrans: flip, shifts and quarter turns, in its authors' order."""

from __future__ import annotations

import torch
from torch import Tensor

COUNTS = {"geo72": 72, "rot4": 4}
"""RunSpec.transformations -> how many; `rot4` are the first four of `geo72`."""


def transformed(x: Tensor, number: int) -> Tensor:
    """Square images (B, C, S, S) under a transformation, 0 to 71; same shape.

    First flipped from left to right, then shifted by a quarter of S up or down and left or right, with reflection at
    the edge, then turned by quarter turns against the clock. 0 is the identity.
    """
    rest, turns = divmod(number, 4)
    rest, across = divmod(rest, 3)
    flip, down = divmod(rest, 3)
    if flip:
        x = x.flip(3)
    x = _shifted(_shifted(x, 2, down), 3, across)
    if turns >= 2:
        x = x.flip(2, 3)
    return x.transpose(2, 3).flip(2) if turns % 2 else x  # not rot90, which ONNX lacks


def each_transformed(x: Tensor, numbers: Tensor) -> Tensor:
    """Each image of x (B, C, S, S) under its own transformation of `numbers` (B,) int64, on the CPU; same shape."""
    out = torch.empty_like(x)
    for number in sorted({*numbers.tolist()}):
        chosen = (numbers == number).nonzero()[:, 0].to(x.device)
        out[chosen] = transformed(x[chosen], number)
    return out


def _shifted(x: Tensor, dim: int, which: int) -> Tensor:
    """Not, backwards or forwards (`which` 0, 1, 2) along a dimension; what leaves the edge comes back mirrored."""
    if not which:
        return x
    size = x.shape[dim]
    index = torch.arange(size, device=x.device) + (-size // 4 if which == 1 else size // 4)
    index = torch.where(index < 0, -1 - index, index)
    return x.index_select(dim, torch.where(index >= size, 2 * size - 1 - index, index))
