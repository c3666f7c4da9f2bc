"""Skip-GANomaly (Akcay et al. 2019): a U-Net generator, and a discriminator that also compares features.

Source: github.com/samet-akcay/skip-ganomaly at b33bd55, lib/models/skipganomaly.py and networks.py. Read there: both
nets, the three losses with weights 1, 50 and 1, the feature term in D's loss too, the reset of D below 1e-5, the score
.9 and .1. Batches, length and Adam are the spec's; theirs are 64 images, 15 epochs (25 for CIFAR-10) and the same Adam.

Not theirs: the noise that they add to x is a buffer that is never filled, and is left out; their third pass of D moves
running statistics once more, which matters under `eval` only; the min-max of scores over the test set changes no AUROC.
They never call eval() and report the best epoch on the test set, whose order is normals first: their own numbers are of
`batch_normals_first` at best.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agad.methods.adversarial import AdversarialMethod
from agad.methods.losses import adversarial_loss, at_least_float32, contextual_loss, latent_loss
from agad.methods.method import Losses
from agad.nets.build import drawn
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, BNMode, bn_mode
from agad.nets.layers.convolution import Conv2d, ConvTranspose2d
from agad.nets.naive import SLOPE
from agad.spec.run import RunSpec

METHOD = {
    "title": "Skip-GANomaly",
    "cost": 1.7,  # measured on one CPU core
    "labels": "none",
    "image_sizes": [32],
    "uses": ["init", "batch_size", "lr", "beta1", "beta2", "d_reset_threshold", "precision"],
}

WEIGHTS = {"adv": 1.0, "con": 50.0, "lat": 1.0}
"""Of the terms of L_g: their w_adv, w_con and w_lat (options.py)."""
SCORE = {"con": 0.9, "lat": 0.1}
"""Of the two squared differences in the score."""
FEATURES = 100
"""Channels of D's features, which are 1x1."""
_WIDTHS = (64, 128, 256, 512, 512)


def make(spec: RunSpec, channels: int) -> SkipGanomaly:
    """The method of a spec, for images with that many channels."""
    return SkipGanomaly(spec, channels)


def build_generator(channels: int, spec: RunSpec) -> SkipGenerator:  # noqa: ARG001
    """Its own generator, for images with that many channels."""
    return SkipGenerator(channels)


class SkipGenerator(BatchNormNet):
    """pix2pix' U-Net with five levels for 32x32 images, the innermost 1x1; skips by concatenation.

    Args:
        channels: of the image, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = len(_WIDTHS) - 1
        self.downs, self.down_norms = nn.ModuleList(), nn.ModuleList()
        self.ups, self.up_norms = nn.ModuleList(), nn.ModuleList()
        for level, (outer, inner) in enumerate(zip((channels, *_WIDTHS), _WIDTHS, strict=False)):
            self.downs.append(Conv2d(outer, inner, 4, 2, 1, bias=False))
            self.down_norms.append(BatchNorm2d(inner) if 0 < level < last else nn.Identity())
            arriving = inner if level == last else 2 * inner
            self.ups.append(ConvTranspose2d(arriving, outer, 4, 2, 1, bias=level == 0))
            self.up_norms.append(BatchNorm2d(outer) if level else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (N, channels, 32, 32) in [-1, 1]; same shape."""
        kept: list[Tensor] = []
        for level, (down, norm) in enumerate(zip(self.downs, self.down_norms, strict=True)):
            x = norm(down(nn.functional.leaky_relu(x, SLOPE) if level else x))
            kept.append(x)
        for level in reversed(range(len(_WIDTHS))):
            x = kept[level] if level == len(_WIDTHS) - 1 else torch.cat([kept[level], x], 1)
            x = self.up_norms[level](self.ups[level](x.relu()))
        return x.tanh()


class SkipDiscriminator(BatchNormNet):
    """DCGAN's encoder whose last convolution makes the features; a 3x3 convolution on them judges.

    Args:
        channels: of the image.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Conv2d(channels, 64, 4, 2, 1, bias=False), nn.LeakyReLU(SLOPE, inplace=True)]
        for inputs, outputs in ((64, 128), (128, 256)):
            layers += [Conv2d(inputs, outputs, 4, 2, 1, bias=False), BatchNorm2d(outputs)]
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.features = nn.Sequential(*layers, Conv2d(256, FEATURES, 4, bias=False))
        self.classifier = Conv2d(FEATURES, 1, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge x (N, channels, 32, 32): logits (N,), positive for real, and features (N, FEATURES, 1, 1)."""
        features: Tensor = self.features(x)
        logits: Tensor = self.classifier(features)
        return logits.flatten(), features


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the nets make of a batch: images (B, C, H, W), logits (B,), features (B, FEATURES, 1, 1)."""

    x: Tensor
    x_hat: Tensor
    y: Tensor
    f: Tensor
    y_hat: Tensor
    f_hat: Tensor


class SkipGanomaly(AdversarialMethod):
    """Reconstruction, its realism, and agreement of features; it knows no labelled anomalies."""

    def build_discriminator(self, channels: int, key: torch.Generator) -> SkipDiscriminator:
        """Its own D."""
        return drawn(lambda: SkipDiscriminator(channels), key, self.spec.init)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - all are normal, held by RunSpec
        """G(x), D(x) and D(x_hat), each once."""
        with bn_mode(self.generator, BNMode.UPDATE), bn_mode(self.discriminator, BNMode.UPDATE):
            x_hat = at_least_float32(self.generator(x))
            return Outputs(x, x_hat, *self.discriminator(x), *self.discriminator(x_hat))

    def losses(self, out: Outputs) -> Losses:
        """err_g = adv + 50 con + lat; err_d = H(y, 1) + H(y_hat, 0) + lat, so that D learns to make features agree."""
        terms = {
            "adv": adversarial_loss(out.y_hat, 1.0).mean(),
            "con": contextual_loss(out.x, out.x_hat).mean(),
            "lat": latent_loss(out.f, out.f_hat).mean(),
        }
        real, fake = adversarial_loss(out.y, 1.0).mean(), adversarial_loss(out.y_hat, 0.0).mean()
        loss_g = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        return Losses({"d": real + fake + WEIGHTS["lat"] * terms["lat"], "g": loss_g}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """.9 mean (x - x_hat)^2 + .1 mean (f - f_hat)^2, over each image's pixels and features."""
        x_hat = at_least_float32(self.reconstruct(x))
        lat = latent_loss(self.discriminator(x)[1], self.discriminator(x_hat)[1])
        return SCORE["con"] * (x - x_hat).square().flatten(1).mean(1) + SCORE["lat"] * lat
