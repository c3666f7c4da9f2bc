"""A plain autoencoder, scored by its reconstruction: what a new method needs, one file of agad/methods/."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agad.methods.losses import adversarial_loss, contextual_loss
from agad.methods.method import Losses
from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.spec.run import RunSpec

METHOD = {
    "title": "Autoencoder",
    "labels": "none",
    "unused": ["batch norm", "loss weight", "loss", "min_anomalies", "batch_mix", "anomaly_place"],
}


def make(spec: RunSpec) -> Autoencoder:
    """The method of a spec."""
    return Autoencoder()


@dataclass(frozen=True)
class Outputs:
    """Images, their reconstructions (B, C, H, W), and logits of the images (B,)."""

    x: Tensor
    x_hat: Tensor
    y: Tensor


class Autoencoder:
    """Minimises |x - G(x)|; D only learns that images are real."""

    def forward(self, generator: BatchNormNet, discriminator: Discriminator, x: Tensor, n_normal: int) -> Outputs:
        """G(x) and D(x)."""
        with bn_mode(generator, BNMode.UPDATE), bn_mode(discriminator, BNMode.UPDATE):
            return Outputs(x, generator(x), discriminator(x)[0])

    def losses(self, out: Outputs) -> Losses:
        """L_g and L_d of a batch."""
        con = contextual_loss(out.x, out.x_hat).mean()
        return Losses(con, adversarial_loss(out.y, 1.0).mean(), {"con": con})

    def scores(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """Mean |x - G(x)| of each image."""
        return contextual_loss(x, self.reconstruct(generator, x))

    def reconstruct(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """G(x)."""
        x_hat: Tensor = generator(x)
        return x_hat
