"""Saved weights hold all that scoring needs, whatever the modules of a net are called."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agad.errors import DataError, MakerWarning
from agad.nets import naive
from agad.nets.layers.batchnorm import BatchNorm2d, BatchNormNet, add_auxiliary
from agad.nets.layers.convolution import Conv2d
from agad.scoring import weights
from agad.scoring.evaluate import score_weights
from agad.scoring.weights import load_weights, main_state
from agad.tensors.file import load_tensors, save_tensors
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The weights of a run, and its row."""
    folder = tmp_path_factory.mktemp("weights")
    record = train(small(), dataclasses.replace(OPTIONS, weights_dir=str(folder)), data=made_up())
    return folder / record.values["weights"], {"run_id": record.run_id, **record.values}


@pytest.mark.slow
def test_weights_of_this_code_and_row_are_read_in_silence(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, row = trained
    assert load_weights(path, row).made_by == {name: row[name] for name in ("code_digest", "auroc")}

    content = load_tensors(path)
    del content["made_by"]  # as an older agad wrote it
    save_tensors(tmp_path / path.name, content)
    assert load_weights(tmp_path / path.name, row).made_by == {}


@pytest.mark.slow
def test_weights_that_other_code_has_trained_are_warned_of(
    trained: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, row = trained
    monkeypatch.setattr(weights, "named_code", lambda: "f" * 16)
    says = rf"{path.name} were trained by other code \({row['code_digest']}, now f{{16}}\)"

    for read in (load_weights, lambda of: score_weights(of, ["eval"], options=OPTIONS, data=made_up())):
        with pytest.warns(MakerWarning, match=says) as caught:
            read(path)
        assert [one.filename for one in caught] == [__file__]


@pytest.mark.slow
def test_weights_whose_code_is_unknown_are_said_to_be(
    trained: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process may have run other code than its files hold."""
    monkeypatch.setattr(weights, "named_code", lambda: None)
    with pytest.warns(MakerWarning, match=r"were trained by code of which nobody knows .*, now unknown\)"):
        load_weights(trained[0])


@pytest.mark.slow
def test_a_row_of_a_frame_has_no_number_where_there_is_none(trained: tuple[Path, dict[str, Any]]) -> None:
    """Pandas has NaN there; a warning would be an error in tests."""
    path, row = trained
    load_weights(path, row | {"auroc": float("nan")})


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"auroc": 0.125}, {"code_digest": "e" * 16}, {"run_id": "d" * 16}])
def test_weights_of_another_training_than_the_row_s_are_warned_of(
    trained: tuple[Path, dict[str, Any]], change: dict[str, Any]
) -> None:
    """They were trained again, and the row stayed."""
    path, row = trained
    ((name, value),) = change.items()

    with pytest.warns(MakerWarning, match=rf"are not those of the row \({name} {value}, theirs [^;]+\)"):
        load_weights(path, row | change)


@pytest.mark.parametrize("made_by", [None, [], {"code_digest": "e"}])
def test_a_file_that_says_something_else_of_its_maker_is_refused(tmp_path: Path, made_by: object) -> None:
    content = {"spec": {}, "channels": 1, "data_digest": "", "nets": {}, "made_by": made_by}
    save_tensors(tmp_path / "w.pt", content)
    with pytest.raises(DataError, match="it is not a file of saved weights"):
        load_weights(tmp_path / "w.pt")


def test_auxiliary_batch_norm_alone_is_left_out() -> None:
    net = WithAux()
    names = list(net.state_dict())
    add_auxiliary(net)

    assert len(net.state_dict()) == len(names) + 4
    assert list(main_state(net)) == names
    assert list(main_state(net.branches["aux"][1])) == ["weight", "bias", "running_mean", "running_var"]
