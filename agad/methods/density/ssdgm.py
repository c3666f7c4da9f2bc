"""SS-DGM (Kingma et al. 2014): a generative model with the label as a latent variable, M2, on the codes of another, M1.

    M1, in pretraining:  -ELBO(x) = -log p(x|z1) + log q(z1|x) - log p(z1), of all images
    M2:  L(x, y) = -log p(x|y, z2) - log p(y) + log q(z2|z1, y) - log p(z2)
         U(x) = sum_y q(y|x) L(x, y) - H(q(y|x))
         J = mean L(x, anomalous) of anomalies + mean U(x) of normals - alpha mean log q(anomalous|x) of anomalies
         alpha = .1 (1 - gamma) / gamma

z1 and z2 are one sample each, q(y|x) is taken at the mean of z1; p(y) is uniform, p(x|.) is Bernoulli in each pixel.
The score is the log-odds of q(anomalous|x): the order of the probability, without the ties of those that round to 1.

Read in github.com/lukasruff/Deep-SAD-PyTorch at 2e7aca3, src/networks/dgm.py and vae.py, src/optim: all of that, images
in [0, 1], hidden layers 128-64 and 32 numbers in z1 and z2 for MNIST (256-128, 64 for Fashion-MNIST; 512-256, 128 for
CIFAR-10), log variances through a softplus, so that no variance is below 1; a classifier with one hidden layer; that M2
restores x itself and not z1; Adam 1e-3, decay 1e-6, batch 128, 100 epochs of M1 and 50 of M2. By default their script
does not pretrain: M1 then stays as it is drawn, which is `pretrain_updates=0` here.

Not theirs: their batches hold the labelled images that happen to be there, and the labelled terms are left out where
there is but one; here each batch has places for them. Weights are drawn as the spec says, theirs by Xavier's rule.
Which of the widths is RunSpec.encoder, by the data set that they are for; there is no LeNet here.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.methods.density.keyed import KeyedMethod
from agad.methods.losses import at_least_float32
from agad.methods.method import Group, Losses
from agad.nets.build import seeded_net
from agad.spec.run import RunSpec

METHOD = {
    "title": "SS-DGM",
    "cost": 0.05,
    "encoder_cost": {"lenet_small": 0.008, "lenet_medium": 0.012, "lenet_large": 0.05},  # mean of both stages
    "labels": "must",
    "uses": [
        "encoder", "pretrain_updates", "pretrain_weight_decay", "pretrain_lr_steps", "init",
        "batch_size", "min_anomalies", "anomaly_place", "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
    "protocols": ["eval"],
}  # fmt: skip

WIDTHS = {"lenet_small": ((128, 64), 32), "lenet_medium": ((256, 128), 64), "lenet_large": ((512, 256), 128)}
"""Hidden layers, and the numbers in z1 and z2."""
NORMAL, ANOMALOUS = 0, 1


def make(spec: RunSpec, channels: int) -> SsDgm:
    """The method of a spec, for images with that many channels."""
    return SsDgm(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """A Gaussian with a diagonal covariance for each of B images, and a sample of it; each (B, z)."""

    mean: Tensor
    log_variance: Tensor
    sample: Tensor

    def divergence(self) -> Tensor:
        """Log q(z) - log p(z) at the sample, p being the standard Gaussian, in nats: (B,)."""
        inside = self.log_variance + (self.sample - self.mean).square() * torch.exp(-self.log_variance)
        return (self.sample.square() - inside).sum(1) / 2


class Gaussian(nn.Module):
    """From features to a Gaussian: hidden layers with ReLU, then mean and log variance."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], latent: int) -> None:
        super().__init__()
        self.hidden = _layers(inputs, *hidden)
        self.mean, self.log_variance = nn.Linear(hidden[-1], latent), nn.Linear(hidden[-1], latent)

    def forward(self, x: Tensor, draws: torch.Generator) -> Latent:
        """Features (B, inputs) to a Gaussian and its sample."""
        for layer in self.hidden:
            x = layer(x).relu()
        mean, log_variance = at_least_float32(self.mean(x)), F.softplus(at_least_float32(self.log_variance(x)))
        noise = torch.randn(mean.shape, generator=draws).to(mean.device, mean.dtype)
        return Latent(mean, log_variance, mean + noise * (log_variance / 2).exp())


