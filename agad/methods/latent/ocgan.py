"""OCGAN (Perera, Nallapati and Xiang 2019): a denoising autoencoder all of whose bounded latent space makes normals.

Source: github.com/PramuPerera/OCGAN at 0dda279, models.py, andgan.py, options.py and TestNovelty.py. The paper was not
read. With encoder En ending in tanh, decoder De, discriminators D_l of vectors and D_v of images, a classifier C,
noise n ~ N(0, .2^2), z = En(x + n), u and u' uniform in (-1, 1)^16, H the cross entropy of a logit:

    D_l     (H(D_l(z), 0) + H(D_l(u'), 1)) / 2
    D_v     (H(D_v(De(u)), 0) + H(D_v(x), 1)) / 2
    C       (H(C(De(u)), 0) + H(C(De(z)), 1)) / 2
    En, De  10 H(D_l(z), 1) + H(D_v(De(m)), 1) + lambda_con / 2 mean (x - De(z))^2
    m       tanh of a uniform vector; in the last quarter ("informative negatives") after one step of 2 against the
            gradient of H(C(De(tanh m)), 0), towards what C rejects
    score   mean (x - De(En(x)))^2

Read there: these losses with z, u and m where they stand, five nets, Adam with 2e-4 and .5, batches of 512, 201 epochs
with mining after the 150th, lambda 10 in the readme and 500 in the script for all classes (`lambda_con`).

Open there, or broken: four scores are computed, D_v of reconstructions and of the image beside this one, and none is
named as the reported one; the epoch is that of least error on held-out normals, here the last; an iterator that is
reset in its own loop keeps the trainer from ever ending an epoch. Its encoder ends in a leaky ReLU by default: then z
is not bounded, and the file's other choice, tanh, is taken.

Not theirs: DCGAN's nets at 32x32, grey ones with one channel (agad/nets/dcgan.py), in place of 5x5 convolutions at
61x61 and three channels, with the same widths and latent; no dropout; D_l's sixteen outputs have one sigmoid, not
two; the losses are taken at the same weights and not in turn; running statistics come from x and De(z) alone; the
images that are scored carry no noise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agad.methods.latent import noise
from agad.methods.losses import adversarial_loss, at_least_float32
from agad.methods.method import Group, Losses, Method
from agad.nets.build import seeded_net
from agad.nets.dcgan import Judge, LatentEncoder, LatentGenerator
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

METHOD = {
    "title": "OCGAN",
    "cost": 0.9,  # measured on one CPU core: 0.85, and 1.05 with mining
    "labels": "none",
    "image_sizes": [32],
    "uses": ["lambda_con", "init", "batch_size", "lr", "beta1", "beta2", "precision"],
}

LATENT = 16
"""Numbers of z."""
VISUAL_WIDTH = 12
"""Of D_v's first layer: the readme's `ndf`."""
NOISE = 0.2
"""Standard deviation of what is added to the encoder's images in training."""
LATENT_WEIGHT = 10.0
"""Of D_l's judgement in the loss of En and De."""
MINING_FROM = 0.75
"""Share of the updates before informative negatives are looked for: 150 of 200 epochs."""
MINING_STEP = 2.0
"""Length of the one step of the search for them."""


