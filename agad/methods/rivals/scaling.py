"""What the rivals' nets see of an image in [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agad.methods.floor.fitted import vectors
from agad.methods.method import TrainView


class Scaling(nn.Module):
    """Images in [-1, 1] (`minus1_1`), in [0, 1] (`unit`), or contrast-normalised and shifted (`gcn_minmax`).

    `gcn_minmax` is Deep SVDD's preprocessing: each image less its mean, divided by its mean absolute deviation, and
    all by constants so that the training normals fill [0, 1]. Their code lists the constants of MNIST and CIFAR-10;
    here they are measured. Other images may leave [0, 1].

    Args:
        kind: RunSpec.scaling.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.ones(()))

    def measure(self, train: TrainView) -> None:
        """Take the constants of `gcn_minmax` from the training normals."""
        if self._kind == "gcn_minmax":
            parts = torch.split(torch.arange(len(train.normal)), train.batch)
            ends = [vectors(train.normal.take(part), "gcn").aminmax() for part in parts]
            self.low.copy_(torch.stack([low for low, _ in ends]).min())
            self.high.copy_(torch.stack([high for _, high in ends]).max())

    def nets(self) -> dict[str, nn.Module]:
        """Itself under a name, where it has constants that belong to a method's weights; else nothing."""
        return {"scaling": self} if self._kind == "gcn_minmax" else {}

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W); same shape."""
        if self._kind == "unit":
            return (x + 1) / 2
        if self._kind == "gcn_minmax":
            return (vectors(x, "gcn").view_as(x) - self.low) / (self.high - self.low)
        return x
