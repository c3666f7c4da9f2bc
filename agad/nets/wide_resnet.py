"""Wide residual nets (Zagoruyko and Komodakis 2016), as GeoTrans has them.

Source: github.com/izikgo/AnomalyDetectionTransformations at 6327041, models/wide_residual_network.py. Read there: batch
norm and ReLU before each convolution, a 1x1 convolution of the normalised input as the shortcut where the channels
change, no bias but the last layer's, no dropout.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d

SIZES = {"wrn_10_1": (10, 1), "wrn_10_4": (10, 4), "wrn_16_8": (16, 8)}
"""Depth, 6n + 4, and width. GeoTrans has 10-4 at 32x32 and 16-8 at 64x64; 10-1 is ours, for CPUs."""
STEM = 16
"""Channels of the first convolution; the three stages have 1, 2 and 4 times as many, times the width."""


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the first halves height and width where `stride` is 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([BatchNorm2d(inputs), BatchNorm2d(outputs)])
        self.first = Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        before, between = self.norms
        y = F.relu(before(x))
        kept = x if self.shortcut is None else self.shortcut(y)
        out: Tensor = kept + self.second(F.relu(between(self.first(y))))
        return out


class WideResNet(BatchNormNet):
    """A classifier of images of any size that divides by 4; the last maps are averaged over all their pixels.

    Args:
        channels: of the image.
        kind: a key of SIZES.
        classes: number of logits.
    """

    def __init__(self, channels: int, kind: str, classes: int) -> None:
        super().__init__()
        depth, width = SIZES[kind]
        self.stem = Conv2d(channels, STEM, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList()
        widths = (STEM, *(STEM * width * 2**stage for stage in range(3)))
        for stage, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            for number in range((depth - 4) // 6):
                stride = 2 if stage and not number else 1
                self.blocks.append(Block(outputs if number else inputs, outputs, stride))
        self.norm = BatchNorm2d(widths[-1])
        self.head = nn.Linear(widths[-1], classes)

    def features(self, x: Tensor) -> Tensor:
        """Images (N, channels, H, W) to what the last layer sees, (N, 64 x width)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return F.relu(self.norm(x)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, channels, H, W) to logits (N, classes)."""
        logits: Tensor = self.head(self.features(x))
        return logits
