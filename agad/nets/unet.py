"""U-Net (Table 8), and the blocks that it shares with U-Net++."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d, ConvTranspose2d
from agad.nets.layers.rebuilding import Rebuilding
from agad.spec.run import RunSpec

BACKBONE = {
    "title": "U-Net",
    "cost": 2.1,
    "memory": {
        "training": {"fp32": 1.1, "bf16": 0.55},
        "scoring": {"fp32": 0.25, "bf16": 0.15},
        "recomputed": True,
    },
}

WIDTHS = (32, 64, 128, 256, 512)
"""Channels from the finest to the coarsest level: the widths that give Table 8's 7.76 million parameters."""


def build(channels: int, spec: RunSpec) -> UNetGenerator:
    """The spec's generator for images with that many channels."""
    return UNetGenerator(channels, spec.upsampling, norm=spec.generator_norm == "batch")


class DoubleConv(nn.Sequential):
    """Twice: 3x3 convolution, batch norm, ReLU. Without the norm the convolutions have a bias instead."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool) -> None:
        super().__init__(*_conv(inputs, outputs, norm=norm), *_conv(outputs, outputs, norm=norm))

    def forward(self, x: Tensor, rebuilding: Rebuilding | None = None) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        for index, layer in enumerate(self):
            before, x = x, layer(x)
            if index == 1 and rebuilding is not None and isinstance(layer, BatchNorm2d):
                rebuilding.normalised(x, layer, before)
        return x


class BilinearUp(nn.Module):
    """Twice the height and width by interpolation; the channels stay."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def up_path(coarse: int, fine: int, upsampling: str) -> tuple[nn.Module, int]:
    """The module from one level to the next finer, and its output channels: fewer (`transpose`) or the same."""
    if upsampling == "transpose":
        return ConvTranspose2d(coarse, fine, 2, 2), fine
    return BilinearUp(), coarse


def down(x: Tensor) -> Tensor:
    """Half the height and width by 2x2 max pooling."""
    return F.max_pool2d(x, 2)


class UNetGenerator(BatchNormNet):
    """U-Net with skip connections by concatenation and a Tanh head; four levels down, so sizes divide by 16.

    Args:
        channels: of the image, in and out.
        upsampling: `transpose` (2x2 transposed convolution) or `bilinear`.
        norm: batch norm in the blocks; without it the convolutions have a bias (Table 8's exact counts).
    """

    saved_per_pixel = 600

    def __init__(self, channels: int, upsampling: str = "transpose", *, norm: bool = True) -> None:
        super().__init__()
        inputs = (channels, *WIDTHS[:-1])
        self.encoders = nn.ModuleList(DoubleConv(i, o, norm=norm) for i, o in zip(inputs, WIDTHS, strict=True))
        self.ups = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for fine, coarse in reversed(list(itertools.pairwise(WIDTHS))):
            up, arriving = up_path(coarse, fine, upsampling)
            self.ups.append(up)
            self.decoders.append(DoubleConv(fine + arriving, fine, norm=norm))
        self.head = Conv2d(WIDTHS[0], channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, channels, H, W) in [-1, 1]; same shape."""
        skips = []
        with Rebuilding(self, x).active() as rebuilding:
            for level, encoder in enumerate(self.encoders):
                x = encoder(x if level == 0 else down(x), rebuilding)
                skips.append(x)
            skips.pop()
            for up, decoder in zip(self.ups, self.decoders, strict=True):
                x = decoder(rebuilding.concatenate([skips.pop()], up, x), rebuilding)
        return torch.tanh(self.head(x))


def _conv(inputs: int, outputs: int, *, norm: bool) -> list[nn.Module]:
    convolution = Conv2d(inputs, outputs, 3, padding=1, bias=not norm)
    return [convolution, *([BatchNorm2d(outputs)] if norm else []), nn.ReLU(inplace=True)]
