"""The update: lines 2 to 13 of Algorithm 1, for one run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agad.methods import Losses
from agad.nets.layers.convolution import frozen
from agad.tensors.device import autocast
from agad.train.state import Training


def update(training: Training) -> None:
    """One update of G and of D, both from the same forward passes.

    Raises NonFiniteLoss where L_g or L_d is not finite; the training's state is of no use then, nor after any other
    error.
    """
    losses = training.method.losses(forward(training, training.batch()))
    backward(training, losses)
    for adam in (training.adam_g, training.adam_d):
        adam.step()
        adam.zero_grad()  # at once: until the next backward pass gradients would only fragment the memory
    training.end_update(_to_host(losses))


def forward(training: Training, x: Tensor) -> Any:
    """The method's passes over a batch x, (B, C, H, W) in [-1, 1], under the spec's precision: its outputs."""
    with autocast(x.device, training.spec.precision):
        return training.method.forward(training.generator, training.discriminator, x, training.batches.sizes.normal)


def backward(training: Training, losses: Losses) -> None:
    """Gradients of L_g for G alone and of L_d for D alone, both at the same weights.

    `inputs` is what keeps L_g out of D and L_d out of G, without a second forward pass of detached images; autograd
    then skips what neither needs.
    """
    for adam in (training.adam_g, training.adam_d):
        adam.zero_grad()
    # D's first: the pass through G, which comes last, then releases each activation as soon as it has been used.
    torch.autograd.backward([losses.loss_d], retain_graph=True, inputs=list(training.discriminator.parameters()))
    if losses.loss_g.requires_grad:  # it does not where every weight is 0
        with frozen(training.discriminator):
            torch.autograd.backward([losses.loss_g], inputs=list(training.generator.parameters()))


def _to_host(losses: Losses) -> dict[str, float]:
    """Both losses and all terms in one transfer: the next update must not begin before a reset of D is decided."""
    named = {"loss_g": losses.loss_g, "loss_d": losses.loss_d, **losses.terms}
    values = torch.stack([value.detach() for value in named.values()]).tolist()
    return dict(zip(named, values, strict=True))
