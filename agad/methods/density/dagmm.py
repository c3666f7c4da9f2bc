"""DAGMM (Zong et al. 2018): an autoencoder's code and error, and a mixture of Gaussians over both; the score is energy.

    z = [code, |x - x_hat| / |x|, cos(x, x_hat)],  membership = softmax(h(z)),  E(z) = -log sum_k phi_k N(z; mu_k, S_k)
    L = mean (x - x_hat)^2 + .01 mean E(z) + .0005 sum_kj 1 / S_kjj

The paper is about tabular data and has no net for images. The printed row of CIFAR-100 is Golan and El-Yaniv's (2018),
github.com/izikgo/AnomalyDetectionTransformations at 6327041, models/dagmm.py, models/encoders_decoders.py and
experiments.py. Read there: nets (64-128-256 channels, code 5, estimation 64-10-3 with dropout .5), both weights (the
paper's are .1 and .005), images in [-1, 1], Adam 1e-3, batch 256, 200 epochs, five runs.

Not theirs: mixture and score. They score with the moments of the last training batch, from memberships with dropout,
and add 1e-7 to each component's density, so that all energies above 15 nats tie, in training too; energies that are
not finite become the highest. Here `fit` takes the moments of all training normals without dropout, and energies are
computed by logarithms: finite, and without ties. The jitter of covariances is their mean, 1e-3, and not drawn. Strided
convolutions are padded on both sides, theirs on one; batch norm has torch's momentum and epsilon, not Keras'.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agad.methods.density.keyed import KeyedMethod
from agad.methods.density.mixture import Mixture, mixture_of
from agad.methods.losses import at_least_float32
from agad.methods.method import Group, Losses, TrainView
from agad.nets.build import seeded_net
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, BNMode, bn_mode
from agad.nets.layers.convolution import Conv2d, ConvTranspose2d
from agad.spec.run import RunSpec

METHOD = {
    "title": "DAGMM",
    "cost": 0.2,  # measured on one CPU core
    "labels": "none",
    "image_sizes": [32],
    "exported": False,  # solves triangular systems
    "uses": ["init", "batch_size", "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision"],
}

WEIGHTS = {"energy": 0.01, "penalty": 0.0005}
"""Of the terms of the loss beside the reconstruction's, which has 1."""
CODE = 5
"""Numbers in a code."""
COMPONENTS = 3
"""Of the mixture."""
DROPOUT = 0.5
"""Share of the estimation net's hidden values that an update leaves out."""
_WIDTHS = (64, 128, 256)
_HIDDEN = (64, 10)
_TINY = 1e-12


def make(spec: RunSpec, channels: int) -> Dagmm:
    """The method of a spec, for images with that many channels."""
    return Dagmm(spec, channels)


class Autoencoder(BatchNormNet):
    """Three strided 3x3 convolutions to 4x4, a linear code, and the way back.

    Args:
        channels: of the image, in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for inputs, outputs in zip((channels, *_WIDTHS), _WIDTHS, strict=False):
            down += [Conv2d(inputs, outputs, 3, 2, 1), BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        up: list[nn.Module] = []
        for inputs, outputs in zip(_WIDTHS[::-1], (*_WIDTHS[-2::-1], channels), strict=True):
            up += [BatchNorm2d(inputs), nn.ReLU(inplace=True)]
            up.append(ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1))
        self.down, self.up = nn.Sequential(*down), nn.Sequential(*up[1:])
        flat = _WIDTHS[-1] * 16
        self.code, self.dense, self.dense_norm = nn.Linear(flat, CODE), nn.Linear(CODE, flat), BatchNorm2d(flat)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images x (N, channels, 32, 32) in [-1, 1] to codes (N, CODE) and reconstructions, shaped as x."""
        code: Tensor = self.code(self.down(x).flatten(1))
        first = self.dense_norm(self.dense(code)[:, :, None, None]).view(-1, _WIDTHS[-1], 4, 4)
        return code, self.up(first).tanh()


class Estimation(nn.Module):
    """From z to memberships: two hidden layers with tanh."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (CODE + 2, *_HIDDEN, COMPONENTS)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, z: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """Memberships (B, COMPONENTS), rows of sum 1, of z (B, CODE + 2); with dropout where there are draws."""
        *hidden, last = self.layers
        for layer in hidden:
            z = layer(z).tanh()
            if draws is not None:
                kept = torch.rand(z.shape, generator=draws) >= DROPOUT
                z = z * kept.to(z.device) / (1 - DROPOUT)
        return at_least_float32(last(z)).softmax(1)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Of a batch: images and reconstructions (B, C, H, W), z (B, CODE + 2), memberships (B, COMPONENTS)."""

    x: Tensor
    x_hat: Tensor
    z: Tensor
    memberships: Tensor


class Dagmm(KeyedMethod):
    """Both nets are moved by one loss."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.autoencoder = seeded_net(spec, lambda: Autoencoder(channels), "dagmm")
        self.estimation = seeded_net(spec, Estimation, "estimation")
        nets = {"autoencoder": self.autoencoder, "estimation": self.estimation}
        super().__init__(nets, (Group.of(spec, "dagmm", *nets),))

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - all are normal, held by RunSpec
        """Both nets once, the second with dropout."""
        with bn_mode(self.autoencoder, BNMode.UPDATE):
            z, x_hat = self._represent(x)
        return Outputs(x, x_hat, z, self.estimation(z, self.draws("dropout")))

    def losses(self, out: Outputs) -> Losses:
        """Reconstruction, energy under the batch's own mixture, and penalty."""
        mixture = mixture_of(out.z, out.memberships)
        terms = {
            "con": (out.x - out.x_hat).square().mean(),
            "energy": mixture.energies(out.z).mean(),
            "penalty": mixture.penalty(),
        }
        loss = terms["con"] + torch.stack([weight * terms[name] for name, weight in WEIGHTS.items()]).sum()
        return Losses({"dagmm": loss}, terms)

    def fit(self, train: TrainView) -> Mixture:
        """The mixture of all training normals."""
        found = []
        for x in train.pieces(train.normal):
            z, _ = self._represent(x)
            found.append((z, self.estimation(z)))
        z, memberships = (torch.cat(parts) for parts in zip(*found, strict=True))
        return mixture_of(z, memberships)

    def scores(self, x: Tensor, fitted: Mixture, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Energies in nats, (B,)."""
        return fitted.energies(self._represent(x)[0])

    def recalibration_pass(self, x: Tensor) -> None:
        """The autoencoder alone has statistics."""
        self.autoencoder(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """x_hat, same shape."""
        return self._represent(x)[1]

    def _represent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z (B, CODE + 2) and x_hat, both float32 at least."""
        code, x_hat = map(at_least_float32, self.autoencoder(x))
        flat, flat_hat = x.flatten(1), x_hat.flatten(1)
        distance = ((flat - flat_hat).square().sum(1) / flat.square().sum(1).clamp(min=_TINY) + _TINY).sqrt()
        return torch.cat([code, distance[:, None], F.cosine_similarity(flat, flat_hat)[:, None]], 1), x_hat
