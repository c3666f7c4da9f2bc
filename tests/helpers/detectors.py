"""Detectors for audits: small, and wrong in known ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

Score = Callable[[Tensor], Tensor]

COUNT = 90
LABELS = np.repeat([0, 1], COUNT // 2)
CLASSES = np.repeat([0, 1, 2], COUNT // 3)


def images(count: int = COUNT, shift: float = 0.3) -> Tensor:
    """Noise (N, 1, 4, 4); the anomalous half is a little brighter."""
    found = torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    found[count // 2 :] += shift
    return found


class Net(nn.Module):
    """Reconstructs through two batch norms; `dropout` is 0 unless asked for."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        generator = torch.random.fork_rng()
        with generator:
            torch.manual_seed(1)
            self.layers = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(dropout),
                nn.Conv2d(4, 1, 3, padding=1), nn.BatchNorm2d(1),
            )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction error of each image, (N,)."""
        return (self.layers(x) - x).square().flatten(1).mean(1)


def brightness(x: Tensor) -> Tensor:
    """A score without any module."""
    return x.flatten(1).mean(1)
