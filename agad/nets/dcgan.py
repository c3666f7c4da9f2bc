"""Nets of a DCGAN for 32x32 images: from a latent vector to an image, back to one, and to a judgement.

Widths 64, 128 and 256 as in GANomaly's nets (agad/nets/naive.py), whose encoder and decoder these are.
"""

from __future__ import annotations

from torch import Tensor, nn

from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d
from agad.nets.naive import SLOPE, decoder, encoder


class LatentGenerator(BatchNormNet):
    """Latent vectors to images.

    Args:
        channels: of the image.
        latent: numbers in a vector.
    """

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.decoder = decoder(channels, "1x1", latent)

    def forward(self, z: Tensor) -> Tensor:
        """Vectors z (N, latent) to images (N, channels, 32, 32) in [-1, 1]."""
        x: Tensor = self.decoder(z[:, :, None, None])
        return x


class LatentEncoder(BatchNormNet):
    """Images to latent vectors with entries in (-1, 1). Arguments as LatentGenerator."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.encoder = encoder(channels, "1x1", latent)

    def forward(self, x: Tensor) -> Tensor:
        """Images x (N, channels, 32, 32) to vectors (N, latent)."""
        z: Tensor = self.encoder(x)
        return z.flatten(1).tanh()


class Judge(BatchNormNet):
    """A discriminator, a critic or a classifier: three 4x4 stride-2 convolutions, and one that judges their features.

    Args:
        channels: of the image.
        width: channels of the first convolution's output; each further one doubles them.
        critic: layer norm over each image in place of batch norm, since a gradient penalty is each image's own, and
            torch's own convolutions, which can be differentiated twice.
    """

    def __init__(self, channels: int, width: int = 64, *, critic: bool = False) -> None:
        super().__init__()
        convolution = nn.Conv2d if critic else Conv2d
        layers: list[nn.Module] = [convolution(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(SLOPE)]
        for inputs in (width, 2 * width):
            outputs = 2 * inputs
            norm = nn.GroupNorm(1, outputs, affine=False) if critic else BatchNorm2d(outputs)
            layers += [convolution(inputs, outputs, 4, 2, 1, bias=False), norm, nn.LeakyReLU(SLOPE)]
        self.features = nn.Sequential(*layers)
        self.judgement = convolution(4 * width, 1, 4, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images x (N, channels, 32, 32) to judgements (N,), high for real, and features (N, 4 width, 4, 4)."""
        features: Tensor = self.features(x)
        judgement: Tensor = self.judgement(features)
        return judgement.flatten(), features
