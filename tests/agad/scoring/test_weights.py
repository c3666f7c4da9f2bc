"""Saved weights hold all that scoring needs, whatever the modules of a net are called."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from agad.nets import naive
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, add_auxiliary
from agad.nets.layers.convolution import Conv2d
from agad.scoring.evaluate import score_weights
from agad.scoring.weights import load_weights, main_state
from agad.train.run import train
from tests.helpers.science import OPTIONS, made_up, small


class WithAux(BatchNormNet):
    """A generator with a branch that is called as batch norm's auxiliary set is."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"aux": nn.Sequential(Conv2d(1, 4, 3, padding=1), BatchNorm2d(4))})
        self.head = Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.head(self.branches["aux"](x)))


@pytest.mark.parametrize("strategy", ["freeze", "advprop_freeze"])
def test_a_module_called_aux_is_saved_and_scored(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights were left out, and scored as initialised."""
    monkeypatch.setattr(naive, "build", lambda *_: WithAux())
    data = made_up()
    record = train(small(batch_norm=strategy), dataclasses.replace(OPTIONS, weights_dir=str(tmp_path)), data=data)
    path = tmp_path / record.values["weights"]

    assert set(load_weights(path).nets["generator"]) == WithAux().state_dict().keys()
    assert score_weights(path, ["eval"], options=OPTIONS, data=data)["eval"].tolist() == record.values["scores_eval"]


def test_auxiliary_batch_norm_alone_is_left_out() -> None:
    net = WithAux()
    names = list(net.state_dict())
    add_auxiliary(net)

    assert len(net.state_dict()) == len(names) + 4
    assert list(main_state(net)) == names
    assert list(main_state(net.branches["aux"][1])) == ["weight", "bias", "running_mean", "running_var"]
