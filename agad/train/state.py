"""The state of one run in training, with whatever method the spec names; agad/train/update.py makes its updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit
from agad.errors import NonFiniteLoss, SpecError
from agad.methods import build_generator, method_of
from agad.nets.build import build_discriminator, initialise
from agad.nets.layers.batchnorm import add_auxiliary
from agad.spec.run import RunSpec, anomalies_per_batch
from agad.tensors.device import place
from agad.tensors.pool import ImagePool
from agad.tensors.seeding import generator as seeded
from agad.train.adam import Adam

RECIPROCALS = ("recip_adv", "recip_adcon", "recip_lat")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """Images in each batch."""

    normal: int
    anomaly: int


def batch_sizes(spec: RunSpec, n_normal: int) -> BatchSizes:
    """Normals and anomalies in a batch, n_normal being all training normals (section 3.3.2).

    A batch holds min(batch_size, n_normal) images. Anomalies are some of them (`inside`), or come on top
    (`appended`). Raises SpecError where the anomalies leave no room for a normal.
    """
    batch = min(spec.batch_size, n_normal)
    anomaly = anomalies_per_batch(spec.gamma, batch, spec.min_anomalies)
    if spec.anomaly_place == "appended":
        return BatchSizes(batch, anomaly)
    if anomaly >= batch:
        raise SpecError(
            f"a batch of {batch} (there are {n_normal} training normals) has no room beside {anomaly} anomalies; "
            "lower min_anomalies or take anomaly_place=appended"
        )
    return BatchSizes(batch - anomaly, anomaly)


class Batches:
    """Which training images each update sees: a function of the spec's seed_key and the update alone.

    Normals go by epochs, each a permutation of all of them whose incomplete last batch is dropped; anomalies are drawn
    again for each update, with replacement.

    Args:
        spec: seed_key and sizes.
        n_normal: number of training normals.
        n_anomaly: number of training anomalies.
    """

    def __init__(self, spec: RunSpec, n_normal: int, n_anomaly: int) -> None:
        self.sizes = batch_sizes(spec, n_normal)
        self._key = spec.seed_key
        self._n_normal, self._n_anomaly = n_normal, n_anomaly
        self._per_epoch = n_normal // self.sizes.normal
        self._epoch: tuple[int, Tensor] | None = None  # a cache: the epoch's number and permutation

    def positions(self, update: int) -> Tensor:
        """Positions in [normals; anomalies] of the images of an update (counted from 0), the normals first."""
        epoch, batch = divmod(update, self._per_epoch)
        normals = self._permutation(epoch)[batch * self.sizes.normal : (batch + 1) * self.sizes.normal]
        if not self.sizes.anomaly:
            return normals
        anomalies = torch.randint(
            self._n_anomaly, (self.sizes.anomaly,), generator=seeded("anomalies", *self._key, update)
        )
        return torch.cat([normals, self._n_normal + anomalies])

    def _permutation(self, epoch: int) -> Tensor:
        if self._epoch is None or self._epoch[0] != epoch:
            order = torch.randperm(self._n_normal, generator=seeded("normals", *self._key, epoch))
            self._epoch = (epoch, order)
        return self._epoch[1]


class Training:
    """A run between two updates.

    Attributes:
        spec: the run.
        channels: of its images.
        method: what its spec names.
        batches: which images each update sees.
        update: number of updates done.
        generator: G.
        discriminator: D.
        adam_g: Adam of G.
        adam_d: Adam of D.
        d_resets: how often D was initialised again.
        terms: loss terms of the last update, by their names in schema.LOSS_TERMS; those that do not exist are left out.
        recip_max: the largest value that each reciprocal of Eq. 10 ever had.
    """

    def __init__(self, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> None:
        self.spec = spec
        self.channels = data.channels
        self.update = 0
        self.d_resets = 0
        self.terms: dict[str, float] = {}
        self.recip_max: dict[str, float] = {}
        self.batches = Batches(spec, len(split.normal), len(split.anomaly))
        indices: NDArray[np.int64] = np.concatenate([split.normal, split.anomaly])
        self._images = ImagePool(data.train_images, indices, device)
        self.method = method_of(spec)
        self.generator = build_generator(
            spec, data.channels, seeded("init", "generator", spec.backbone, *spec.seed_key)
        )
        self.discriminator = build_discriminator(spec, data.channels, self._discriminator_key())
        if "advprop" in spec.batch_norm:
            add_auxiliary(self.generator)
            if spec.advprop_scope == "g+d":
                add_auxiliary(self.discriminator)
        for net in (self.generator, self.discriminator):
            place(net, device)
        self.adam_g = _adam(self.generator, spec)
        self.adam_d = _adam(self.discriminator, spec)

    def batch(self) -> Tensor:
        """The images of the update that is next, normals first: (B, C, H, W) float32 in [-1, 1]."""
        return self._images.take(self.batches.positions(self.update))

    def end_update(self, terms: dict[str, float]) -> None:
        """Count an update of all weights and check its losses and terms (Algorithm 1, lines 12 and 13).

        Raises NonFiniteLoss where L_g or L_d is not finite; the state is of no use then.
        """
        self.update += 1
        self.terms = terms
        for name in ("loss_g", "loss_d"):
            if not np.isfinite(terms[name]):
                raise NonFiniteLoss(self.update, name)
        for name in RECIPROCALS:
            if name in terms:
                self.recip_max[name] = max(terms[name], self.recip_max.get(name, 0.0))
        if terms["loss_d"] < self.spec.d_reset_threshold:
            self._reset_discriminator()

    def check_weights(self) -> None:
        """Raise NonFiniteLoss where a weight or a running statistic is not finite."""
        for name, net in (("G", self.generator), ("D", self.discriminator)):
            tensors = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
            if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
                raise NonFiniteLoss(self.update, f"a weight of {name}")

    def state_dict(self) -> dict[str, Any]:
        """All that later updates depend on, and what the row reports of those done."""
        return {
            "update": self.update,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "adam_g": self.adam_g.state_dict(),
            "adam_d": self.adam_d.state_dict(),
            "d_resets": self.d_resets,
            "terms": self.terms,
            "recip_max": self.recip_max,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of state_dict, for a training of the same spec."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        for adam, name in ((self.adam_g, "adam_g"), (self.adam_d, "adam_d")):
            adam.load_state_dict(state[name])
        self.update, self.d_resets = state["update"], state["d_resets"]
        self.terms, self.recip_max = dict(state["terms"]), dict(state["recip_max"])

    def _reset_discriminator(self) -> None:
        """Initialise D again; as in GANomaly, Adam's moments stay."""
        self.d_resets += 1
        initialise(self.discriminator, self._discriminator_key(), self.spec.init)

    def _discriminator_key(self) -> torch.Generator:
        return seeded("init", "discriminator", *self.spec.seed_key, self.d_resets)


def _adam(net: nn.Module, spec: RunSpec) -> Adam:
    return Adam(net.parameters(), spec.lr, (spec.beta1, spec.beta2))
