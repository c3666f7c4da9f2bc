"""GANomaly's generator: encoder, decoder, encoder (Akcay et al. 2018; github.com/samet-akcay/ganomaly, networks.py)."""

from __future__ import annotations

from torch import Tensor

from agad.nets.layers.batchnorm import BatchNormNet
from agad.nets.naive import decoder, encoder


class GanomalyGenerator(BatchNormNet):
    """The naive generator with a latent of 100x1x1 and a second encoder, whose weights are its own.

    For 32x32 images: at other sizes GANomaly has more levels, which the naive generator has not.

    Args:
        channels: of the image, 1 or 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = encoder(channels, "1x1")
        self.decoder = decoder(channels, "1x1")
        self.second_encoder = encoder(channels, "1x1")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For x (N, channels, 32, 32) its reconstruction x_hat in [-1, 1], and the latents of x and of x_hat."""
        latent = self.encoder(x)
        x_hat = self.decoder(latent)
        return x_hat, latent, self.second_encoder(x_hat)
