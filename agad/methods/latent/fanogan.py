"""f-AnoGAN (Schlegl et al. 2019): a Wasserstein GAN of normals, and an encoder that finds an image in its latent space.

Source: github.com/tSchlegl/f-AnoGAN at 35b1de9, wgangp_64x64.py, z_encoding_izif.py and anomaly_detection.py. The paper
was not read. With a critic D, its last features f before the judgement, G and z ~ N(0, 1)^128:

    stage 1 (`pretrain_updates`)  L_d = mean D(G(z)) - mean D(x) + 10 mean (|grad D(x~)| - 1)^2,  L_g = -mean D(G(z)),
                                  x~ = x + a (G(z) - x), a uniform in (0, 1) for each image
    stage 2 (`updates`)           L_e = mean (x - G(E(x)))^2 + kappa mean (f(x) - f(G(E(x))))^2, kappa = 1
    score                         that of the image alone

Read there: these losses, five updates of D for one of G, z and its 128 numbers, tanh at the encoder's end (`izi_f` and
`tanh_fc`, named as the paper's), G and D fixed and in inference mode in stage 2, the score; batches of 64, Adam with
1e-4, 0 and .9 in stage 1, 50,000 updates of RMSProp with 5e-5 in stage 2. Stage 1's length, 7 epochs, is that of a data
set which is not published.

Not theirs: nets are DCGAN's at 32x32 (agad/nets/dcgan.py) and not residual ones at 64x64, the critic's layer norm has
no affine part; G moves in every fifth update of D, at the same weights and on the same z; the encoder has Adam at the
spec's rate, which with betas of 0 and .9 is RMSProp but for the correction of its bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agad.methods.latent import noise
from agad.methods.losses import at_least_float32, latent_loss
from agad.methods.method import Group, Losses, Method
from agad.nets.build import seeded_net
from agad.nets.dcgan import Judge, LatentEncoder, LatentGenerator
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

METHOD = {
    "title": "f-AnoGAN",
    "cost": 0.55,  # mean of both stages, measured on one CPU core: 0.7 and 0.4
    "labels": "none",
    "image_sizes": [32],
    "pretrained": True,
    "uses": ["pretrain_updates", "init", "batch_size", "lr", "beta1", "beta2", "precision"],
}

LATENT = 128
"""Numbers of z."""
CRITIC = 5
"""Updates of D for one of G."""
PENALTY = 10.0
"""Weight of the gradient penalty."""
KAPPA = 1.0
"""Weight of the features in L_e and in the score."""


def make(spec: RunSpec, channels: int) -> FAnoGan:
    """The method of a spec, for images with that many channels."""
    return FAnoGan(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """Stage 1 over a batch: judgements y = D(x) and y_hat = D(G(z)), (B,); slopes |grad D(x~)|, (B,).

    `moves_g` says whether G moves too.
    """

    y: Tensor
    y_hat: Tensor
    slopes: Tensor
    moves_g: bool


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Stage 2 over a batch: mean squared differences of each image's pixels and of its features, each (B,)."""

    image: Tensor
    features: Tensor

    @property
    def total(self) -> Tensor:
        """With their weights, (B,): the loss of an image, and its score."""
        return self.image + KAPPA * self.features


class FAnoGan(Method):
    """The method of a spec; it knows no labelled anomalies."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.generator = seeded_net(spec, lambda: LatentGenerator(channels, LATENT), "fanogan generator")
        self.critic = seeded_net(spec, lambda: Judge(channels, critic=True), "fanogan critic")
        self.encoder = seeded_net(spec, lambda: LatentEncoder(channels, LATENT), "fanogan encoder")
        groups = (
            Group.of(spec, "d", "discriminator", pretrains=True),
            Group.of(spec, "g", "generator", pretrains=True),
            Group.of(spec, "e", "encoder"),
        )
        super().__init__({"generator": self.generator, "discriminator": self.critic, "encoder": self.encoder}, groups)

    def forward(self, x: Tensor, n_normal: int) -> Game | Distances:  # noqa: ARG002 - all are normal
        """The passes of the stage."""
        if self.pretraining:
            return self._game(x)
        with bn_mode(self.encoder, BNMode.UPDATE):
            return self._distances(x)

    def losses(self, out: Game | Distances) -> Losses:
        """Those of the stage; G's where it moves."""
        if isinstance(out, Distances):
            terms = {"image": out.image.mean(), "features": out.features.mean()}
            return Losses({"e": out.total.mean()}, terms)
        distance, penalty = out.y.mean() - out.y_hat.mean(), (out.slopes - 1).square().mean()
        by_group = {"d": PENALTY * penalty - distance}
        if out.moves_g:
            by_group["g"] = -out.y_hat.mean()
        return Losses(by_group, {"wasserstein": distance, "penalty": penalty})

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Mean squared differences of pixels and of features, (B,)."""
        return self._distances(x).total

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(E(x))."""
        x_hat: Tensor = self.generator(self.encoder(x))
        return x_hat

    def _game(self, x: Tensor) -> Game:
        z = noise.normal(self.spec, "fanogan z", self.update, x, LATENT)
        moves_g = self.update % CRITIC == CRITIC - 1
        with bn_mode(self.generator, BNMode.UPDATE), torch.set_grad_enabled(moves_g):
            fake = at_least_float32(self.generator(z))
        share = torch.rand((len(x), 1, 1, 1), generator=seeded("fanogan x~", *self.spec.seed_key, self.update)).to(x)
        between = (x + share * (fake.detach() - x)).requires_grad_()
        judged = at_least_float32(self.critic(between)[0]).sum()
        (gradient,) = torch.autograd.grad(judged, between, create_graph=True)
        slopes = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        y, y_hat = (at_least_float32(self.critic(images)[0]) for images in (x, fake))
        return Game(y, y_hat, slopes, moves_g)

    def _distances(self, x: Tensor) -> Distances:
        x_hat = at_least_float32(self.reconstruct(x))
        features = latent_loss(self.critic(x)[1], self.critic(x_hat)[1])
        return Distances((x - x_hat).square().flatten(1).mean(1), features)
