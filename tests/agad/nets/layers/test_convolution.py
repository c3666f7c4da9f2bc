"""Convolutions on small maps: bfloat16 on the CPU to rounding, all else torch's own bits."""

import pytest
import torch
from torch import Tensor, nn

from agad.nets.layers.convolution import Conv2d, ConvTranspose2d, frozen

LAYERS = {
    "three by three at 2x2": (Conv2d, (24, 40, 3, 1, 1), (5, 24, 2, 2)),
    "three by three at 4x4": (Conv2d, (24, 40, 3, 1, 1), (5, 24, 4, 4)),
    "four by four, stride 2": (Conv2d, (24, 40, 4, 2, 1), (5, 24, 8, 8)),
    "a classifier": (Conv2d, (24, 1, 4), (5, 24, 4, 4)),
    "oblong": (Conv2d, (24, 40, 3, 2, 1), (5, 24, 3, 7)),
    "transposed, 2x2": (ConvTranspose2d, (24, 40, 2, 2), (5, 24, 2, 2)),
    "transposed, 4x4 stride 2": (ConvTranspose2d, (24, 40, 4, 2, 1), (5, 24, 4, 4)),
    "transposed, from 1x1": (ConvTranspose2d, (24, 40, 4, 1, 0), (5, 24, 1, 1)),
    "one beyond the small maps": (Conv2d, (24, 40, 3, 1, 1), (5, 24, 5, 5)),
    "dilated": (Conv2d, (24, 40, 3, 1, 2, 2), (5, 24, 4, 4)),
    "in groups": (Conv2d, (24, 40, 3, 1, 1, 1, 4), (5, 24, 4, 4)),
    "transposed, padded at its end": (ConvTranspose2d, (24, 40, 3, 2, 1, 1), (5, 24, 4, 4)),
    "transposed, in groups": (ConvTranspose2d, (24, 40, 4, 2, 1, 0, 4), (5, 24, 4, 4)),
}


def _gradients(layer: nn.Module, x: Tensor, bf16: bool) -> list[Tensor]:
    """Output and gradients of x, weight and bias, for a fixed gradient of the output."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = layer(x)
    g = torch.empty(y.shape, dtype=torch.bfloat16).normal_(generator=torch.Generator().manual_seed(2))
    y.backward(g.to(y.dtype))
    return [y.detach(), x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.mark.parametrize("held", [2**24, 2**15], ids=["at once", "in pieces"])
@pytest.mark.parametrize("name", LAYERS)
def test_bf16_is_the_exact_convolution_of_the_rounded_values_to_rounding(
    name: str, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agad.nets.layers.convolution._WINDOW_BYTES", held)
    kind, arguments, shape = LAYERS[name]
    draw = torch.Generator().manual_seed(1)
    layer = kind(*arguments)
    x = torch.empty(shape).normal_(generator=draw).bfloat16().float()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.empty(parameter.shape).normal_(generator=draw).bfloat16())
    layer.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    found = _gradients(layer, x, bf16=True)
    exact = _gradients(layer.double(), x.double(), bf16=False)
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        assert ((one.double() - other).abs().max() / other.abs().max()).item() < 2**-7


@pytest.mark.parametrize("name", LAYERS)
def test_float32_has_torchs_own_bits(name: str) -> None:
    kind, arguments, shape = LAYERS[name]
    layer = kind(*arguments)
    plain = (nn.Conv2d if kind is Conv2d else nn.ConvTranspose2d)(*arguments)
    plain.load_state_dict(layer.state_dict())
    x = torch.empty(shape).normal_(generator=torch.Generator().manual_seed(1))
    for one, other in zip(_gradients(layer, x, bf16=False), _gradients(plain, x, bf16=False), strict=True):
        assert one.equal(other)


def test_the_weight_gradient_is_of_float32_in_the_weights_own_layout() -> None:
    layer = Conv2d(24, 40, 3, 1, 1).to(memory_format=torch.channels_last)
    _, _, weight, _ = _gradients(layer, torch.ones(5, 24, 2, 2), bf16=True)
    assert weight.dtype is torch.float32
    assert weight.stride() == layer.weight.stride()


def test_a_frozen_net_passes_gradients_on_and_keeps_none() -> None:
    layer = Conv2d(24, 40, 3, 1, 1)
    x = torch.ones(5, 24, 2, 2, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x).sum()
    with frozen(layer):
        torch.autograd.backward(y, retain_graph=True, inputs=[x])
    assert x.grad is not None
    assert layer.weight.grad is None
    torch.autograd.backward(y, inputs=list(layer.parameters()))
    assert layer.weight.grad is not None
    assert layer.weight.requires_grad
