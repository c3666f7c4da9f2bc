"""Hybrids: an autoencoder's codes, then a kernel machine on them that is fitted once. Table 2's "SSAD Hybrid".

Without labelled anomalies it is the one-class support vector machine (Schölkopf et al. 2001) of scikit-learn with
nu = .1; with them, semi-supervised anomaly detection (Görnitz et al. 2013; dual.py). Both score -sum_i b_i k(x_i, x),
k(x, y) = exp(-width |x - y|^2), up to a constant.

Read in github.com/lukasruff/Deep-SAD-PyTorch at 2e7aca3, src/baselines/ocsvm.py, ssad.py and shallow_ssad: the codes
are those of Deep SAD's autoencoder (hypersphere.py), of all training images, anomalies included; nu; all constants of
SSAD are 1; one anomaly class is known in the borrowed numbers. There the width is the one of ten (2^-7 to 2^2) with the
highest AUROC on a tenth of the test images, labels and all. Here it is fixed in advance: 1 / (d * variance) of the d
numbers of a code over all training images, scikit-learn's `scale`. Their linear kernel beside it is left out.

K of all n training images is held in memory, 4 n^2 bytes: 290 MB at 8,400 images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agad.methods.density.dual import solve
from agad.methods.losses import at_least_float32
from agad.methods.method import Group, Losses, Method, TrainView
from agad.methods.rivals.scaling import Scaling
from agad.nets.build import seeded_net
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.lenet import LeNet, LeNetDecoder
from agad.spec.run import RunSpec

METHOD = {
    "title": "SSAD Hybrid",
    "cost": 0.47,
    "encoder_cost": {"lenet_small": 0.035, "lenet_medium": 0.09, "lenet_large": 0.47},  # one CPU core
    "fit_cost": 5.0,
    "labels": "may",
    "image_sizes": [32],
    "uses": [
        "encoder", "scaling", "init", "batch_size", "min_anomalies", "anomaly_place",
        "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
}  # fmt: skip

NU = 0.1
"""Upper bound on the share of training normals outside, without labelled anomalies."""


def make(spec: RunSpec, channels: int) -> Hybrid:
    """The method of a spec, for images with that many channels."""
    return Hybrid(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """A kernel machine; fitted on the host.

    Attributes:
        vectors: codes of its support vectors, (s, d) float64.
        weights: b, (s,) float64, negative for anomalies.
        width: of the kernel, () float64, in units of one over a squared distance of codes.
    """

    vectors: Tensor
    weights: Tensor
    width: Tensor

    def scores(self, codes: Tensor) -> Tensor:
        """-sum_i b_i k(x_i, x) of codes (B, d): (B,) float64, where the vectors are."""
        return -_kernel(codes.double().to(self.vectors.device), self.vectors, self.width) @ self.weights


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Scaled images and their reconstructions, (B, C, 32, 32)."""

    x: Tensor
    x_hat: Tensor


class Hybrid(Method):
    """The autoencoder is trained, the machine is fitted before scoring."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.scaling = Scaling(spec.scaling)
        self.encoder = seeded_net(spec, lambda: LeNet(channels, spec.encoder, spec.image_size), spec.encoder)
        self.decoder = seeded_net(spec, lambda: LeNetDecoder(channels, spec.encoder), "decoder", spec.encoder)
        nets: dict[str, nn.Module] = {"encoder": self.encoder, "decoder": self.decoder}
        group = Group.of(spec, "ae", *nets)
        super().__init__(nets | self.scaling.nets(), (group,))

    def begin(self, train: TrainView) -> None:
        """Measure the scaling's constants."""
        self.scaling.measure(train)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - it restores anomalies too
        """Encoder and decoder once."""
        x = self.scaling(x)
        with bn_mode(self.encoder, BNMode.UPDATE), bn_mode(self.decoder, BNMode.UPDATE):
            return Outputs(x, at_least_float32(self.decoder(self.encoder(x))))

    def losses(self, out: Outputs) -> Losses:
        """Mean squared error."""
        return Losses({"ae": (out.x_hat - out.x).square().mean()})

    def fit(self, train: TrainView) -> Machine:
        """The machine on the codes of all training images."""
        parts = [self._codes(x) for pool in (train.normal, train.anomaly) for x in train.pieces(pool)]
        train.tick()
        codes = torch.cat(parts).double().cpu()
        width = 1 / (codes.shape[1] * codes.var(correction=0).clamp(min=1e-12))
        if not len(train.anomaly):
            return _one_class(codes, width)
        kernel = _kernel(codes.float(), codes.float(), width.float()).numpy()
        b = solve(kernel, len(train.normal), train.tick)
        support = torch.from_numpy(np.flatnonzero(b))
        return Machine(codes[support], torch.from_numpy(b)[support], width)

    def scores(self, x: Tensor, fitted: Machine, positions: Tensor) -> Tensor:  # noqa: ARG002
        """The machine's scores, (B,)."""
        return fitted.scores(self._codes(x)).to(x.device)

    def recalibration_pass(self, x: Tensor) -> None:
        """Codes alone depend on statistics."""
        self._codes(x)

    def _codes(self, x: Tensor) -> Tensor:
        return at_least_float32(self.encoder(self.scaling(x)))


def _kernel(x: Tensor, y: Tensor, width: Tensor) -> Tensor:
    """exp(-width |x_i - y_j|^2), (len(x), len(y))."""
    return torch.cdist(x, y).square_().mul_(-width).exp_()


def _one_class(codes: Tensor, width: Tensor) -> Machine:
    from sklearn.svm import OneClassSVM

    machine = OneClassSVM(nu=NU, gamma=width.item()).fit(codes.numpy())
    return Machine(torch.from_numpy(machine.support_vectors_), torch.from_numpy(machine.dual_coef_[0]), width)
