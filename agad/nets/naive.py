"""The naive encoder-decoder of Table 7 (appendix A.2)."""

from __future__ import annotations

from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d, ConvTranspose2d
from agad.spec.run import RunSpec

BACKBONE = {
    "title": "naive",
    "cost": 1.0,
    "memory": {"training": {"fp32": 0.28, "bf16": 0.2}, "scoring": {"fp32": 0.05, "bf16": 0.05}},
}

LATENT_CHANNELS = 100
SLOPE = 0.2
"""Of the leaky ReLU (Table 7)."""
_STRIDE_AND_PADDING = {"2x2": (2, 1), "1x1": (1, 0)}
"""Of the convolutions that make the latent and read it."""


def build(channels: int, spec: RunSpec) -> NaiveGenerator:
    """The spec's generator for images with that many channels."""
    return NaiveGenerator(channels, spec.naive_latent)


class NaiveGenerator(BatchNormNet):
    """Encoder channels-64-128-256-100 and its mirror, all convolutions 4x4 and without bias (Table 7, GANomaly).

    The fourth convolution makes the latent. `2x2` is Table 7 to the letter, stride 2 and padding 1 everywhere, which
    at 32x32 leaves a latent of 100x2x2; `1x1` is GANomaly's, stride 1 without padding: 100x1x1. Both have the same
    parameters. Nothing else depends on the size, so a larger image has a larger latent and not a deeper net: at
    128x128 it is 100x8x8 (`2x2`) or 100x13x13 (`1x1`), far less of a bottleneck than at 32x32.

    Args:
        channels: of the image, 1 or 3.
        latent: `2x2` or `1x1`, at least 32x32 pixels for the latter.
    """

    saved_per_pixel = 100

    def __init__(self, channels: int, latent: str = "2x2") -> None:
        super().__init__()
        self.encoder = encoder(channels, latent)
        self.decoder = decoder(channels, latent)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, channels, H, W) in [-1, 1]; same shape."""
        x_hat: Tensor = self.decoder(self.encoder(x))
        return x_hat


def encoder(channels: int, latent: str, width: int = LATENT_CHANNELS) -> nn.Sequential:
    """Images (N, channels, H, W) to latents (N, width, h, w)."""
    return nn.Sequential(
        Conv2d(channels, 64, 4, 2, 1, bias=False),
        nn.LeakyReLU(SLOPE, inplace=True),
        Conv2d(64, 128, 4, 2, 1, bias=False),
        BatchNorm2d(128),
        nn.LeakyReLU(SLOPE, inplace=True),
        Conv2d(128, 256, 4, 2, 1, bias=False),
        BatchNorm2d(256),
        nn.LeakyReLU(SLOPE, inplace=True),
        Conv2d(256, width, 4, *_STRIDE_AND_PADDING[latent], bias=False),
    )


def decoder(channels: int, latent: str, width: int = LATENT_CHANNELS) -> nn.Sequential:
    """Latents (N, width, h, w) to images in [-1, 1]: the encoder's mirror."""
    return nn.Sequential(
        ConvTranspose2d(width, 256, 4, *_STRIDE_AND_PADDING[latent], bias=False),
        BatchNorm2d(256),
        nn.ReLU(inplace=True),
        ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
        BatchNorm2d(128),
        nn.ReLU(inplace=True),
        ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        BatchNorm2d(64),
        nn.ReLU(inplace=True),
        ConvTranspose2d(64, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