def make(spec: RunSpec, channels: int) -> OcGan:
    """The method of a spec, for images with that many channels."""
    return OcGan(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Of a batch: images (B, C, 32, 32), and logits.

    Attributes:
        x: the images.
        x_hat: De(z).
        latent_fake: D_l(z), (B, 16).
        latent_real: D_l(u'), (B, 16).
        visual_real: D_v(x), (B,).
        visual_fake: D_v(De(u)), (B,).
        visual_mined: D_v(De(m)), (B,).
        class_real: C(De(z)), (B,).
        class_fake: C(De(u)), (B,).
    """

    x: Tensor
    x_hat: Tensor
    latent_fake: Tensor
    latent_real: Tensor
    visual_real: Tensor
    visual_fake: Tensor
    visual_mined: Tensor
    class_real: Tensor
    class_fake: Tensor


class LatentDiscriminator(nn.Module):
    """Dense layers 128, 64, 32 and 16: vectors (N, LATENT) to sixteen logits each, positive for uniform ones."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(LATENT, 128)]
        for inputs in (128, 64, 32):
            layers += [nn.ReLU(), nn.Linear(inputs, inputs // 2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """(N, LATENT) to (N, 16)."""
        logits: Tensor = self.layers(z)
        return logits


class OcGan(Method):
    """The method of a spec; it knows no labelled anomalies."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.encoder = seeded_net(spec, lambda: LatentEncoder(channels, LATENT), "ocgan encoder")
        self.decoder = seeded_net(spec, lambda: LatentGenerator(channels, LATENT), "ocgan decoder")
        self.latent = seeded_net(spec, LatentDiscriminator, "ocgan latent")
        self.visual = seeded_net(spec, lambda: Judge(channels, VISUAL_WIDTH), "ocgan visual")
        self.classifier = seeded_net(spec, lambda: Judge(channels), "ocgan classifier")
        nets = {"encoder": self.encoder, "decoder": self.decoder, "latent": self.latent, "visual": self.visual}
        moves = {name: (name,) for name in ("latent", "visual", "classifier")} | {"ae": ("encoder", "decoder")}
        groups = tuple(Group.of(spec, name, *moved) for name, moved in moves.items())
        super().__init__({**nets, "classifier": self.classifier}, groups)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - all are normal
        """All passes, each once; those of generated images move no running statistics."""
        added = NOISE * torch.randn(x.shape, generator=self._key("noise")).to(x)
        u, other, m = (noise.uniform(self.spec, f"ocgan {name}", self.update, x, LATENT) for name in ("u", "u'", "m"))
        with _all_in(BNMode.UPDATE, self.encoder, self.decoder):
            z = self.encoder(x + added)
            x_hat = at_least_float32(self.decoder(z))
        with _all_in(BNMode.BATCH, self.decoder, self.visual, self.classifier):
            with torch.no_grad():
                x_u = self.decoder(u)
            x_m = self.decoder(self._mined(m).tanh())
            visual_fake, visual_mined = self.visual(x_u)[0], self.visual(x_m)[0]
            class_fake = self.classifier(x_u)[0]
        with _all_in(BNMode.UPDATE, self.visual, self.classifier):
            visual_real, class_real = self.visual(x)[0], self.classifier(x_hat.detach())[0]
        latent = self.latent(z), self.latent(other)
        return Outputs(x, x_hat, *latent, visual_real, visual_fake, visual_mined, class_real, class_fake)

    def losses(self, out: Outputs) -> Losses:
        """Each net's, in nats but for the reconstruction."""
        con = (out.x - out.x_hat).square().mean()
        of_latent, of_visual = _entropy(out.latent_fake, 1.0), _entropy(out.visual_mined, 1.0)
        by_group = {
            "latent": _told_apart(out.latent_real, out.latent_fake),
            "visual": _told_apart(out.visual_real, out.visual_fake),
            "classifier": _told_apart(out.class_real, out.class_fake),
            "ae": LATENT_WEIGHT * of_latent + of_visual + self.spec.lambda_con / 2 * con,
        }
        return Losses(by_group, {"squared_error": con, "adv_latent": of_latent, "adv_visual": of_visual})

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Mean (x - De(En(x)))^2 over each image's pixels, (B,)."""
        return (x - at_least_float32(self.reconstruct(x))).square().flatten(1).mean(1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """De(En(x)), without noise."""
        x_hat: Tensor = self.decoder(self.encoder(x))
        return x_hat

    def _mined(self, m: Tensor) -> Tensor:
        """The vectors m before their tanh, (B, LATENT): in the last updates moved to where C rejects what they make."""
        if self.update < MINING_FROM * self.spec.updates:
            return m
        m = m.requires_grad_()
        logits = self.classifier(self.decoder(m.tanh()))[0]
        (gradient,) = torch.autograd.grad(adversarial_loss(logits, 0.0).sum(), m)
        return (m - MINING_STEP * gradient).detach()

    def _key(self, name: str) -> torch.Generator:
        return seeded(f"ocgan {name}", *self.spec.seed_key, self.update)


@contextlib.contextmanager
def _all_in(mode: BNMode, *nets: BatchNormNet) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for net in nets:
            stack.enter_context(bn_mode(net, mode))
        yield


def _entropy(logits: Tensor, target: float) -> Tensor:
    return adversarial_loss(logits, target).mean()


def _told_apart(real: Tensor, fake: Tensor) -> Tensor:
    return (_entropy(real, 1.0) + _entropy(fake, 0.0)) / 2
