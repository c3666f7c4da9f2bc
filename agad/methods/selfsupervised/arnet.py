"""ARNet (Ye, Huang et al., TMM 2022; arXiv 1911.10676, first called ITAE): restore what was erased of a normal.

The authors have published no code. Source: an unofficial one, github.com/yuxiao-ash/ITAE-Pytorch-Anomaly_Detection at
ef61ac6, and what an author says of it in its issue 1; the paper's text was not read beyond its abstract. Read there:
erasing A_k, the mean of the channels of an image that is turned by k quarter turns, k drawn uniformly; the loss, mean
squared difference of G(A_k(x)) to x, upright and in colour; mirrored images as augmentation (not of MNIST); gradient
descent with a rate of .1, halved at each tenth of the run, batches of 32, 500 passes (CIFAR-10: 125); running
statistics at test. The score, as there:

    e_k(x) = mean of |G(A_k(x)) - x| over pixels and channels,
    score(x) = mean over the four k of e_k(x) / (mean of e_k over the training normals).

Order of the test set does not enter it, but that code keeps the epoch with the best AUROC on the test set, by its
labels, and its MNIST test set holds training images. An author asks in that issue to use the test set of 10,000 images
and to leave out the normalisation by mean and SD, as here, and then finds 99 for the digit 6. How the printed numbers
chose their epoch is not known.

Ours: AGAD's U-Net of 7.8 million parameters, which sees the grey value in each of the image's channels, in place of
theirs of 13.4 million (64 to 512 channels, one in, bilinear); `upsampling=bilinear` is nearer to it. With
`restoration_loss=l1` it is trained on what is scored. Images of one channel are grey already: only turns are left.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agad.methods.adversarial import generator_key
from agad.methods.losses import at_least_float32, contextual_loss
from agad.methods.method import Losses, TrainView
from agad.methods.selfsupervised.drawing import DrawingMethod
from agad.methods.selfsupervised.transformations import each_transformed, transformed
from agad.nets.build import drawn
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.unet import UNetGenerator
from agad.nets.unet import build as build_unet
from agad.spec.run import RunSpec

METHOD = {
    "title": "ARNet",
    "cost": 1.8,  # measured on one CPU core
    "fit_cost": 150.0,
    "labels": "none",
    "uses": [
        "upsampling", "generator_norm", "restoration_loss", "augmentation", "init", "batch_size", "optimiser", "lr",
        "beta1", "beta2", "lr_steps", "lr_divisor", "precision",
    ],
}  # fmt: skip

TURNS = 4
"""Quarter turns, the first of which is none."""


def make(spec: RunSpec, channels: int) -> Arnet:
    """The method of a spec, for images with that many channels."""
    return Arnet(spec, channels)


def build_generator(channels: int, spec: RunSpec) -> UNetGenerator:
    """AGAD's U-Net, for images with that many channels."""
    return build_unet(channels, spec)


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Images x and what was restored of them, each (B, C, H, W)."""

    x: Tensor
    x_hat: Tensor


class Arnet(DrawingMethod):
    """One net, one loss; it knows no labelled anomalies."""

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.generator = drawn(lambda: build_unet(channels, spec), generator_key(spec), spec.init)
        super().__init__(spec, "generator", self.generator)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:  # noqa: ARG002 - all are normal, held by RunSpec
        """One pass over the batch, each image mirrored (`augmentation=flip`) and turned as is drawn for it."""
        if self.spec.augmentation == "flip":
            mirrored = self.draw("flips", 2, len(x)).to(x.device).bool()
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
        turned = each_transformed(x, self.draw("turns", TURNS, len(x)))
        with bn_mode(self.generator, BNMode.UPDATE):
            return Outputs(x, at_least_float32(self.generator(greyed(turned))))

    def losses(self, out: Outputs) -> Losses:
        """Mean of (x_hat - x)^2 (`mse`) or |x_hat - x| (`l1`) over pixels, channels and images; `con` is the latter."""
        l1 = contextual_loss(out.x, out.x_hat).mean()
        loss = l1 if self.spec.restoration_loss == "l1" else (out.x_hat - out.x).square().mean()
        return Losses({"generator": loss}, {"con": l1})

    def fit(self, train: TrainView) -> Tensor:
        """Mean of e_k over the training normals, (4,)."""
        total = torch.zeros(TURNS, device=train.normal.device)
        for x in train.pieces(train.normal):
            total += self._errors(x).sum(0)
        return total / len(train.normal)

    def scores(self, x: Tensor, fitted: Tensor | None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Mean over k of e_k(x) relative to the training normals', (B,)."""
        assert fitted is not None
        return (self._errors(x) / fitted).mean(1)

    def recalibration_pass(self, x: Tensor) -> None:
        """One pass over all turns mixed, as in training."""
        self.generator(greyed(each_transformed(x, torch.arange(len(x)) % TURNS)))

    def reconstruct(self, x: Tensor) -> Tensor:
        """What is restored of the grey, upright image, (B, C, H, W)."""
        x_hat: Tensor = self.generator(greyed(x))
        return x_hat

    def _errors(self, x: Tensor) -> Tensor:
        """e_k of each image, (B, 4)."""
        restored = [self.reconstruct(transformed(x, turns)) for turns in range(TURNS)]
        return torch.stack([contextual_loss(x, x_hat) for x_hat in restored], 1)


def greyed(x: Tensor) -> Tensor:
    """The mean of the channels in each of them, (B, C, H, W)."""
    return x.mean(1, keepdim=True).expand_as(x).contiguous()
