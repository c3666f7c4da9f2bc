"""The discriminator, which is also the feature extractor D_z (sections 3.1 and 3.3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d
from agad.nets.naive import SLOPE

KERNEL = 4
"""Of the classifier: its input is 4x4, which at 32x32 is the output of GANomaly's three levels."""


class Discriminator(BatchNormNet):
    """Blocks of 4x4 stride-2 convolutions, features z, and a fully convolutional classifier.

    `ganomaly` is GANomaly's NetD: a stem without batch norm and the two Conv-BN-LeakyReLU blocks of section 3.3.1,
    64-128-256, z of 256x4x4 at 32x32. `two_block` is that section's sentence to the letter: two Conv-BN-LeakyReLU
    blocks, 64-128, z of 128x8x8. Where z is not 4x4 (other sizes, `two_block`), the classifier sees z pooled to 4x4,
    so the parameters depend on no size; z itself is not pooled.

    Args:
        channels: of the image.
        kind: `ganomaly` or `two_block`.
    """

    def __init__(self, channels: int, kind: str = "ganomaly") -> None:
        super().__init__()
        if kind == "ganomaly":
            stem = [Conv2d(channels, 64, 4, 2, 1, bias=False), nn.LeakyReLU(SLOPE, inplace=True)]
            blocks = [*stem, *_block(64, 128), *_block(128, 256)]
            width = 256
        else:
            blocks = [*_block(channels, 64), *_block(64, 128)]
            width = 128
        self.features = nn.Sequential(*blocks)
        self.classifier = Conv2d(width, 1, KERNEL, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge x (N, channels, H, W): logits (N,), positive for real, and features z (N, width, h, w)."""
        z: Tensor = self.features(x)
        logits: Tensor = self.classifier(z if z.shape[2:] == (KERNEL, KERNEL) else _pooled(z))
        return logits.flatten(), z


def _pooled(z: Tensor) -> Tensor:
    """Features averaged to 4x4; in channels_last, as on a GPU torch sums other layouts in no fixed order."""
    return F.adaptive_avg_pool2d(z.contiguous(memory_format=torch.channels_last), KERNEL)


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    convolution = Conv2d(inputs, outputs, 4, 2, 1, bias=False)
    return [convolution, BatchNorm2d(outputs), nn.LeakyReLU(SLOPE, inplace=True)]
