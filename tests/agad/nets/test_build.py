"""What a backbone's file must build: a net that evaluation protocols and initialisation reach whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agad.errors import SpecError
from agad.methods import build_generator
from agad.nets import naive
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet
from agad.nets.layers.convolution import Conv2d
from agad.train.update import update
from tests.helpers.science import small, training_of


class Net(BatchNormNet):
    """A convolution and a layer."""

    def __init__(self, layer: nn.Module, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(Conv2d(1, 4, 3, stride, 1), layer, Conv2d(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


def built(monkeypatch: pytest.MonkeyPatch, make: Any, seed: int = 0) -> BatchNormNet:
    """The generator of a spec whose backbone's file makes that net."""
    monkeypatch.setattr(naive, "build", lambda *_: make())
    return build_generator(small(), 1, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("layer", [nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d])
def test_norms_that_protocols_do_not_reach_are_refused(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own stays in training mode: every protocol would then score with the statistics of the test batch."""
    made = {nn.LayerNorm: lambda: layer(16), nn.GroupNorm: lambda: layer(2, 4)}.get(
        layer, lambda: layer(4, affine=True)
    )
    with pytest.raises(SpecError, match=rf"{layer.__name__}, which batch norm modes .* do not reach"):
        built(monkeypatch, lambda: Net(made()))


def test_a_net_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"build\(\) of agad/nets/naive.py must return a BatchNormNet"):
        built(monkeypatch, lambda: nn.Sequential(nn.Conv2d(1, 1, 1)))
    with pytest.raises(SpecError, match=r"must return a BatchNormNet .*NoneType"):
        built(monkeypatch, lambda: None)


def test_images_of_another_shape_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naive, "build", lambda *_: Net(BatchNorm2d(4), stride=2))
    training = training_of(small())
    with pytest.raises(SpecError, match=r"makes \(12, 1, 8, 8\) of images \(12, 1, 16, 16\)"):
        update(training)


def test_linear_layers_are_drawn_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Net:
        return Net(nn.Linear(16, 16))

    one, again, other = (built(monkeypatch, make, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    weights = one["layers.1.weight"]
    assert not torch.equal(weights, other["layers.1.weight"])
    assert 0.01 < weights.std().item() < 0.03
    assert not one["layers.1.bias"].any()
