"""Algorithm 1: the state of one run in training, and its step."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit
from agad.device import place
from agad.errors import NonFiniteLoss, SpecError
from agad.images import ImagePool
from agad.losses import (
    Distances,
    adversarial_loss,
    anomaly_loss,
    at_least_float32,
    batch_shares,
    contextual_adversarial_loss,
    contextual_loss,
    discriminator_loss,
    generator_loss,
    latent_loss,
    normality_loss,
)
from agad.models.batchnorm import add_auxiliary
from agad.models.build import build_discriminator, build_generator, initialise
from agad.models.passes import plan_passes
from agad.seeding import generator as seeded
from agad.spec import RunSpec, anomalies_per_batch

RECIPROCALS = ("recip_adv", "recip_adcon", "recip_lat")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """Images in each batch."""

    normal: int
    anomaly: int


def batch_sizes(spec: RunSpec, n_normal: int) -> BatchSizes:
    """Normals and anomalies in a batch, n_normal being all training normals (section 3.3.2).

    A batch has min(batch_size, n_normal) places. Anomalies take theirs among them (`inside`), or come on top
    (`appended`). Raises SpecError where the anomalies leave no place for a normal.
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
    """Which training images each update sees: a function of seed and update alone.

    Normals go by epochs, each a permutation of all of them whose incomplete last batch is dropped; anomalies are drawn
    anew for each update, with replacement.

    Args:
        spec: seed and sizes.
        n_normal: number of training normals.
        n_anomaly: number of training anomalies.
    """

    def __init__(self, spec: RunSpec, n_normal: int, n_anomaly: int) -> None:
        self.sizes = batch_sizes(spec, n_normal)
        self._seed = spec.seed
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
            self._n_anomaly, (self.sizes.anomaly,), generator=seeded("anomalies", self._seed, update)
        )
        return torch.cat([normals, self._n_normal + anomalies])

    def _permutation(self, epoch: int) -> Tensor:
        if self._epoch is None or self._epoch[0] != epoch:
            order = torch.randperm(self._n_normal, generator=seeded("normals", self._seed, epoch))
            self._epoch = (epoch, order)
        return self._epoch[1]


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What the nets make of a batch [normals; anomalies]: images (B, C, H, W), logits (B,), features (B, ...).

    Attributes:
        x: the images.
        x_hat: G(x).
        x_hat_again: G(x_hat); None where no term needs it.
        y: logits of D(x).
        z: features of D(x).
        y_hat: logits of D(x_hat).
        z_hat: features of D(x_hat).
    """

    x: Tensor
    x_hat: Tensor
    x_hat_again: Tensor | None
    y: Tensor
    z: Tensor
    y_hat: Tensor
    z_hat: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Both losses of a step, with their graphs, and the unweighted terms of L_g."""

    loss_g: Tensor
    loss_d: Tensor
    terms: dict[str, Tensor]


