"""The update: lines 2 to 13 of Algorithm 1, for one run.

`compute` is what the device does, and reads nothing back; `end` is what the host decides by its outcome. Between the
two other runs can take their turn (agad/train/graph/updater.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agad.errors import SpecError
from agad.methods import Losses
from agad.nets.layers.convolution import frozen
from agad.tensors.device import autocast, rounding
from agad.train.state import Training


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Losses and terms of an update, on the device.

    Attributes:
        names: `loss_<group>` of each loss, then the terms.
        values: (len(names),).
        still: groups none of whose weights had a gradient.
    """

    names: tuple[str, ...]
    values: Tensor
    still: tuple[str, ...] = ()


def update(training: Training) -> None:
    """One update of all nets that the stage moves, from the same forward passes.

    Raises NonFiniteLoss where a loss is not finite; the training's state is of no use then, nor after any other
    error.
    """
    end(training, compute(training, training.batch()))


def compute(training: Training, x: Tensor) -> Computed:
    """Move all weights by a batch x, (B, C, H, W) in [-1, 1].

    No value of a tensor is read by the host, and nothing but `training.tensors()` changes.

    Raises SpecError where no loss has a gradient.
    """
    with torch.enable_grad(), rounding(x.device, training.spec.precision):  # also where the caller needs none
        losses = training.method.losses(forward(training, x))
        still = backward(training, losses)
    if len(still) == len(losses.by_group):
        raise _without_gradient(training, still)
    training.set_rates()
    for name in losses.by_group:  # those of the stage: another may move the same net
        optimiser = training.optimisers[name]
        optimiser.step()
        optimiser.zero_grad()  # at once: until the next backward pass gradients would only fragment the memory
    named = {**{f"loss_{name}": loss for name, loss in losses.by_group.items()}, **losses.terms}
    return Computed(tuple(named), torch.stack([value.detach() for value in named.values()]), still)


def end(training: Training, computed: Computed) -> None:
    """Count the update that was computed; may reset D.

    All values come in one transfer: the next update must not begin before a reset of D is decided.

    Raises NonFiniteLoss, and SpecError where a loss has no gradient though it is not 0, as it is where all its weights
    are.
    """
    values = dict(zip(computed.names, computed.values.tolist(), strict=True))
    if still := [name for name in computed.still if values[f"loss_{name}"] != 0]:
        raise _without_gradient(training, still)
    training.end_update(values)


def _without_gradient(training: Training, groups: Iterable[str]) -> SpecError:
    nets = {one.name: one.nets for one in training.method.groups}
    which = ", ".join(f"loss {name!r} for {' and '.join(nets[name])}" for name in groups) or "a loss: there is none"
    return SpecError(
        f"method={training.spec.method}: no gradient of {which}, which would stay as initialised; compute it without "
        "detach, .data or no_grad, or let the method have fit and 'gradient': False"
    )


def forward(training: Training, x: Tensor) -> Any:
    """The method's passes over a batch x, (B, C, H, W) in [-1, 1], under the spec's precision: its outputs."""
    with autocast(x.device, training.spec.precision):
        return training.method.forward(x, training.batches.sizes.normal)


def backward(training: Training, losses: Losses) -> tuple[str, ...]:
    """Gradients of each loss for its own group's nets alone, all at the same weights; the groups that have none.

    `inputs` is what keeps L_g out of D and L_d out of G, without a second forward pass of detached images; autograd
    then skips what neither needs.
    """
    for optimiser in training.optimisers.values():
        optimiser.zero_grad()
    moving = [(name, loss) for name, loss in losses.by_group.items() if loss.requires_grad]  # not if all weights are 0
    for number, (name, loss) in enumerate(moving, 1):
        with contextlib.ExitStack() as held:
            if number == len(moving):  # graphs that stay were made of weights that need gradients
                for net in training.nets_outside(name):
                    held.enter_context(frozen(net))
            parameters = training.optimisers[name].parameters
            torch.autograd.backward([loss], retain_graph=number < len(moving), inputs=parameters)
    return tuple(name for name in losses.by_group if not _moves(training.optimisers[name].parameters))


def _moves(parameters: Iterable[Tensor]) -> bool:
    return any(parameter.grad is not None for parameter in parameters)
