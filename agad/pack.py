"""Runs that advance together: each a training of its own, all their passes one.

Members have their own images, order, class, share of anomalies, seed, loss weights and number of updates done. What
they share is all that makes the nets and passes alike: `shape_of` says which can be in one pack. A run alone is a pack
of one, and then nothing is stacked: no tensor is copied, and its bits are those of the net alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from agad.adam import Adam
from agad.device import autocast
from agad.errors import NonFiniteLoss
from agad.methods import Losses
from agad.models.convolution import frozen
from agad.models.stack import stacked
from agad.spec import RunSpec, field_names
from agad.training import Training

OWN_FIELDS = frozenset(
    {
        "dataset", "protocol", "normal_class", "abnormal_class", "gamma", "known_anomaly_classes", "known_anomaly_draw",
        "seed", "init", "lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat", "latent_loss", "anomaly_weight",
        "reciprocal", "recip_eps", "updates", "batch_size", "min_anomalies", "anomaly_place", "d_reset_threshold",
        "curve", "curve_protocols", "final_protocols", "eval_batch_size", "eval_precision", "validation",
        "validation_anomalies", "validation_anomaly_classes", "evaluate_test",
    }
)  # fmt: skip
"""Fields in which members may differ. Of any other, a later one too, they must have the same value."""


def pack_key(spec: RunSpec) -> Hashable:
    """What the specs of a pack have in common; equal keys are not enough where the sizes of batches differ."""
    return tuple((name, getattr(spec, name)) for name in field_names() if name not in OWN_FIELDS)


def shape_of(training: Training) -> Hashable:
    """Trainings of equal shapes can be in one pack."""
    spec, sizes = training.spec, training.batches.sizes
    split = spec.batch_mix == "separate" or "freeze" in spec.batch_norm
    return (
        pack_key(spec),
        training.channels,
        sizes.normal + sizes.anomaly,
        sizes.normal if split else None,
        sizes.anomaly > 0,
        spec.lambda_adcon > 0,
    )


class TornUpdateError(Exception):
    """An update was made in part: the members' states are of no use. Its cause says why."""


class Pack:
    """Trainings of one shape as one.

    Attributes:
        members: the trainings; their nets are views of this pack's until they are in another.
        generator: G of all members.
        discriminator: D of all members.
    """

    def __init__(self, members: Sequence[Training]) -> None:
        assert len({shape_of(member) for member in members}) == 1
        self.members = tuple(members)
        self._first = self.members[0]
        self.generator = stacked([member.generator for member in self.members])
        self.discriminator = stacked([member.discriminator for member in self.members])
        self._adams = tuple(
            Together([getattr(member, name) for member in self.members]) for name in ("adam_g", "adam_d")
        )

    def step(self) -> dict[Training, NonFiniteLoss]:
        """One update of each member (Algorithm 1, lines 2 to 13); those whose loss is not finite, and why.

        The state of such a member is of no use; the others have not noticed. An error leaves all as they were, but for
        TornUpdateError.
        """
        before = self._statistics()
        try:
            losses = self.losses(self.forward(torch.cat([member.batch() for member in self.members], 1)))
            self.backward(losses)
        except RuntimeError:
            for buffer, value in before:
                buffer.copy_(value)
            raise
        try:
            for adam in self._adams:
                adam.step()
                adam.zero_grad()  # now: until the next backward pass they would lie in the way of the maps, as holes
        except RuntimeError as error:
            raise TornUpdateError from error
        return self._read(losses)

    def forward(self, x: Tensor) -> list[Any]:
        """The method's passes over the members' batches, (B, members x C, H, W); each member's outputs."""
        method, sizes = self._first.method, self._first.batches.sizes
        with autocast(x.device, self._first.spec.precision):
            out = method.forward(self.generator, self.discriminator, x, sizes.normal)
        members = len(self.members)
        if members == 1:
            return [out]
        return [
            member.method.of_member(out, index, members, member.batches.sizes.normal)
            for index, member in enumerate(self.members)
        ]

    def losses(self, outs: list[Any]) -> list[Losses]:
        """Each member's L_g and L_d of those passes."""
        return [member.method.losses(out) for member, out in zip(self.members, outs, strict=True)]

    def backward(self, losses: list[Losses]) -> None:
        """Gradients of each L_g for that member's G alone and of each L_d for its D alone, all at the same weights.

        `inputs` is what keeps L_g out of D and L_d out of G, without a second forward pass of detached images; autograd
        then skips what neither needs. No path leads from one member's loss to another's weights.
        """
        for adam in self._adams:
            adam.zero_grad()
        # D's first: the pass through G, which comes last, then lets go of each map as soon as it has been used.
        of_d = [one.loss_d for one in losses]
        torch.autograd.backward(of_d, retain_graph=True, inputs=list(self.discriminator.parameters()))
        of_g = [one.loss_g for one in losses if one.loss_g.requires_grad]  # it does not where every weight is 0
        if of_g:
            with frozen(self.discriminator):
                torch.autograd.backward(of_g, inputs=list(self.generator.parameters()))

    def _read(self, losses: list[Losses]) -> dict[Training, NonFiniteLoss]:
        """Bring all members' numbers to the host at once, and let each look at its own."""
        named = [{"loss_g": one.loss_g, "loss_d": one.loss_d, **one.terms} for one in losses]
        values = iter(torch.stack([value.detach() for one in named for value in one.values()]).tolist())
        failed = {}
        for member, one in zip(self.members, named, strict=True):
            try:
                member.end_update({name: next(values) for name in one})
            except NonFiniteLoss as error:
                failed[member] = error.with_traceback(None)  # which would keep this frame, and all that it holds
        return failed

    def _statistics(self) -> list[tuple[Tensor, Tensor]]:
        """All running statistics and copies of them; none for a run alone, which ends with an error."""
        if len(self.members) == 1:
            return []
        buffers = [*self.generator.buffers(), *self.discriminator.buffers()]
        return [(buffer, buffer.clone()) for buffer in buffers]


class Together:
    """Adams of the members, stepped by one call; each keeps its own state, and so its checkpoints."""

    def __init__(self, adams: Sequence[Adam]) -> None:
        self._adams = tuple(adams)
        self._all = self._adams[0]
        if len(self._adams) > 1:
            self._all = Adam([p for adam in adams for p in adam.parameters], self._all.lr, self._all.betas)
            for adam in self._adams:
                self._all.state.update(adam.state)

    def zero_grad(self) -> None:
        """Forget the gradients; in a pack they are pieces of the stacked ones, and stay so."""
        self._all.zero_grad(set_to_none=len(self._adams) == 1)

    def step(self) -> None:
        """One step of each."""
        self._all.step()
        if len(self._adams) > 1:
            for adam in self._adams:
                if not adam.state:
                    adam.state.update({p: self._all.state[p] for p in adam.parameters if p in self._all.state})
