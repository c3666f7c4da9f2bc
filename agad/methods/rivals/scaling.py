"""What the rivals' nets see of an image in [-1, 1]."""

from __future__ import annotations

from torch import Tensor


def scaled(x: Tensor, scaling: str) -> Tensor:
    """Images x (B, C, H, W) in [-1, 1], as they are (`minus1_1`) or in [0, 1] (`unit`)."""
    return (x + 1) / 2 if scaling == "unit" else x