class Training:
    """A run between two updates.

    Attributes:
        spec: the run.
        update: number of updates done.
        generator: G.
        discriminator: D.
        d_resets: how often D was drawn anew.
        terms: loss terms of the last update, by their names in schema.LOSS_TERMS; those that do not exist are left out.
        recip_max: the largest value that each reciprocal of Eq. 10 ever had.
    """

    def __init__(self, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> None:
        self.spec = spec
        self.update = 0
        self.d_resets = 0
        self.terms: dict[str, float] = {}
        self.recip_max: dict[str, float] = {}
        self.batches = Batches(spec, len(split.normal), len(split.anomaly))
        indices: NDArray[np.int64] = np.concatenate([split.normal, split.anomaly])
        self._images = ImagePool(data.train_images, indices, device)
        self._device = device
        self._passes = plan_passes(spec)
        self.generator = build_generator(spec, data.channels, seeded("init", "generator", spec.backbone, spec.seed))
        self.discriminator = build_discriminator(spec, data.channels, self._discriminator_key())
        if "advprop" in spec.batch_norm:
            add_auxiliary(self.generator)
            if spec.advprop_scope == "g+d":
                add_auxiliary(self.discriminator)
        for net in (self.generator, self.discriminator):
            place(net, device)
        self._adam_g = _adam(self.generator, spec)
        self._adam_d = _adam(self.discriminator, spec)

    def step(self) -> None:
        """One update of G and of D (Algorithm 1, lines 2 to 13).

        Raises NonFiniteLoss where L_g or L_d is not finite; the state is of no use then.
        """
        losses = self.losses(self.forward(self._images.take(self.batches.positions(self.update))))
        self.backward(losses)
        self._adam_g.step()
        self._adam_d.step()
        self.update += 1
        self._read(losses)
        if self.terms["loss_d"] < self.spec.d_reset_threshold:
            self._reset_discriminator()

    def forward(self, x: Tensor) -> Outputs:
        """Lines 3 and 4 for a batch x = [x_n; x_a]: each of the four passes is made once.

        G(x_hat) is made only where a term needs it; where it is not made, it moves no running statistics either.
        """
        passes, n = self._passes, self.batches.sizes.normal
        with self._autocast():
            x_hat = at_least_float32(passes.g_real.generate(self.generator, x, n))
            x_hat_again = None
            if self._needs_second_reconstruction():
                source = x_hat.detach() if self.spec.detach_pseudo else x_hat
                x_hat_again = passes.g_generated.generate(self.generator, source, n)
            y, z = passes.d_real.discriminate(self.discriminator, x, n)
            y_hat, z_hat = passes.d_generated.discriminate(self.discriminator, x_hat, n)
        return Outputs(x, x_hat, x_hat_again, y, z, y_hat, z_hat)

    def losses(self, out: Outputs) -> Losses:
        """Lines 5 to 11: L_g and L_d of a batch."""
        n, n_anomaly = self.batches.sizes.normal, self.batches.sizes.anomaly
        shares = batch_shares(n, n_anomaly, self.spec.anomaly_weight)
        loss_n, terms = normality_loss(self._normal_distances(out, slice(0, n)), self.spec)
        loss_a, y_a = None, None
        if n_anomaly:
            loss_a, terms_a = anomaly_loss(self._anomaly_distances(out, slice(n, None)), self.spec)
            terms, y_a = terms | terms_a, out.y[n:]
        loss_d = discriminator_loss(out.y[:n], out.y_hat[:n], y_a, shares)
        return Losses(generator_loss(loss_n, loss_a, shares), loss_d, terms)

    def backward(self, losses: Losses) -> None:
        """Gradients of L_g for G alone and of L_d for D alone, both at the same weights.

        `inputs` is what keeps L_g out of D and L_d out of G, without a second forward pass of detached images; autograd
        then skips what neither needs.
        """
        self._adam_g.zero_grad()
        self._adam_d.zero_grad()
        if losses.loss_g.requires_grad:  # it does not where every weight is 0
            torch.autograd.backward(losses.loss_g, retain_graph=True, inputs=list(self.generator.parameters()))
        torch.autograd.backward(losses.loss_d, inputs=list(self.discriminator.parameters()))

    def check_weights(self) -> None:
        """Raise NonFiniteLoss where a weight or a running statistic is not finite."""
        for name, net in (("G", self.generator), ("D", self.discriminator)):
            tensors = [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
            if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
                raise NonFiniteLoss(self.update, f"a weight of {name}")

    def state_dict(self) -> dict[str, Any]:
        """All that the updates to come depend on, and what the row tells of those done."""
        return {
            "update": self.update,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "adam_g": self._adam_g.state_dict(),
            "adam_d": self._adam_d.state_dict(),
            "d_resets": self.d_resets,
            "terms": self.terms,
            "recip_max": self.recip_max,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of state_dict, for a training of the same spec."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self._adam_g.load_state_dict(state["adam_g"])
        self._adam_d.load_state_dict(state["adam_d"])
        self.update, self.d_resets = state["update"], state["d_resets"]
        self.terms, self.recip_max = dict(state["terms"]), dict(state["recip_max"])

    def _normal_distances(self, out: Outputs, part: slice) -> Distances:
        return Distances(
            adv=adversarial_loss(out.y_hat[part], 1.0),
            con=contextual_loss(out.x[part], out.x_hat[part]),
            adcon=_adcon(out.x_hat, out.x_hat_again, part) if self._context_in_normality() else None,
            lat=latent_loss(out.z[part], out.z_hat[part], self.spec.latent_loss),
        )

    def _anomaly_distances(self, out: Outputs, part: slice) -> Distances:
        # Line 9 and Eq. 10 compare x_hat with G(x_hat); Eq. 3 and Fig. 1b x with G(x).
        pair = (out.x_hat, out.x_hat_again) if self.spec.anomaly_pair == "eq10" else (out.x, out.x_hat)
        return Distances(
            adv=adversarial_loss(out.y_hat[part], 0.0),
            con=None,
            adcon=_adcon(*pair, part) if self._context_in_anomaly() else None,
            lat=latent_loss(out.z[part], out.z_hat[part], self.spec.latent_loss),
        )

    def _context_in_normality(self) -> bool:
        """Whether L_n has its term L_adcon."""
        return self.spec.lambda_adcon > 0 and self.spec.adversarial_context == "on"

    def _context_in_anomaly(self) -> bool:
        """Whether there is an L_a, and it has its term of L_adcon."""
        wanted = self.spec.lambda_adcon > 0 and self.spec.adversarial_context != "off"
        return wanted and self.batches.sizes.anomaly > 0

    def _needs_second_reconstruction(self) -> bool:
        return self._context_in_normality() or (self._context_in_anomaly() and self.spec.anomaly_pair == "eq10")

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.spec.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)

    def _read(self, losses: Losses) -> None:
        """Bring the step's numbers to the host, all at once, and look at them."""
        named = {"loss_g": losses.loss_g, "loss_d": losses.loss_d, **losses.terms}
        values = torch.stack([value.detach() for value in named.values()]).tolist()
        self.terms = dict(zip(named, values, strict=True))
        for name in ("loss_g", "loss_d"):
            if not np.isfinite(self.terms[name]):
                raise NonFiniteLoss(self.update, name)
        for name in RECIPROCALS:
            if name in self.terms:
                self.recip_max[name] = max(self.terms[name], self.recip_max.get(name, 0.0))

    def _reset_discriminator(self) -> None:
        """Draw D anew; as in GANomaly Adam keeps its state."""
        self.d_resets += 1
        initialise(self.discriminator, self._discriminator_key(), self.spec.init)

    def _discriminator_key(self) -> torch.Generator:
        return seeded("init", "discriminator", self.spec.seed, self.d_resets)


def _adcon(image: Tensor, reconstruction: Tensor | None, part: slice) -> Tensor:
    assert reconstruction is not None  # held by _needs_second_reconstruction
    return contextual_adversarial_loss(image[part], reconstruction[part])


def _adam(net: nn.Module, spec: RunSpec) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), lr=spec.lr, betas=(spec.beta1, spec.beta2), fused=True)
