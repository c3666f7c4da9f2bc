"""GeoTrans (Golan and El-Yaniv, NeurIPS 2018): a net that tells which transformation was applied to a normal.

Source: github.com/izikgo/AnomalyDetectionTransformations at 6327041, experiments.py, transformations.py and
models/wide_residual_network.py. Read there: the 72 transformations T_t, the net, the cross entropy, the L2 penalty
2.5e-4 |w|^2 of all weights (`weight_decay=5e-4`, its gradient's factor), Adam 1e-3 with batches of 128,
ceil(200 / 72) = 3 passes over 72 copies of the class, and the score. With p_t(x) = softmax(f(T_t(x))),

    alpha_t = the Dirichlet distribution of p_t over all training normals, by maximum likelihood,
    normality(x) = mean over t of sum over k of (alpha_tk - 1) log p_tk(x);

the score here is minus that, shifted by its mean over the training normals: all have the same shift, and without it
float32 would round the differences away where alpha is large.

It is fitted on training normals alone and batch norm is in inference mode, so neither labels nor order of the test set
enter their numbers; the length is fixed. `normality=softmax` is their simplified score, mean over t of p_tt(x), which
their code has commented out; `log_softmax` is the mean of log p_tt(x).

Not theirs: each image of a batch is drawn under one transformation, uniformly, where theirs shuffle all 72 copies of
all images; grey images are resized to 32x32 and not padded; shifts are a quarter of the image, which is their 8 pixels
at 32x32; epsilon of Adam is 1e-8 and Keras' 1e-7; log p comes from the logits in float64, so that it is never -inf. The
MNIST numbers of Table 1 are in none of their experiments. `transformations=rot4` are the four turns alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from agad.methods.losses import at_least_float32
from agad.methods.method import Losses, TrainView
from agad.methods.selfsupervised.dirichlet import fitted_dirichlet
from agad.methods.selfsupervised.drawing import DrawingMethod
from agad.methods.selfsupervised.transformations import COUNTS, each_transformed, transformed
from agad.nets.build import seeded_net
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.wide_resnet import WideResNet
from agad.spec.run import RunSpec

METHOD = {
    "title": "GeoTrans",
    "encoder_cost": {"wrn_10_1": 0.15, "wrn_10_4": 1.7, "wrn_16_8": 13.0},  # one CPU core
    "views": {"geo72": 72, "rot4": 4},
    "encoder_memory": {"wrn_16_8": 1.6},
    "labels": "none",
    "uses": [
        "encoder", "transformations", "normality", "init", "batch_size", "lr", "beta1", "beta2", "weight_decay",
        "precision",
    ],
}  # fmt: skip


def make(spec: RunSpec, channels: int) -> GeoTrans:
    """The method of a spec, for images with that many channels."""
    return GeoTrans(spec, channels)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Logits (B, T) float32 of transformed images, and the transformation of each, (B,) int64."""

    logits: Tensor
    applied: Tensor


class GeoTrans(DrawingMethod):
    """One net, one loss; it knows no labelled anomalies."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.count = COUNTS[spec.transformations]
        self.net = seeded_net(spec, lambda: WideResNet(channels, spec.encoder, self.count), spec.encoder)
        super().__init__(spec, "classifier", self.net)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - all are normal, held by RunSpec
        """One pass over the batch, each image under a transformation that is drawn for it."""
        applied = self.draw("transformations", self.count, len(x))
        with bn_mode(self.net, BNMode.UPDATE):
            logits = self.net(each_transformed(x, applied))
        return Outputs(at_least_float32(logits), applied.to(x.device))

    def losses(self, out: Outputs) -> Losses:
        """Mean over images of -log p_t(x), in nats, t being what was applied; `accuracy` is the share told right."""
        right = (out.logits.argmax(1) == out.applied).float().mean()
        return Losses({"classifier": F.cross_entropy(out.logits, out.applied)}, {"accuracy": right})

    def fit(self, train: TrainView) -> Tensor | None:
        """The parameters alpha, and the training normals' mean of log p: (2, T, T) float64; None where unused."""
        if self.spec.normality != "dirichlet":
            return None
        total = total_log = torch.zeros((), dtype=torch.float64, device=train.normal.device)
        for x in train.pieces(train.normal):
            log_p = self.log_probabilities(x)
            total, total_log = total + log_p.exp().sum(0), total_log + log_p.sum(0)
        mean, mean_log = total / len(train.normal), total_log / len(train.normal)
        return torch.stack([fitted_dirichlet(mean, mean_log), mean_log])

    def scores(self, x: Tensor, fitted: Tensor | None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Minus the normality of each image, (B,)."""
        log_p = self.log_probabilities(x)
        if fitted is not None:
            alpha, mean_log = fitted.unbind()
            return ((alpha - 1) * (mean_log - log_p)).sum(2).mean(1)
        right = log_p.diagonal(dim1=1, dim2=2)
        return -(right.exp() if self.spec.normality == "softmax" else right).mean(1)

    def recalibration_pass(self, x: Tensor) -> None:
        """One pass over all transformations mixed, as in training."""
        self.net(each_transformed(x, torch.arange(len(x)) % self.count))

    def log_probabilities(self, x: Tensor) -> Tensor:
        """(B, T, T) float64: log p_tk of images x, t being what is applied and k what is told."""
        logits = [self.net(transformed(x, number)) for number in range(self.count)]
        return torch.stack(logits, 1).double().log_softmax(2)
