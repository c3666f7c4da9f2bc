"""How many runs a worker advances at once where that is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agad.errors import DataError
from agad.spec.run import RunOptions, RunSpec
from agad.train.graph import size
from sweeps.machine import together

NAIVE = RunSpec(normal_class=0)
COSTLY = RunSpec(normal_class=1, backbone="unetpp")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    """The specs that were measured, on a GPU that is not there."""
    asked: list[RunSpec] = []

    def rates(spec: RunSpec, *_: Any) -> dict[int, float]:
        asked.append(spec)
        return {1: 10.0, 2: 19.0, 4: 19.1}

    monkeypatch.setattr(size, "measured_rates", rates)
    monkeypatch.setattr(together, "_kind_of", lambda spec, _: f"{spec.backbone}")
    return asked


def settled(tmp_path: Path, *specs: RunSpec, device: str = "cuda") -> int:
    options = RunOptions(device=device, cache=str(tmp_path))
    return together.settled_size(specs, options, lambda *_: None)  # type: ignore[arg-type, return-value]


def test_it_is_measured_once_for_a_kind_of_run_by_the_costliest(measured: list[RunSpec], tmp_path: Path) -> None:
    assert settled(tmp_path, NAIVE, COSTLY) == 2
    assert settled(tmp_path, COSTLY.replace(normal_class=3), NAIVE) == 2
    assert measured == [COSTLY]
    assert settled(tmp_path, NAIVE) == 2
    assert measured == [COSTLY, NAIVE]


def test_kinds_differ_where_the_cost_does() -> None:
    """Whatever a method's own net is: by its encoder Deep SVDD's runs cost ten times as much or as little."""
    options, deep = RunOptions(device="cpu"), {"method": "deep_svdd", "normal_class": 0}
    specs = [COSTLY, NAIVE, *(RunSpec(**deep, encoder=one) for one in ("lenet_small", "lenet_large"))]

    assert len({together._kind_of(spec, options) for spec in specs}) == len(specs)
    assert together._kind_of(NAIVE, options) == together._kind_of(NAIVE.replace(seed=3), options)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"naive": {"one": 2}}', '{"naive": []}', '{"naive": null}'])
def test_a_file_that_cannot_be_read_is_measured_again(text: str, measured: list[RunSpec], tmp_path: Path) -> None:
    (tmp_path / "together.json").write_text(text)
    assert settled(tmp_path, NAIVE) == 2
    assert len(measured) == 1


def test_on_the_cpu_and_for_runs_without_updates_it_is_one(measured: list[RunSpec], tmp_path: Path) -> None:
    assert settled(tmp_path, NAIVE, device="cpu") == 1
    assert settled(tmp_path, RunSpec(normal_class=0, task="inference")) == 1
    assert not measured


def test_what_cannot_be_measured_is_one_and_not_remembered(
    measured: list[RunSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> dict[int, float]:
        raise DataError("the data\nare gone")

    monkeypatch.setattr(size, "measured_rates", fail)
    assert settled(tmp_path, NAIVE) == 1
    assert "the data are gone" in caplog.text
    assert not (tmp_path / "together.json").exists()
