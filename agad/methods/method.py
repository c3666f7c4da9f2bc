"""What a method is to the trainer and to the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNormNet

Out = TypeVar("Out")


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Both losses of a step, scalars with their graphs, and the unweighted terms that the row's curve keeps."""

    loss_g: Tensor
    loss_d: Tensor
    terms: dict[str, Tensor]


class Method(Protocol[Out]):
    """A step's forward passes and losses, and what a trained G says of an image. It holds no weights."""

    def forward(self, generator: BatchNormNet, discriminator: Discriminator, x: Tensor, n_normal: int) -> Out:
        """All passes of a step over a batch x (B, C, H, W) in [-1, 1], whose first n_normal images are normal."""

    def losses(self, out: Out) -> Losses:
        """L_g and L_d of those passes; the trainer sends the one's gradient to G alone, the other's to D alone."""

    def scores(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """Anomaly score of each image of x, (B,), higher meaning more anomalous; batch norm is as it was set."""

    def reconstruct(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """x_hat, (B, C, H, W) in [-1, 1]; batch norm is as it was set."""
