"""What these methods draw at random: a function of the seed, of what it is for, and of the update or the image."""

from __future__ import annotations

import torch
from torch import Tensor

from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded


def normal(spec: RunSpec, name: str, number: int, like: Tensor, width: int) -> Tensor:
    """Standard normal vectors (B, width), of the type and on the device of `like`, which has B rows.

    Args:
        spec: whose seed_key it is.
        name: what it is for.
        number: of the update.
        like: any tensor of the batch.
        width: numbers in a vector.
    """
    return torch.randn((len(like), width), generator=seeded(name, *spec.seed_key, number)).to(like)


def uniform(spec: RunSpec, name: str, number: int, like: Tensor, width: int) -> Tensor:
    """As `normal`, uniform in (-1, 1)."""
    return torch.rand((len(like), width), generator=seeded(name, *spec.seed_key, number)).mul_(2).sub_(1).to(like)
