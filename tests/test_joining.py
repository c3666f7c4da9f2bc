"""Concatenations that are kept as their parts: the same bits, less memory."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from agad.models import joining
from agad.models.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.models.build import build_generator
from agad.models.joining import Joining
from agad.models.stack import join, stacked
from tests.science import small


@contextlib.contextmanager
def kept_whole(self: Joining) -> Iterator[Joining]:
    """As torch does by itself."""
    yield self


def net_of(backbone: str, seed: int = 0) -> BatchNormNet:
    return build_generator(small(backbone=backbone), 1, torch.Generator().manual_seed(seed))


def gradients(net: BatchNormNet, x: Tensor, precision: torch.dtype) -> list[Tensor]:
    """Of a loss of two passes, the second over what the first gives, as a training step makes them."""
    enabled = precision is torch.bfloat16
    with bn_mode(net, BNMode.UPDATE), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        x_hat = net(x.to(torch.float32 if enabled else precision))
        again = net(x_hat)
    (x_hat.square().mean() + (again - x).abs().mean()).backward()
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("backbone", ["unet", "unetpp"])
def test_gradients_and_statistics_have_the_bits_of_torch_s_own_way(
    backbone: str, members: int, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(4, members, 16, 16, generator=torch.Generator().manual_seed(9), dtype=torch.float64).float()
    results = []
    for whole in (False, True):
        if whole:
            monkeypatch.setattr(Joining, "kept_as_parts", kept_whole)
        net = stacked([net_of(backbone, seed) for seed in range(members)])
        if precision is torch.float64:
            net.double()
        results.append([*gradients(net, x.to(net.head.weight.dtype), precision), *net.buffers()])
    ours, theirs = results
    assert len(ours) == len(theirs) > 20
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_a_join_is_not_kept_and_is_made_again_from_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Tensor]] = []

    def watched(parts: list[Tensor], members: int) -> Tensor:
        y = join(parts, members)
        made.append(weakref.ref(y))
        return y

    monkeypatch.setattr(joining, "join", watched)
    out = net_of("unetpp")(torch.randn(2, 1, 16, 16))
    assert len(made) == 10  # nodes of UNet++ that are not in its first column
    assert not any(one() is not None for one in made)
    out.sum().backward()
    assert len(made) == 20


def test_memory_that_a_join_had_and_another_map_has_now_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A join dies at once; whatever lies where it lay must be kept as it is."""
    memory = torch.empty(1, 4, 4, 4)
    monkeypatch.setattr(joining, "join", lambda parts, members: memory.detach().fill_(1.0))
    weight = torch.ones(1, requires_grad=True)
    with Joining(1).kept_as_parts() as joined:
        joined([memory])
        (memory.detach().fill_(3.0) * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.item() == 3.0 * memory.numel()
