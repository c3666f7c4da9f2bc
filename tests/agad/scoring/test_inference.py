"""task=inference: parameters and times of a generator."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import agad.scoring.inference
from agad.nets.layers.batchnorm import BatchNorm2d, BNMode
from agad.scoring.inference import BATCH_SIZES, FEWEST, MOST, WARM_UPS, median_seconds
from agad.spec.run import RunSpec
from agad.store.schema import CURVE_COLUMNS, LIGHT_COLUMNS, MEASURED_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS
from agad.train.run import Action, Interrupted, Progress, train
from tests.helpers.science import OPTIONS, made_up


class Passes:
    """A clock that only passes move: pass i takes the i-th of `seconds`, the last one again and again."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.count = 0.0, 0
        self._seconds = itertools.chain(seconds, itertools.repeat(seconds[-1]))

    def __call__(self) -> None:
        self.now += next(self._seconds)
        self.count += 1

    def clock(self) -> float:
        return self.now


def test_the_median_pass_counts_and_warm_ups_do_not():
    one_pass = Passes(99.0, 99.0, 1.0, 5.0, 2.0, 9.0, 3.0)
    assert median_seconds(one_pass, one_pass.clock) == pytest.approx(3.0)
    assert one_pass.count == WARM_UPS + FEWEST


@pytest.mark.parametrize(("seconds", "timed"), [(10.0, FEWEST), (0.0625, 8), (1e-6, MOST)])
def test_short_passes_are_repeated_for_half_a_second(seconds: float, timed: int):
    one_pass = Passes(seconds)
    median_seconds(one_pass, one_pass.clock)
    assert one_pass.count == WARM_UPS + timed


def inference(**changes: Any) -> RunSpec:
    values = {"dataset": "npz:made_up", "normal_class": 0, "image_size": 16, "task": "inference"}
    return RunSpec(**(values | changes))


def images_per_pass(monkeypatch: pytest.MonkeyPatch, milliseconds: dict[int, float]) -> None:
    """Let a pass over this many images take this many milliseconds."""
    sizes: Iterator[int] = iter(BATCH_SIZES)
    monkeypatch.setattr(agad.scoring.inference, "median_seconds", lambda _: milliseconds[next(sizes)] / 1000)


def test_the_best_batch_is_the_one_with_the_most_images_per_second(monkeypatch: pytest.MonkeyPatch):
    milliseconds = {1: 8.0, 2: 9.0, 4: 10.0, 8: 12.0, 16: 16.0, 32: 30.0, 64: 70.0, 128: 150.0, 256: 300.0}
    images_per_pass(monkeypatch, milliseconds)
    values = train(inference(), OPTIONS, data=made_up()).values
    assert values["inference_ms_batch1"] == pytest.approx(8.0)
    assert (values["inference_best_batch"], values["inference_ms_best"]) == (32, pytest.approx(30 / 32))


@pytest.mark.slow
def test_every_batch_size_is_timed_in_inference_mode(monkeypatch: pytest.MonkeyPatch):
    """More images than there are in the test set too; no gradient is saved."""
    seen: list[tuple[int, bool]] = []
    original = BatchNorm2d.forward

    def forward(norm: BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
        assert norm.mode is BNMode.RUNNING
        seen.append((len(x), torch.is_grad_enabled()))
        return original(norm, x)

    monkeypatch.setattr(BatchNorm2d, "forward", forward)
    monkeypatch.setattr(agad.scoring.inference, "median_seconds", lambda one_pass: one_pass() or 1.0)
    train(inference(), OPTIONS, data=made_up(test=9))
    assert list(dict.fromkeys(seen)) == [(size, False) for size in BATCH_SIZES]


def test_the_row(monkeypatch: pytest.MonkeyPatch):
    images_per_pass(monkeypatch, dict.fromkeys(BATCH_SIZES, 1.0))
    record = train(inference(backbone="unet", generator_norm="none"), OPTIONS, data=made_up())
    (row,) = record.to_table().to_pylist()
    assert (row["status"], row["task"], row["parameters_g"]) == ("ok", "inference", 7_759_521)
    assert row["auroc"] is row["updates_done"] is row["parameters_d"] is None
    known = {name for name in (*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS) if row[name] is not None}
    assert known == {"parameters_g", "data_digest"}
    assert (row["train_seconds"], row["resumes"], row["threads"], row["device"]) == (0.0, 0, 1, "cpu")
    assert row["eval_seconds"] > 0
    assert row["started_at"] <= row["finished_at"]
    assert set(MEASURED_COLUMNS) <= set(LIGHT_COLUMNS) - set(RESULT_COLUMNS)


def test_real_passes_have_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(agad.scoring.inference, "BATCH_SIZES", (1, 4))
    monkeypatch.setattr(agad.scoring.inference, "ENOUGH", 0.0)
    values = train(inference(), OPTIONS, data=made_up()).values
    assert 0 < values["inference_ms_best"] <= values["inference_ms_batch1"]
    assert values["inference_best_batch"] in {1, 4}


@pytest.mark.parametrize("action", [Action.STOP, Action.ABANDON])
def test_it_can_be_stopped_between_batch_sizes(monkeypatch: pytest.MonkeyPatch, action: Action):
    images_per_pass(monkeypatch, dict.fromkeys(BATCH_SIZES, 1.0))
    seen: list[Progress] = []

    def control(progress: Progress) -> Action:
        seen.append(progress)
        return action if len(seen) == 3 else Action.CHECKPOINT

    with pytest.raises(Interrupted):
        train(inference(), OPTIONS, data=made_up(), control=control)
    assert len(seen) == 3
