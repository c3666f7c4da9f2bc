"""Nearest neighbours on pixels: how far is an image from the training normals that are most like it?"""

from __future__ import annotations

import torch
from torch import Tensor

from agad.methods.floor.fitted import FittedMethod
from agad.spec.run import RunSpec

METHOD = {
    "title": "nearest neighbours",
    "cost": 0.0,
    "labels": "none",
    "gradient": False,
    "uses": ["features", "neighbours"],
    "protocols": ["eval"],
}

_BANK = 4096
"""Normals compared at once: what bounds the memory of a batch."""


def make(spec: RunSpec, channels: int) -> Knn:  # noqa: ARG001 - any number
    """The method of a spec."""
    return Knn(spec)


class Knn(FittedMethod):
    """Sum of squared Euclidean distances to the `neighbours` nearest training normals, by exact search."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Tensor:  # noqa: ARG002
        """The bank: all normals, (n, d)."""
        return normal

    def score_vectors(self, fitted: Tensor, x: Tensor) -> Tensor:
        """(B,)."""
        k = min(self.spec.neighbours, len(fitted))
        nearest = torch.full((len(x), k), torch.inf, device=x.device)
        for bank in torch.split(fitted, _BANK):
            distances = torch.cdist(x, bank, compute_mode="donot_use_mm_for_euclid_dist").square()
            nearest = torch.cat([nearest, distances], 1).topk(k, 1, largest=False).values
        return nearest.sum(1)
