"""What is refused of a method of one's own: layers and draws that would make its scores random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agad.errors import SpecError
from agad.methods import Group, Losses, Method, agad, method_of
from agad.nets.build import drawn
from agad.nets.layers.batchnorm import BatchNormNet
from agad.spec.run import RunSpec
from agad.tensors.seeding import seed_of
from agad.train.run import train
from tests.helpers.science import OPTIONS, made_up, small

LEAN: dict[str, Any] = {"curve": (), "curve_protocols": ("eval",), "final_protocols": ("eval",), "updates": 2}


class Own(Method):
    """|x - f(x)| of a net f, with something done in one of its functions."""

    def __init__(self, spec: RunSpec, net: nn.Module, place: str = "", act: Callable[[], Any] = lambda: None) -> None:
        self._place, self._act = place, act
        super().__init__({"net": net}, (Group.of(spec, "g", "net"),))

    def begin(self, train: Any) -> None:
        self._at("begin")

    def forward(self, x: Tensor, n_normal: int) -> Tensor:
        self._at("forward")
        return (x - self.nets["net"](x)).abs().mean((1, 2, 3))

    def losses(self, out: Tensor) -> Losses:
        self._at("losses")
        return Losses({"g": out.mean()})

    def fit(self, train: Any) -> None:
        self._at("fit")

    def scores(self, x: Tensor, fitted: Any, positions: Tensor) -> Tensor:
        self._at("scores")
        return (x - self.nets["net"](x)).abs().mean((1, 2, 3))

    def _at(self, place: str) -> None:
        if self._place == place:
            self._act()


def plain(*layers: nn.Module) -> nn.Sequential:
    """A net with weights of a key, as the documentation says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("init", "net", 0))
        return nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), *layers)


def made(monkeypatch: pytest.MonkeyPatch, make: Callable[[RunSpec], Method]) -> RunSpec:
    """A spec whose method that is."""

    def of(spec: RunSpec, channels: int) -> Method:
        return make(spec)

    monkeypatch.setattr(agad, "make", of)
    return small(**LEAN)


@pytest.mark.parametrize("layer", [nn.Dropout(), nn.RReLU(), nn.BatchNorm2d(1)])
def test_unsteady_layers_of_its_nets_are_refused(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were active while images were scored."""
    spec = made(monkeypatch, lambda spec: Own(spec, plain(layer)))
    with pytest.raises(SpecError, match=f"test_method, net: its layer 1 is .*{type(layer).__name__}, which"):
        method_of(spec, 1)


def test_unsteady_layers_of_a_backbone_are_refused() -> None:
    net = BatchNormNet()
    net.layers = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, affine=False, track_running_stats=False))
    with pytest.raises(SpecError, match=r"layers.1 is torch.*BatchNorm2d, which takes the statistics of each batch"):
        drawn(lambda: net, torch.Generator(), "dcgan")


def test_a_net_that_an_update_puts_into_train_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = plain(nn.BatchNorm2d(1)).eval()
    spec = made(monkeypatch, lambda spec: Own(spec, net, "forward", net.train))
    with pytest.raises(SpecError, match=r"its layer 1 is .*BatchNorm2d"):
        train(spec, OPTIONS, data=made_up())


def test_initial_weights_without_a_key_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run had other numbers in each process."""
    spec = made(monkeypatch, lambda spec: Own(spec, nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))))
    with pytest.raises(SpecError, match=r"method=agad is made: .* draws from torch's global .*; draw from agad"):
        train(spec, OPTIONS, data=made_up())


def test_a_process_may_draw_as_it_likes_while_weights_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that loads a detector has threads of its own; what is drawn there is replaced at once."""
    method_of(made(monkeypatch, lambda spec: Own(spec, plain(), "scores", torch.seed)), 1)
    spec = made(monkeypatch, lambda spec: Own(spec, nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))))
    assert isinstance(method_of(spec, 1), Own)


TIMES = {
    "begin": "measures training images",
    "forward": "makes an update",
    "losses": "makes an update",
    "fit": "fits",
    "scores": "scores",
}


@pytest.mark.parametrize(
    ("place", "draw"),
    [
        *((place, torch.seed) for place in TIMES),
        *((place, lambda: torch.rand(1)) for place in TIMES),
        *((place, np.random.rand) for place in TIMES if place != "fit"),
    ],
)
def test_draws_without_a_key_are_refused(place: str, draw: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = made(monkeypatch, lambda spec: Own(spec, plain(), place, draw))
    with pytest.raises(SpecError, match=f"test_method {TIMES[place]}: .* draws from .*'s global random generator"):
        train(spec, OPTIONS, data=made_up())


def test_a_net_of_torch_that_is_steady_and_drawn_by_a_key_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = made(monkeypatch, lambda spec: Own(spec, plain(nn.InstanceNorm2d(1), nn.BatchNorm2d(1).eval())))
    one, two = (train(spec, OPTIONS, data=made_up()).values["scores_eval"] for _ in range(2))

    assert one == two
