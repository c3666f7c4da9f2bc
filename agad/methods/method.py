"""Method: what the trainer and the evaluation call of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from agad.nets.discriminator import Discriminator
from agad.nets.layers.batchnorm import BatchNormNet

Out = TypeVar("Out")


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Both losses of a step, scalars with their graphs, and the unweighted terms that the row's curve holds."""

    loss_g: Tensor
    loss_d: Tensor
    terms: dict[str, Tensor]


class Method(Protocol[Out]):
    """A step's forward passes and losses, and the score of an image by a trained G. It holds no weights."""

    def forward(self, generator: BatchNormNet, discriminator: Discriminator, x: Tensor, n_normal: int) -> Out:
        """All passes of a step over a batch x (B, C, H, W) in [-1, 1], whose first n_normal images are normal."""

    def losses(self, out: Out) -> Losses:
        """L_g and L_d of those passes; the trainer sends the one's gradient to G alone, the other's to D alone."""

    def scores(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """Anomaly score of each image of x, (B,), higher: more anomalous; the caller sets the mode of batch norm."""

    def reconstruct(self, generator: BatchNormNet, x: Tensor) -> Tensor:
        """x_hat, (B, C, H, W) in [-1, 1]; the caller sets the mode of batch norm."""
