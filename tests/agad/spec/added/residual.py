"""A residual generator: what a new backbone needs, one file of agad/nets/."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d
from agad.spec.run import RunSpec

BACKBONE = {"title": "Residual"}


def build(channels: int, spec: RunSpec) -> ResidualGenerator:
    """The spec's generator for images with that many channels."""
    return ResidualGenerator(channels, norm=spec.generator_norm == "batch")


class ResidualGenerator(BatchNormNet):
    """Three residual blocks of 32 channels at full size.

    Args:
        channels: of the image, in and out.
        norm: batch norm in the blocks; without it the convolutions have a bias.
    """

    def __init__(self, channels: int, *, norm: bool) -> None:
        super().__init__()
        self.stem = Conv2d(channels, 32, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                Conv2d(32, 32, 3, padding=1, bias=not norm), BatchNorm2d(32) if norm else nn.Identity(), nn.ReLU()
            )
            for _ in range(3)
        )
        self.head = Conv2d(32, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, channels, H, W) in [-1, 1]; same shape."""
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return torch.tanh(self.head(x))
