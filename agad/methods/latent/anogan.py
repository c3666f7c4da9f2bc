"""AnoGAN (Schlegl et al. 2017): a DCGAN of normals, in whose latent space each test image is searched.

Its authors published no code, and the paper was not read: what follows is what others say of it and write after it.
With a discriminator D whose features before the judgement are f, G and z uniform in (-1, 1)^100:

    training  L_d = H(D(x), 1) + H(D(G(z)), 0),  L_g = H(D(G(z)), 1), H being the cross entropy of a logit
    search    A(z) = (1 - lambda) sum |x - G(z)| + lambda sum |f(x) - f(G(z))|, lambda = .1, sums over all pixels and
              features of an image, made small by `search_steps` steps from a z drawn for each image
    score     A of the last z

Agreed on by those descriptions: A, lambda, both nets' kind, D and G fixed in the search. Choices made here: widths
64 to 256 at 32x32 (agad/nets/dcgan.py), z has DCGAN's 100 numbers; steps are Adam's with a rate of .05 and its usual
betas, z is not kept in (-1, 1); one start, no restarts; D's running statistics come from real images alone; training
has no length of theirs. The rate was chosen on training normals: after 500 steps A of MNIST's was 296 at a rate of .01,
293 at .05 and 294 at .2; at .05 it was 297 after 100 steps.

G and D are in inference mode in the search, so `eval` is the one protocol: under statistics of a test batch no image
would have a search of its own. Where a search starts depends on the image's place in the test set and on the seed, so
a score owes nothing to the batch that the image is scored in but rounding: after 100 steps not a bit on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from agad.methods.latent import noise
from agad.methods.losses import adversarial_loss, at_least_float32
from agad.methods.method import Group, Losses, Method, TrainView
from agad.nets.build import seeded_net
from agad.nets.dcgan import Judge, LatentGenerator
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.layers.convolution import frozen
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

METHOD = {
    "exported": False,  # searches each image by gradients
    "title": "AnoGAN",
    "cost": 0.5,  # measured on one CPU core, as is the search
    "search_cost": 10.0,
    "labels": "none",
    "image_sizes": [32],
    "protocols": ["eval"],
    "uses": ["search_steps", "init", "batch_size", "lr", "beta1", "beta2", "precision"],
}

LATENT = 100
"""Numbers of z."""
LAMBDA = 0.1
"""Weight of the features in A."""
RATE, BETAS, EPSILON = 0.05, (0.9, 0.999), 1e-8
"""Of Adam in the search."""


def make(spec: RunSpec, channels: int) -> AnoGan:
    """The method of a spec, for images with that many channels."""
    return AnoGan(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """Logits of D for a batch, (B,): y of the images, y_hat of as many of G's."""

    y: Tensor
    y_hat: Tensor


class AnoGan(Method):
    """The method of a spec; it knows no labelled anomalies."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.generator = seeded_net(spec, lambda: LatentGenerator(channels, LATENT), "anogan generator")
        self.discriminator = seeded_net(spec, lambda: Judge(channels), "anogan discriminator")
        self._tick: Callable[[], None] = lambda: None
        groups = (Group.of(spec, "d", "discriminator"), Group.of(spec, "g", "generator"))
        super().__init__({"generator": self.generator, "discriminator": self.discriminator}, groups)

    def forward(self, x: Tensor, n_normal: int) -> Judgements:  # noqa: ARG002 - all are normal
        """G(z), D(x) and D(G(z)), each once."""
        z = noise.uniform(self.spec, "anogan z", self.update, x, LATENT)
        with bn_mode(self.generator, BNMode.UPDATE), bn_mode(self.discriminator, BNMode.UPDATE):
            fake, y = self.generator(z), self.discriminator(x)[0]
        with bn_mode(self.discriminator, BNMode.BATCH):
            return Judgements(y, self.discriminator(fake)[0])

    def losses(self, out: Judgements) -> Losses:
        """L_d and L_g."""
        adv = adversarial_loss(out.y_hat, 1.0).mean()
        loss_d = adversarial_loss(out.y, 1.0).mean() + adversarial_loss(out.y_hat, 0.0).mean()
        return Losses({"d": loss_d, "g": adv}, {"adv": adv})

    def fit(self, train: TrainView) -> None:
        """Nothing; keeps the tick, for a search is long."""
        self._tick = train.tick

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """A of the z that was found for each image, (B,)."""
        keys = [seeded("anogan search", *self.spec.seed_key, position) for position in positions.tolist()]
        z = torch.stack([torch.rand(LATENT, generator=key) for key in keys]).mul_(2).sub_(1).to(x)
        with frozen(self.generator), frozen(self.discriminator):
            f = at_least_float32(self.discriminator(x)[1])
            found = self._searched(x, f, z)
            return self.distances(x, f, found)

    def distances(self, x: Tensor, f: Tensor, z: Tensor) -> Tensor:
        """A, (B,), of vectors z (B, LATENT) and images x (B, C, 32, 32) with features f (B, ...)."""
        x_hat = at_least_float32(self.generator(z))
        f_hat = at_least_float32(self.discriminator(x_hat)[1])
        residual, features = ((a - b).abs().flatten(1).sum(1) for a, b in ((x, x_hat), (f, f_hat)))
        return (1 - LAMBDA) * residual + LAMBDA * features

    def _searched(self, x: Tensor, f: Tensor, z: Tensor) -> Tensor:
        """The last z of the search, (B, LATENT): each image's gradient is its own, and so is each of Adam's numbers."""
        mean, square = torch.zeros_like(z), torch.zeros_like(z)
        for step in range(1, self.spec.search_steps + 1):
            self._tick()
            with torch.enable_grad():
                z = z.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(self.distances(x, f, z).sum(), z)
            mean = torch.lerp(gradient, mean, BETAS[0])
            square = torch.lerp(gradient.square(), square, BETAS[1])
            height = math.sqrt(1 - BETAS[1] ** step)
            z = z.detach() - RATE / (1 - BETAS[0] ** step) * mean / (square.sqrt() / height + EPSILON)
        return z
