"""ESAD (Huang, Ye et al. 2021, arXiv 2012.04905): an encoder, a decoder and a second encoder, trained end to end.

    z1 = E1(x), x_hat = D(z1), z2 = E2(x_hat)
    normals:    |x - x_hat|^2      + |z2|           + mean (z1 - z2)^2
    anomalies:  |psi(x) - x_hat|^2 + 1 / (|z2| + e) + mean (z1 - z2)^2
    score:      |x - x_hat|^2 + |z2|

Their code is not public and their full text could not be had. Read: the abstract (the first encoder keeps the mutual
information of image and code, the second sets the entropy of the code, and a constraint makes both agree), and
src/models/esad.jl in the MIT-licensed github.com/OutlierDetectionJL/OutlierDetectionNetworks.jl at 07ace5d, which has
these losses with both weights 1, no corruption (psi(x) = x), one encoder in both places, a sum over pixels in the loss
and a mean in the score.

So it goes as far as the equations. Open are the weights, psi, the nets, the rate and the length: here weights are 1,
psi changes nothing, nets are Deep SAD's, the encoders have weights of their own as the abstract has them, the score
sums as the loss does, and e = 1e-6 as in Deep SAD. The printed 78.8 of CIFAR-10 without any labelled anomaly is far
above what an autoencoder's error gives, so something that matters is likely to be missing here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agad.methods.losses import at_least_float32, latent_loss
from agad.methods.method import Group, Losses, Method, TrainView
from agad.methods.rivals.scaling import Scaling
from agad.nets.build import seeded_net
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.lenet import LeNet, LeNetDecoder
from agad.spec.run import RunSpec

METHOD = {
    "title": "ESAD",
    "cost": 0.8,
    "encoder_cost": {"lenet_small": 0.06, "lenet_medium": 0.16, "lenet_large": 0.8},  # one CPU core
    "labels": "may",
    "image_sizes": [32],
    "uses": [
        "encoder", "scaling", "init", "batch_size", "min_anomalies", "anomaly_place",
        "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
}  # fmt: skip

WEIGHTS = {"norm": 1.0, "agree": 1.0}
"""Lambda 1 and 2, of the terms beside the reconstruction's."""
EPSILON = 1e-6
"""Added to the norms of anomalies."""


def make(spec: RunSpec, channels: int) -> Esad:
    """The method of a spec, for images with that many channels."""
    return Esad(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Of a batch whose first n_normal images are normal: x and x_hat (B, C, 32, 32), z1 and z2 (B, code)."""

    n_normal: int
    x: Tensor
    x_hat: Tensor
    z1: Tensor
    z2: Tensor


class Esad(Method):
    """Three nets, moved by one loss."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        def encoder(*name: str) -> LeNet:
            return seeded_net(spec, lambda: LeNet(channels, spec.encoder, spec.image_size), *name, spec.encoder)

        self.scaling = Scaling(spec.scaling)
        self.first, self.second = encoder(), encoder("second")
        self.decoder = seeded_net(spec, lambda: LeNetDecoder(channels, spec.encoder), "decoder", spec.encoder)
        nets: dict[str, nn.Module] = {"encoder": self.first, "decoder": self.decoder, "encoder2": self.second}
        group = Group.of(spec, "esad", *nets)
        super().__init__(nets | self.scaling.nets(), (group,))

    def begin(self, train: TrainView) -> None:
        """Measure the scaling's constants."""
        self.scaling.measure(train)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """All three nets once."""
        nets = (self.first, self.decoder, self.second)
        with bn_mode(nets[0], BNMode.UPDATE), bn_mode(nets[1], BNMode.UPDATE), bn_mode(nets[2], BNMode.UPDATE):
            return Outputs(n_normal, *self._passes(x))

    def losses(self, out: Outputs) -> Losses:
        """The mean over the batch."""
        norms = _norms(out.z2)
        n = out.n_normal
        terms = {
            "con": _error(out.x, out.x_hat).mean(),
            "norm": torch.cat([norms[:n], 1 / (norms[n:] + EPSILON)]).mean(),
            "agree": latent_loss(out.z1, out.z2).mean(),
        }
        loss = terms["con"] + torch.stack([weight * terms[name] for name, weight in WEIGHTS.items()]).sum()
        return Losses({"esad": loss}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Squared error, summed over pixels, and norm of the second code: (B,)."""
        x, x_hat, _, z2 = self._passes(x)
        return _error(x, x_hat) + _norms(z2)

    def _passes(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The scaled x, x_hat, z1 and z2."""
        x = self.scaling(x)
        z1 = self.first(x)
        x_hat = self.decoder(z1)
        return x, at_least_float32(x_hat), at_least_float32(z1), at_least_float32(self.second(x_hat))


def _error(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().flatten(1).sum(1)


def _norms(z: Tensor) -> Tensor:
    # At the origin the norm has no gradient, only NaN.
    return (z.square().sum(1) + EPSILON**2).sqrt()
