"""GANomaly (Akcay et al. 2018), AGAD's predecessor, as its authors' code has it; Figure 2 compares with it.

Source: github.com/samet-akcay/ganomaly at 78da4ea, lib/networks.py and lib/model.py. Batches, length and Adam are the
spec's, as AGAD's are, so that runs of both are paired; theirs are 64 images, 15 epochs and the same Adam. Their min-max
of the scores over the test set is left out: it changes no AUROC. They never call eval(), so their own protocols are
those of batch statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agad.methods.adversarial import AdversarialMethod
from agad.methods.losses import adversarial_loss, at_least_float32, contextual_loss, latent_loss
from agad.methods.method import Losses
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.nets.naive import decoder, encoder
from agad.spec.run import RunSpec

METHOD = {
    "title": "GANomaly",
    "cost": 0.8,  # its one pass through a larger generator beside AGAD's two; measured on one CPU core
    "labels": "none",
    "image_sizes": [32],
    "captured": True,
    "uses": ["init", "batch_size", "lr", "beta1", "beta2", "d_reset_threshold", "precision"],
}

WEIGHTS = {"adv": 1.0, "con": 50.0, "lat": 1.0}
"""Of the terms of L_g: their w_adv, w_con and w_enc (options.py).

The spec's lambdas weigh AGAD's terms: lambda_adv a cross entropy, lambda_lat the features that are `adv` here."""


def make(spec: RunSpec, channels: int) -> Ganomaly:
    """The method of a spec, for images with that many channels."""
    return Ganomaly(spec, channels)


def build_generator(channels: int, spec: RunSpec) -> GanomalyGenerator:  # noqa: ARG001
    """Its own generator, for images with that many channels."""
    return GanomalyGenerator(channels)


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


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the nets make of a batch: images (B, C, H, W), latents and features (B, ...), logits (B,).

    Attributes:
        x: the images.
        x_hat: G's reconstruction.
        latent: of x, by the first encoder.
        latent_hat: of x_hat, by the second.
        y: logits of D(x).
        f: features of D(x).
        y_hat: logits of D(x_hat).
        f_hat: features of D(x_hat).
    """

    x: Tensor
    x_hat: Tensor
    latent: Tensor
    latent_hat: Tensor
    y: Tensor
    f: Tensor
    y_hat: Tensor
    f_hat: Tensor


class Ganomaly(AdversarialMethod):
    """Encoder, decoder, encoder; it knows no labelled anomalies."""

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """G(x), D(x) and D(x_hat), each once (theirs makes both passes of D twice, with the same outcome)."""
        generator, discriminator = self.generator, self.discriminator
        assert n_normal == len(x)  # held by RunSpec: gamma is 0
        with bn_mode(generator, BNMode.UPDATE), bn_mode(discriminator, BNMode.UPDATE):
            x_hat, latent, latent_hat = generator(x)
            x_hat = at_least_float32(x_hat)
            y, f = discriminator(x)
            y_hat, f_hat = discriminator(x_hat)
        return Outputs(x, x_hat, latent, latent_hat, y, f, y_hat, f_hat)

    def losses(self, out: Outputs) -> Losses:
        """L_g and L_d of a batch."""
        terms = {
            "adv": feature_matching_loss(out.f, out.f_hat),
            "con": contextual_loss(out.x, out.x_hat).mean(),
            "lat": encoder_loss(out.latent, out.latent_hat),
        }
        return Losses({"d": discriminator_loss(out.y, out.y_hat), "g": generator_loss(terms)}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Mean squared difference of the two latents of each image (model.py, test)."""
        _, latent, latent_hat = self.generator(x)
        return latent_loss(latent, latent_hat)

    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's image."""
        x_hat: Tensor = self.generator(x)[0]
        return x_hat


def feature_matching_loss(f: Tensor, f_hat: Tensor) -> Tensor:
    """err_g_adv: mean squared difference of D's features of x and of x_hat, a scalar. AGAD's Eq. 7 is the same."""
    return latent_loss(f, f_hat).mean()


def encoder_loss(latent: Tensor, latent_hat: Tensor) -> Tensor:
    """err_g_enc: mean squared difference of the latents of x and of x_hat, a scalar; AGAD has no such term."""
    return latent_loss(latent, latent_hat).mean()


def generator_loss(terms: dict[str, Tensor]) -> Tensor:
    """err_g: the terms `adv`, `con` and `lat`, weighted by WEIGHTS; a scalar."""
    return WEIGHTS["adv"] * terms["adv"] + WEIGHTS["con"] * terms["con"] + WEIGHTS["lat"] * terms["lat"]


def discriminator_loss(y: Tensor, y_hat: Tensor) -> Tensor:
    """err_d: half the sum of the cross entropies of real images as real and of reconstructions as not; in nats."""
    return 0.5 * (adversarial_loss(y, 1.0).mean() + adversarial_loss(y_hat, 0.0).mean())