class Pixels(nn.Module):
    """From a latent to the logits of pixels: hidden layers with ReLU, in the other order."""

    def __init__(self, latent: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.layers = _layers(latent, *reversed(hidden), outputs)

    def forward(self, z: Tensor) -> Tensor:
        """(B, latent) to (B, outputs)."""
        for layer in self.layers[:-1]:
            z = layer(z).relu()
        return at_least_float32(self.layers[-1](z))


class Autoencoder(nn.Module):
    """A variational autoencoder of vectors, on which a label may be imposed."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], latent: int, outputs: int, labels: int = 0) -> None:
        super().__init__()
        self.encoder, self.decoder = Gaussian(inputs + labels, hidden, latent), Pixels(latent + labels, hidden, outputs)


class Labelled(Autoencoder):
    """M2: its autoencoder, and the classifier q(y|x) of codes."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs, hidden, inputs, outputs, labels=2)
        self.classifier = _layers(inputs, hidden[0], 2)

    def log_odds(self, code: Tensor) -> Tensor:
        """Of being anomalous, (B,), of codes (B, inputs)."""
        hidden, last = self.classifier
        logits = at_least_float32(last(hidden(code).relu()))
        return logits[:, ANOMALOUS] - logits[:, NORMAL]


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Of a batch whose first n_normal images are normal.

    Attributes:
        n_normal: how many are.
        bounds: of M1 in pretraining, (B,): -ELBO(x); after it of M2, (B, 2): L(x, y) for y normal and anomalous. Nats.
        log_odds: of q(anomalous|x), (B,); None in pretraining.
    """

    n_normal: int
    bounds: Tensor
    log_odds: Tensor | None


class SsDgm(KeyedMethod):
    """Two stages: M1 is pretrained and then stays."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.alpha = 0.1 * (1 - spec.gamma) / spec.gamma
        hidden, latent = WIDTHS[spec.encoder]
        pixels = channels * spec.image_size**2
        self.m1 = seeded_net(spec, lambda: Autoencoder(pixels, hidden, latent, pixels), "m1", spec.encoder)
        self.m2 = seeded_net(spec, lambda: Labelled(latent, hidden, pixels), "m2", spec.encoder)
        groups = (
            Group.of(spec, "m1", "m1", pretrains=True),
            Group.of(spec, "m2", "m2"),
        )
        super().__init__({"m1": self.m1, "m2": self.m2}, groups)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """M1 alone; or M2 with both labels, each with samples of its own."""
        x = _vectors(x)
        if self.pretraining:
            latent = self.m1.encoder(x, self.draws("z1"))
            return Outputs(n_normal, _bound(self.m1.decoder(latent.sample), x, latent), None)
        bounds = [self._labelled_bound(x, label) for label in (NORMAL, ANOMALOUS)]
        with torch.no_grad():
            code = self.m1.encoder(x, self.draws("z1")).mean
        return Outputs(n_normal, torch.stack(bounds, 1), self.m2.log_odds(code))

    def losses(self, out: Outputs) -> Losses:
        """Of the stage; see the equations above."""
        if out.log_odds is None:
            return Losses({"m1": out.bounds.mean()})
        n = out.n_normal
        logs = torch.stack([F.logsigmoid(-out.log_odds), F.logsigmoid(out.log_odds)], 1)
        terms = {
            "labelled": out.bounds[n:, ANOMALOUS].mean(),
            "unlabelled": (logs[:n].exp() * (out.bounds[:n] + logs[:n])).sum(1).mean(),
            "ce_anomaly": -logs[n:, ANOMALOUS].mean(),
        }
        loss = terms["labelled"] + terms["unlabelled"] + self.alpha * terms["ce_anomaly"]
        return Losses({"m2": loss}, terms)

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """The log-odds of q(anomalous|x), (B,); nothing is drawn that matters."""
        return self.m2.log_odds(self.m1.encoder(_vectors(x), torch.Generator()).mean)

    def _labelled_bound(self, x: Tensor, label: int) -> Tensor:
        """L(x, y) of vectors x (B, pixels): (B,)."""
        y = F.one_hot(torch.full((len(x),), label, device=x.device), 2).to(x.dtype)
        with torch.no_grad():
            code = self.m1.encoder(x, self.draws(f"z1 {label}")).sample
        latent = self.m2.encoder(torch.cat([code, y], 1), self.draws(f"z2 {label}"))
        return _bound(self.m2.decoder(torch.cat([latent.sample, y], 1)), x, latent) + math.log(2)


def _vectors(x: Tensor) -> Tensor:
    """Images (B, C, H, W) in [-1, 1] as rows in [0, 1]."""
    return (x.flatten(1) + 1) / 2


def _bound(logits: Tensor, x: Tensor, latent: Latent) -> Tensor:
    """-log p(x|z) + log q(z) - log p(z), in nats: (B,)."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1) + latent.divergence()


def _layers(*sizes: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
