"""Several nets of one kind as a single net: grouped convolutions, batch norm over all their channels.

A stacked net takes images (N, members x C, H, W), the members' channels one after the other, and never mixes them. The
single nets stay alive: their weights and statistics become views of the stacked ones, so whatever changes the one
changes the other, and checkpoints, scoring and rows know single nets only.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from agad.models.batchnorm import BatchNormNet

Net = TypeVar("Net", bound=BatchNormNet)


def join(parts: Sequence[Tensor], members: int) -> Tensor:
    """Concatenate (N, members x C_i, H, W) along each member's own channels: (N, members x sum C_i, H, W)."""
    if members == 1:
        return torch.cat(list(parts), 1)
    return torch.cat([_by_member(part, members) for part in parts], 2).flatten(1, 2)


def parted(x: Tensor, channels: Sequence[int], members: int) -> list[Tensor]:
    """The inverse of join, for parts of so many channels, those of all members counted."""
    if members == 1:
        return list(torch.split(x, list(channels), 1))
    own = [count // members for count in channels]
    return [part.flatten(1, 2) for part in torch.split(_by_member(x, members), own, 2)]


def member_of(x: Tensor, member: int, members: int) -> Tensor:
    """A member's part of a stacked net's output: its logits (N,) of (N, members), or its channels of a map; a view."""
    if members == 1:
        return x
    return x[:, member] if x.ndim == 2 else _by_member(x, members)[:, member]


@torch.no_grad()
def stacked(nets: Sequence[Net]) -> Net:
    """One net that is all of `nets`, which become views of it; their gradients too. A single net is itself.

    Nets of an earlier stack may be given: they leave it.
    """
    if len(nets) == 1:
        _leave(nets[0])
        return nets[0]
    net = copy.deepcopy(nets[0])
    net.members = len(nets)
    for module, *singles in zip(net.modules(), *(one.modules() for one in nets), strict=True):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.groups = len(nets)
            module.in_channels *= len(nets)
            module.out_channels *= len(nets)
        for name, _ in list(module.named_parameters(recurse=False)):
            _stack_parameter(module, [getattr(single, name) for single in singles], name)
        for name, _ in list(module.named_buffers(recurse=False)):
            joined = torch.cat([getattr(single, name) for single in singles])
            setattr(module, name, joined)
            for single, part in zip(singles, joined.chunk(len(singles)), strict=True):
                setattr(single, name, part)
    return net


def _by_member(x: Tensor, members: int) -> Tensor:
    n, channels, *size = x.shape
    return x.view(n, members, channels // members, *size)


def _stack_parameter(module: nn.Module, parameters: list[nn.Parameter], name: str) -> None:
    joined = nn.Parameter(torch.cat([parameter.detach() for parameter in parameters]))
    joined.grad = torch.zeros_like(joined)
    setattr(module, name, joined)
    values, gradients = joined.detach().chunk(len(parameters)), joined.grad.chunk(len(parameters))
    for parameter, value, gradient in zip(parameters, values, gradients, strict=True):
        parameter.data, parameter.grad = value, gradient


def _leave(net: nn.Module) -> None:
    """Give a net that was in a stack memory of its own; the stack's would be kept by it."""
    for module in net.modules():
        for parameter in module.parameters(recurse=False):
            if is_part(parameter):
                parameter.data, parameter.grad = parameter.data.clone(), None
        for name, buffer in list(module.named_buffers(recurse=False)):
            if is_part(buffer):
                setattr(module, name, buffer.clone())


def is_part(tensor: Tensor) -> bool:
    """Whether a tensor is a piece of a larger one's memory."""
    return tensor.untyped_storage().nbytes() > tensor.nbytes
