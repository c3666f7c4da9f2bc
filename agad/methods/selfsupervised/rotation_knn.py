"""Nearest neighbours in the features of a net that was trained to tell quarter turns of the normals.

No paper's method: the cheapest detector on learned features that needs no weights from elsewhere. It is trained as
GeoTrans is (geotrans.py), which with `transformations=rot4` is the rotation task of Gidaris et al. (ICLR 2018). The
features are what the last layer sees of the upright image, (64 x width,), not normalised; the score is that of `knn`
(agad/methods/floor) on them: the sum of squared Euclidean distances to the `neighbours` nearest training normals.
Settings are fixed in advance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agad.methods.floor.knn import Knn
from agad.methods.losses import at_least_float32
from agad.methods.method import TrainView
from agad.methods.selfsupervised.geotrans import GeoTrans
from agad.spec.run import RunSpec

METHOD = {
    "title": "rotation features",
    "encoder_cost": {"wrn_10_1": 0.15, "wrn_10_4": 1.7, "wrn_16_8": 13.0},  # one CPU core
    "encoder_memory": {"wrn_16_8": 1.6},
    "labels": "none",
    "uses": [
        "encoder", "transformations", "neighbours", "init", "batch_size", "lr", "beta1", "beta2", "weight_decay",
        "precision",
    ],
}  # fmt: skip


def make(spec: RunSpec, channels: int) -> RotationKnn:
    """The method of a spec, for images with that many channels."""
    return RotationKnn(spec, channels)


class RotationKnn(GeoTrans):
    """GeoTrans' training, another score."""

    def fit(self, train: TrainView) -> Tensor:
        """The bank: features of all normals, (n, 64 x width) float32."""
        return torch.cat([self._features(x) for x in train.pieces(train.normal)])

    def scores(self, x: Tensor, fitted: Tensor | None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Sum of squared distances to the nearest of the bank, (B,)."""
        assert fitted is not None
        return Knn(self.spec).score_vectors(fitted, self._features(x))

    def _features(self, x: Tensor) -> Tensor:
        return at_least_float32(self.net.features(x))
