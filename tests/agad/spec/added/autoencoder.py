"""A plain autoencoder, scored by its reconstruction: what a new method needs, one file of agad/methods/."""

from __future__ import annotations

from torch import Tensor

from agad.methods import Group, Losses, Method, build_generator
from agad.methods.losses import contextual_loss
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

METHOD = {
    "title": "Autoencoder",
    "labels": "none",
    "uses": ["network", "batch_size", "lr", "beta1", "beta2", "precision"],
}


def make(spec: RunSpec, channels: int) -> Autoencoder:
    """The method of a spec, for images with that many channels."""
    return Autoencoder(spec, channels)


class Autoencoder(Method):
    """Minimises |x - G(x)|."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.generator = build_generator(spec, channels, seeded("init", "generator", spec.backbone, *spec.seed_key))
        group = Group.of(spec, "g", "generator")
        super().__init__({"generator": self.generator}, (group,))

    def forward(self, x: Tensor, n_normal: int) -> tuple[Tensor, Tensor]:
        """Images x (B, C, H, W) and G(x); all of them are normal, since it takes no labels."""
        with bn_mode(self.generator, BNMode.UPDATE):
            return x, self.generator(x)

    def losses(self, out: tuple[Tensor, Tensor]) -> Losses:
        """Each group's loss, and terms for the curve."""
        con = contextual_loss(*out).mean()
        return Losses({"g": con}, {"con": con})

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:
        """Mean |x - G(x)| of each image, (B,); higher is more anomalous."""
        return contextual_loss(x, self.reconstruct(x))

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(x), same shape."""
        x_hat: Tensor = self.generator(x)
        return x_hat
