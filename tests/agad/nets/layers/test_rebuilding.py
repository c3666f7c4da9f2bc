"""Activations that are rebuilt from other saved tensors: the same bits, less memory."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agad.data.split import one_class_split
from agad.nets.layers import batchnorm, rebuilding
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, add_auxiliary, bn_mode
from agad.nets.layers.rebuilding import Rebuilding, Rebuilt, concatenate
from agad.train.state import Training
from agad.train.update import update
from tests.helpers.science import CPU, made_up, net_of, saved_per_pixel, small

ALWAYS, NEVER = -1, 2**50
"""As SAVED_AT_MOST: whether activations within blocks and upsampled ones are rebuilt."""


@contextlib.contextmanager
def inactive(self: Rebuilding) -> Iterator[Rebuilding]:
    """Torch's own way: everything is saved."""
    yield self


def images() -> Tensor:
    return torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(9))


def gradients(net: BatchNormNet, x: Tensor, precision: torch.dtype, mode: BNMode) -> list[Tensor]:
    """Of a loss of two passes, the second over what the first gives, as a training step makes them."""
    with bn_mode(net, mode), torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        x_hat = net(x)
        again = net(x_hat)
    (x_hat.square().mean() + (again - x).abs().mean()).backward()
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("limit", [ALWAYS, NEVER], ids=["all kinds", "concatenations"])
@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("backbone", ["unet", "unetpp"])
def test_gradients_and_statistics_have_the_bits_of_torch_s_own_way(
    backbone: str, precision: torch.dtype, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SAVED_AT_MOST", limit)
    same_bits(lambda: net_of(backbone), images(), precision, BNMode.UPDATE, monkeypatch)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("mode", [BNMode.BATCH, BNMode.AUX, BNMode.RUNNING])
def test_so_have_those_of_other_nets_and_modes(
    mode: BNMode, norm: str, upsampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SAVED_AT_MOST", ALWAYS)

    def net() -> BatchNormNet:
        one = net_of("unetpp", upsampling=upsampling, generator_norm=norm)
        add_auxiliary(one)
        with torch.no_grad():
            for layer in one.batch_norms:
                assert layer.aux is not None
                layer.aux.weight.fill_(2.0)
        return one

    precision = torch.bfloat16 if (norm, upsampling) == ("batch", "bilinear") else torch.float32
    same_bits(net, images(), precision, mode, monkeypatch)


def same_bits(build: Any, x: Tensor, precision: torch.dtype, mode: BNMode, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for whole in (False, True):
        if whole:
            monkeypatch.setattr(Rebuilding, "active", inactive)
            monkeypatch.setattr(Rebuilding, "_concatenate", lambda self, parts: concatenate(parts))
        net = build()
        if precision is torch.float64:
            net.double()
        results.append([*gradients(net, x.to(net.head.weight.dtype), precision, mode), *net.buffers()])
    ours, theirs = results
    assert len(ours) == len(theirs) > 20
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["shared", "advprop", "freeze", "advprop_freeze"])
def test_a_training_has_the_same_bits(batch_norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its passes are made in several modes, all before the first gradient."""
    states = []
    for limit in (ALWAYS, NEVER):
        monkeypatch.setattr(rebuilding, "SAVED_AT_MOST", limit)
        data, spec = made_up(), small(backbone="unet", batch_norm=batch_norm)
        training = Training(spec, data, one_class_split(data, spec), CPU)
        for _ in range(3):
            update(training)
        states.append([tensor.clone() for tensor in training.method.generator.state_dict().values()])
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))


@pytest.mark.slow
def test_a_concatenation_is_not_saved_and_is_rebuilt_from_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Tensor]] = []

    def watched(parts: list[Tensor]) -> Tensor:
        y = concatenate(parts)
        made.append(weakref.ref(y))
        return y

    net = net_of("unetpp")
    monkeypatch.setattr(rebuilding, "concatenate", watched)
    out = net(torch.randn(2, 1, 16, 16))
    assert len(made) == 10  # nodes of UNet++ that are not in its first column
    assert not any(one() is not None for one in made)
    out.sum().backward()
    assert len(made) == 20


@pytest.mark.slow
def test_an_activation_that_two_operations_saved_is_rebuilt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "SAVED_AT_MOST", ALWAYS)
    made, normalise = [], batchnorm._normalise

    def watched(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        made.append(x.shape)
        return normalise(x, *args, **kwargs)

    monkeypatch.setattr(batchnorm, "_normalise", watched)
    net = net_of("unetpp")
    with bn_mode(net, BNMode.UPDATE):
        out = net(images())
    assert len(made) == 30  # two in each of UNet++'s 15 nodes
    out.sum().backward()
    assert len(made) == 45


@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
@pytest.mark.parametrize("backbone", ["unet", "unetpp"])
def test_all_kinds_save_a_third_less_than_concatenations(
    backbone: str, upsampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    for limit in (NEVER, ALWAYS):
        monkeypatch.setattr(rebuilding, "SAVED_AT_MOST", limit)
        saved.append(saved_per_pixel(net_of(backbone, image_size=32, upsampling=upsampling)))
    assert saved[1] < 0.7 * saved[0]


def test_the_gradient_of_a_concatenation_is_not_held_by_those_of_its_parts() -> None:
    tensors = [torch.ones(2, channels, 4, 4, requires_grad=True) for channels in (1, 3, 2)]
    with Rebuilding(net_of("unet"), tensors[0]).active() as active:
        y = active.concatenate(tensors[:2], nn.Identity(), tensors[2])
        y.backward(torch.arange(y.numel()).view(y.shape).float())
    gradients = [one.grad for one in tensors if one.grad is not None]
    assert torch.equal(concatenate(gradients), torch.arange(y.numel()).view(y.shape).float())
    assert [grad.untyped_storage().nbytes() for grad in gradients] == [one.nbytes for one in tensors]


def test_an_activation_is_rebuilt_once_for_all_its_uses_and_then_freed() -> None:
    made = []
    rebuilt = Rebuilt([torch.ones(3)], lambda sources: made.append(1) or sources[0] * 2)
    rebuilt.uses = 2
    first = rebuilt()
    assert rebuilt() is first
    gone = weakref.ref(first)
    del first
    assert gone() is None
    assert len(made) == 1
    assert rebuilt().tolist() == [2.0] * 3
    assert len(made) == 2


@pytest.mark.slow
def test_shapes_are_found_without_numbers() -> None:
    x = torch.empty(2, 1, 16, 16, device="meta")
    assert net_of("unetpp").to("meta")(x).shape == x.shape


def test_a_tensor_at_the_address_of_a_freed_concatenation_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A concatenation is freed at once; a tensor at its address must be saved as it is."""
    memory = torch.empty(1, 4, 4, 4)
    weight, net = torch.ones(1, requires_grad=True), net_of("unet")
    monkeypatch.setattr(rebuilding, "concatenate", lambda parts: memory.detach().fill_(1.0))
    with Rebuilding(net, memory).active() as active:
        active.concatenate([memory], nn.Identity(), memory)
        (memory.detach().fill_(3.0) * weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.item() == 3.0 * memory.numel()
