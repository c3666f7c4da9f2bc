"""The state of one run in training, with whatever method the spec names; agad/train/update.py makes its updates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit
from agad.errors import NonFiniteLoss
from agad.methods import Group, TrainView, method_of
from agad.spec.counts import batch_sizes
from agad.spec.run import RunSpec
from agad.tensors.device import place
from agad.tensors.pool import ImagePool
from agad.tensors.seeding import generator as seeded
from agad.tensors.seeding import keyed_draws_only
from agad.train.optimisers.adam import Adam
from agad.train.optimisers.sgd import Sgd


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
        self._epoch: tuple[tuple[str | int, ...], Tensor] | None = None  # a cache: the epoch's key and permutation

    def positions(self, update: int, *, pretraining: bool = False) -> Tensor:
        """Positions in [normals; anomalies] of the images of an update (counted from 0), the normals first.

        Pretraining has draws of its own, so that what follows sees the same batches with it and without it.
        """
        key = ("pretraining", *self._key) if pretraining else self._key
        epoch, batch = divmod(update, self._per_epoch)
        normals = self._permutation(key, epoch)[batch * self.sizes.normal : (batch + 1) * self.sizes.normal]
        if not self.sizes.anomaly:
            return normals
        anomalies = torch.randint(self._n_anomaly, (self.sizes.anomaly,), generator=seeded("anomalies", *key, update))
        return torch.cat([normals, self._n_normal + anomalies])

    def _permutation(self, key: tuple[str | int, ...], epoch: int) -> Tensor:
        if self._epoch is None or self._epoch[0] != (*key, epoch):
            order = torch.randperm(self._n_normal, generator=seeded("normals", *key, epoch))
            self._epoch = ((*key, epoch), order)
        return self._epoch[1]


class Training:
    """A run between two updates.

    Attributes:
        spec: the run.
        channels: of its images.
        method: what its spec names, with its nets.
        optimisers: Group.name -> the optimiser of its nets.
        batches: which images each update sees.
        update: number of updates done, those of pretraining included.
        terms: losses and terms of the last update, by name; those that do not exist are left out.
    """

    def __init__(self, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> None:
        self.spec = spec
        self.channels = data.channels
        self.update = 0
        self.terms: dict[str, float] = {}
        self.batches = Batches(spec, len(split.normal), len(split.anomaly))
        indices: NDArray[np.int64] = np.concatenate([split.normal, split.anomaly])
        self._counts = len(split.normal), len(split.anomaly)
        self._images = ImagePool(data.train_images, indices, device, spec.precision)
        with keyed_draws_only(f"method={spec.method}", "is made"):
            self.method = method_of(spec, data.channels)
        for net in self.method.nets.values():
            place(net, device, spec.precision)
        self.optimisers = {group.name: self._optimiser(group) for group in self.method.groups}

    @property
    def done(self) -> int:
        """Number of updates done after pretraining; in it less than 0."""
        return self.update - self.spec.pretrain_updates

    def rates(self) -> dict[str, float]:
        """Learning rates of the update that is next, by Group.name."""
        return {one.name: one.rate(self.update if one.pretrains else self.done) for one in self.method.groups}

    def set_rates(self) -> None:
        """Give each optimiser the learning rate of the update that is next."""
        for name, rate in self.rates().items():
            self.optimisers[name].lr = rate

    def batch(self) -> Tensor:
        """The images of the update that is next, normals first: (B, C, H, W) float32 in [-1, 1]."""
        return self.gather(self.stage())

    def stage(self) -> Tensor:
        """Which images `batch` returns, for `gather`: (B,) int64 on the device. The method begins its stage here."""
        pretraining = self.done < 0
        self.method.pretraining, self.method.update = pretraining, self.update
        if self.update in (0, self.spec.pretrain_updates):
            self._begin()
        update = self.update if pretraining else self.done
        return self._images.stage(self.batches.positions(update, pretraining=pretraining))

    def gather(self, index: Tensor) -> Tensor:
        """The staged images, as `batch` returns them; work for the device alone."""
        return self._images.gather(index)

    def tensors(self) -> Iterator[Tensor]:
        """All that an update changes: weights, running statistics, Adam's moments. They stay where they lie."""
        for net in self.method.nets.values():
            yield from net.parameters()
            yield from net.buffers()
        for optimiser in self.optimisers.values():
            for moments in optimiser.state.values():
                yield from moments.values()

    def nets_outside(self, group: str) -> list[nn.Module]:
        """The nets that a group does not move."""
        (inside,) = (one.nets for one in self.method.groups if one.name == group)
        return [net for name, net in self.method.nets.items() if name not in inside]

    def end_update(self, terms: dict[str, float]) -> None:
        """Count an update of all weights and check its losses and terms.

        Raises NonFiniteLoss where a loss is not finite; the state is of no use then.
        """
        self.update += 1
        self.terms = terms
        for name, value in terms.items():
            if name.startswith("loss_") and not np.isfinite(value):
                raise NonFiniteLoss(self.update, name)
        self.method.after_update(terms)

    def check_weights(self) -> None:
        """Raise NonFiniteLoss where a weight or a running statistic is not finite."""
        for name, net in self.method.nets.items():
            tensors = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
            if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
                raise NonFiniteLoss(self.update, f"a weight of the {name}")

    def state_dict(self) -> dict[str, Any]:
        """All that later updates depend on, and what the row reports of those done."""
        return {
            "update": self.update,
            "nets": {name: net.state_dict() for name, net in self.method.nets.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "method": self.method.state_dict(),
            "terms": self.terms,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of state_dict, for a training of the same spec."""
        state = _with_names(state)
        for name, net in self.method.nets.items():
            net.load_state_dict(state["nets"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.method.load_state_dict(state["method"])
        self.update, self.terms = state["update"], dict(state["terms"])

    @torch.no_grad()
    def _begin(self) -> None:
        """Let the method measure what its stage needs."""
        n, m = self._counts
        parts = self._images.part(0, n), self._images.part(n, n + m)
        with keyed_draws_only(type(self.method).__module__, "measures training images"):
            self.method.begin(TrainView(*parts, self.spec.batch_size, lambda: None))

    def _optimiser(self, group: Group) -> Adam | Sgd:
        parameters = self._parameters(group.nets)
        if group.optimiser == "sgd":
            return Sgd(parameters, group.lr, group.weight_decay)
        return Adam(parameters, group.lr, group.betas, group.weight_decay)

    def _parameters(self, nets: Iterable[str]) -> list[Tensor]:
        return [parameter for name in nets for parameter in self.method.nets[name].parameters()]


def _with_names(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it is saved now; older checkpoints had one G and one D."""
    if "nets" in state:
        return state
    return {
        "update": state["update"],
        "nets": {name: state[name] for name in ("generator", "discriminator")},
        "optimisers": {"g": state["adam_g"], "d": state["adam_d"]},
        "method": {"d_resets": state["d_resets"], "recip_max": state["recip_max"]},
        "terms": state["terms"],
    }
