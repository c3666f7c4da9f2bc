"""Deep SVDD (Ruff et al. 2018): codes of normals drawn to a centre, or into a small sphere.

Read in its authors' code (hypersphere.py names it): nets, both objectives, the centre, pretraining's loss, the radius
as a quantile of each batch from epoch 10 on, the preprocessing `gcn_minmax`, the score. Theirs are batches of 200, Adam
1e-4, 150 epochs with a tenth of the rate from 50 on; pretraining of 150 (MNIST; decay 5e-4, step at 50) or 350 epochs
(CIFAR-10; 5e-7, 250). Fashion-MNIST is not in that code: its net is Deep SAD's. Their test uses running statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from agad.methods.method import Losses, TrainView
from agad.methods.rivals.hypersphere import HypersphereMethod, Outputs
from agad.spec.run import RunSpec

METHOD = {
    "title": "Deep SVDD",
    "cost": 0.25,
    "encoder_cost": {"lenet_small": 0.03, "lenet_medium": 0.07, "lenet_large": 0.35},  # mean of both stages
    "labels": "none",
    "image_sizes": [32],
    "uses": [
        "encoder", "scaling", "boundary", "pretrain_updates", "pretrain_weight_decay", "pretrain_lr_steps", "init",
        "batch_size", "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
}  # fmt: skip

NU = 0.1
"""Share of the normals that may lie outside of the sphere."""
WARM_UP = 10
"""Epochs before the radius is first set."""


def make(spec: RunSpec, channels: int) -> DeepSvdd:
    """The method of a spec, for images with that many channels."""
    return DeepSvdd(spec, channels, norm_code=True)


class DeepSvdd(HypersphereMethod):
    """The method of a spec; it knows no labelled anomalies."""

    _distances: Tensor
    _waiting = 0  # updates until the radius is set for the first time

    def begin(self, train: TrainView) -> None:
        """As HypersphereMethod; counts the updates of the first epochs."""
        super().begin(train)
        self._waiting = WARM_UP * max(1, len(train.normal) // self.spec.batch_size)

    def pretraining_loss(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Squared error, summed over each image's pixels."""
        return (x_hat - x).square().flatten(1).sum(1).mean()

    def losses(self, out: Outputs) -> Losses:
        """As HypersphereMethod; keeps the distances for the radius."""
        if out.x_hat is None:
            self._distances = self.sphere.distances(out.code).detach()
        return super().losses(out)

    def sphere_loss(self, distances: Tensor, n_normal: int) -> Tensor:  # noqa: ARG002 - all are normal
        """Mean distance (`hard`), or R^2 + 1/nu mean max(0, d - R^2)."""
        if self.spec.boundary == "hard":
            return distances.mean()
        square = self.sphere.radius.square()
        return square + (distances - square).clamp(min=0).mean() / NU

    def after_update(self, terms: Mapping[str, float]) -> None:  # noqa: ARG002
        """R becomes the (1 - nu) quantile of the batch's distances, as they were before the update."""
        if self.pretraining:
            return
        if self._waiting > 0:
            self._waiting -= 1
        elif self.spec.boundary == "soft":
            self.sphere.radius.copy_(self._distances.sqrt().quantile(1 - NU))

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:
        """d, or d - R^2 (`soft`), (B,)."""
        distances = super().scores(x, fitted, positions)
        return distances - self.sphere.radius.square() if self.spec.boundary == "soft" else distances

    def state_dict(self) -> dict[str, Any]:
        """How long the radius waits."""
        return {"waiting": self._waiting}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self._waiting = state["waiting"]
