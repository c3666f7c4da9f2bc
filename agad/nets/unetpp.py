"""U-Net++ (Zhou et al. 2020), the paper's main generator (section 3.3.1, Table 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNormNet
from agad.nets.layers.convolution import Conv2d
from agad.nets.layers.rebuilding import Rebuilding
from agad.nets.unet import WIDTHS, DoubleConv, down, up_path
from agad.spec.run import RunSpec

BACKBONE = {
    "title": "UNet++",
    "cost": 5.0,
    "memory": {
        "training": {"fp32": 2.3, "bf16": 1.3},
        "scoring": {"fp32": 0.6, "bf16": 0.3},
        "recomputed": True,
    },
}


def build(channels: int, spec: RunSpec) -> UNetPlusPlusGenerator:
    """The spec's generator for images with that many channels."""
    return UNetPlusPlusGenerator(channels, spec.upsampling, norm=spec.generator_norm == "batch")


class UNetPlusPlusGenerator(BatchNormNet):
    """Nested U-Net: node (i, j) sees all earlier nodes of its level i and the upsampled node (i + 1, j - 1).

    No deep supervision: the image comes from node (0, 4) through a 1x1 convolution and Tanh. Arguments as
    UNetGenerator.
    """

    saved_per_pixel = 1280

    def __init__(self, channels: int, upsampling: str = "transpose", *, norm: bool = True) -> None:
        super().__init__()
        self.nodes = nn.ModuleDict()
        self.ups = nn.ModuleDict()
        inputs = (channels, *WIDTHS[:-1])
        for level, (incoming, width) in enumerate(zip(inputs, WIDTHS, strict=True)):
            self.nodes[_name(level, 0)] = DoubleConv(incoming, width, norm=norm)
        for column in range(1, len(WIDTHS)):
            for level in range(len(WIDTHS) - column):
                up, arriving = up_path(WIDTHS[level + 1], WIDTHS[level], upsampling)
                self.ups[_name(level, column)] = up
                width = WIDTHS[level]
                self.nodes[_name(level, column)] = DoubleConv(column * width + arriving, width, norm=norm)
        self.head = Conv2d(WIDTHS[0], channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, channels, H, W) in [-1, 1]; same shape."""
        levels: list[list[Tensor]] = []
        with Rebuilding(self, x).active() as rebuilding:
            for level in range(len(WIDTHS)):
                x = self.nodes[_name(level, 0)](x if level == 0 else down(x), rebuilding)
                levels.append([x])
            for column in range(1, len(WIDTHS)):
                for level in range(len(WIDTHS) - column):
                    name = _name(level, column)
                    up, coarse = self.ups[name], levels[level + 1][column - 1]
                    joined = rebuilding.concatenate(levels[level], up, coarse)
                    levels[level].append(self.nodes[name](joined, rebuilding))
        return torch.tanh(self.head(levels[0][-1]))


def _name(level: int, column: int) -> str:
    return f"{level}_{column}"
