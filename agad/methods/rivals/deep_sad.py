"""Deep SAD (Ruff et al. 2020): Deep SVDD whose labelled anomalies are driven away from the centre.

Read in its authors' code (hypersphere.py names it): nets, loss, centre (of all training images, anomalies included),
images in [0, 1], pretraining by mean squared error, eta = 1. Theirs are batches of 128, Adam 1e-4, decay 5e-7, 150
epochs with a tenth of the rate from 50 on; of CIFAR-10 no settings are documented.

Their code pretrains and then keeps nothing of it: the autoencoder's keys begin with `encoder.`, so none matches the
net's. That run is `pretrain_updates=0` here; with updates of pretraining it does what their text says. Their anomalies
are simply among the shuffled images; here each batch has places for them, at least `min_anomalies`. The borrowed
numbers know one anomaly class, 90 experiments a cell.
"""

from __future__ import annotations

from torch import Tensor, cat

from agad.methods.rivals.hypersphere import HypersphereMethod
from agad.spec.run import RunSpec

METHOD = {
    "title": "Deep SAD",
    "cost": 0.25,
    "encoder_cost": {"lenet_small": 0.03, "lenet_medium": 0.07, "lenet_large": 0.35},  # mean of both stages
    "labels": "may",
    "image_sizes": [32],
    "uses": [
        "encoder", "scaling", "pretrain_updates", "pretrain_weight_decay", "pretrain_lr_steps", "init",
        "batch_size", "min_anomalies", "anomaly_place", "lr", "beta1", "beta2", "weight_decay", "lr_steps", "precision",
    ],
}  # fmt: skip

ETA = 1.0
"""Weight of the labelled anomalies."""
EPSILON = 1e-6
"""Added to their distances."""


def make(spec: RunSpec, channels: int) -> DeepSad:
    """The method of a spec, for images with that many channels."""
    return DeepSad(spec, channels, norm_code=False)


class DeepSad(HypersphereMethod):
    """The method of a spec."""

    def pretraining_loss(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """Mean squared error of all images, anomalies included."""
        return (x_hat - x).square().mean()

    def sphere_loss(self, distances: Tensor, n_normal: int) -> Tensor:
        """Mean over the batch of d for normals, of eta / (d + epsilon) for labelled anomalies."""
        return cat([distances[:n_normal], ETA / (distances[n_normal:] + EPSILON)]).mean()
