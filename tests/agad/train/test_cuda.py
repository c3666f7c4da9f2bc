"""Runs on a GPU: captured updates, several at once, precisions. Skipped where there is none; under three minutes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agad.data.split import one_class_split
from agad.errors import NonFiniteLoss
from agad.scoring import evaluate, replays
from agad.scoring.evaluate import Evaluator
from agad.scoring.replays import Replays
from agad.spec.run import EVAL_PROTOCOLS, RunOptions, RunSpec
from agad.store.schema import CURVE_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS, RunRecord
from agad.tensors.capture import Graph
from agad.tensors.device import memory_format, open_device, rounding, settings
from agad.tensors.lane import Lane
from agad.train.control import Action, Interrupted, Member, Progress
from agad.train.crew import train_together
from agad.train.graph.captured import Captured
from agad.train.graph.size import measured_rates
from agad.train.graph.updater import Eager, Renewed, updater_of
from agad.train.run import train
from agad.train.state import Training
from agad.train.update import update
from tests.helpers.science import made_up, small
from tests.helpers.twice import unrepeatable

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.filterwarnings("default::UserWarning"),  # another torch than the project's warns of other things
]

OPTIONS = RunOptions(threads=1, device="cuda")
RUNS = [
    small(seed=0, precision="tf32"),
    small(seed=1, gamma=0.4, updates=5, precision="bf16"),
    small(seed=2, backbone="unet", updates=4),
]
NUMBERS = [*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS]
PRECISIONS = ("fp32", "tf32", "bf16")
STRATEGIES = ("shared", "advprop", "freeze", "advprop_freeze")
VARIANTS = [
    *({"batch_norm": strategy, "batch_mix": mix} for strategy in STRATEGIES for mix in ("joint", "separate")),
    *({"anomaly_pair": pair, "adversarial_context": on} for pair in ("eq10", "eq3") for on in ("on", "off")),
    {"gamma": 0.0},
    {"backbone": "unet"},
    {"backbone": "unetpp"},
    {"method": "ganomaly", "gamma": 0.0, "image_size": 32, "min_anomalies": 32},
]


def check(record: RunRecord, spec: RunSpec) -> None:
    assert (record.spec, record.status) == (spec, "ok")
    assert 0 <= record.values["auroc"] <= 1
    assert all(math.isfinite(score) for score in record.values["scores_eval"])
    assert record.values["updates_done"] == spec.updates
    assert record.values["device"].startswith("cuda")
    assert record.values["peak_memory_bytes"] > 0


def assert_same_numbers(found: RunRecord | Exception, expected: RunRecord) -> None:
    assert isinstance(found, RunRecord), found
    for name in NUMBERS:
        assert found.values.get(name) == expected.values.get(name), name


def assert_same(one: Any, other: Any, where: str = "") -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key], f"{where} {key}")
    else:
        assert one == other, where


def updates(spec: RunSpec, count: int, *, eager: bool) -> dict[str, Any]:
    """The state after some updates, on the CPU."""
    device, data = open_device("cuda"), made_up(size=spec.image_size)
    lane = Lane(device)
    with settings(device, 1), lane.active():
        training = Training(spec, data, one_class_split(data, spec), device)
        updater = updater_of(training, lane, eager=eager, beside=lambda: False)
        own = updater.own if isinstance(updater, Renewed) else updater
        assert isinstance(own, Eager if eager else Captured)
        for _ in range(count):
            updater.launch()
            updater.finish()
        state: dict[str, Any] = _on_host(training.state_dict())
        updater.close()
    return state


def _on_host(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _on_host(one) for key, one in value.items()}
    return value.cpu() if isinstance(value, Tensor) else value


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: ",".join(map(str, changes.values())))
def test_a_captured_update_has_the_bits_of_the_eager_one(changes: dict[str, Any], precision: str) -> None:
    """Weights, statistics, moments and terms after four updates, D being reset after each."""
    spec = small(**{"d_reset_threshold": 1e9, "precision": precision} | changes)
    assert_same(updates(spec, 4, eager=False), updates(spec, 4, eager=True))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("backbone", ["naive", "unet"])
def test_each_operation_of_an_update_has_the_same_bits_twice(backbone: str, size: int, precision: str) -> None:
    """Names those that have not: where an update fails to repeat itself, one of them is why."""
    spec, data = small(precision=precision, backbone=backbone, image_size=size), made_up(size=size)
    device = open_device("cuda")
    lane = Lane(device)
    with settings(device, 1), lane.active():
        training = Training(spec, data, one_class_split(data, spec), device)
        update(training)
        assert unrepeatable(lambda: update(training)) == []


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_has_a_complete_row_and_the_same_numbers_twice(precision: str) -> None:
    spec = small(precision=precision, eval_precision=precision)
    record = train(spec, OPTIONS, data=made_up())
    check(record, spec)
    assert_same_numbers(train(spec, OPTIONS, data=made_up()), record)
    assert_same_numbers(train(spec, RunOptions(threads=1, device="cuda", eager=True), data=made_up()), record)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("eager", [False, True])
def test_an_interrupted_run_has_the_numbers_of_one_that_was_left_alone(
    tmp_path: Path, eager: bool, precision: str
) -> None:
    """What was begun captured goes on captured or eagerly."""
    spec = small(updates=5, batch_norm="advprop_freeze", precision=precision)

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.update == 2 else Action.CONTINUE

    options = RunOptions(threads=1, device="cuda", checkpoint_dir=str(tmp_path))
    with pytest.raises(Interrupted):
        train(spec, options, data=made_up(), control=stop)
    goes_on = RunOptions(threads=1, device="cuda", checkpoint_dir=str(tmp_path), eager=eager)
    record = train(spec, goes_on, data=made_up())

    check(record, spec)
    assert record.values["resumes"] == 1
    assert_same_numbers(record, train(spec, OPTIONS, data=made_up()))


def test_a_pruned_run_says_so(tmp_path: Path) -> None:
    options = RunOptions(threads=1, device="cuda", checkpoint_dir=str(tmp_path))
    record = train(
        small(),
        options,
        data=made_up(),
        control=lambda progress: Action.PRUNE if progress.update == 1 else Action.CONTINUE,
    )
    assert (record.status, record.values["updates_done"]) == ("pruned", 1)


def test_an_exploding_run_ends_by_itself() -> None:
    with pytest.raises(NonFiniteLoss):
        train(small(lr=1e30, updates=50), OPTIONS, data=made_up())


@pytest.mark.parametrize("size", [1, 2, 3])
def test_runs_at_once_come_and_go_with_the_numbers_that_they_have_alone(size: int) -> None:
    """One of them explodes; memory is given back at the end."""
    exploding = small(seed=8, lr=1e30, updates=50)
    found: dict[str, RunRecord | Exception] = {}
    data = made_up()

    def members() -> Iterator[Member]:
        for spec in [RUNS[0], exploding, *RUNS[1:]]:
            yield Member(spec, OPTIONS, data, None)

    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    train_together(members(), OPTIONS, size, lambda member, outcome: found.update({member.spec.run_id: outcome}))

    assert isinstance(found[exploding.run_id], NonFiniteLoss)
    for spec in RUNS:
        assert_same_numbers(found[spec.run_id], train(spec, OPTIONS, data=data))
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() - before < 512 * 2**20


def test_several_runs_are_measured_in_seconds() -> None:
    found = measured_rates(small(), made_up(), OPTIONS, seconds=0.1)
    assert {1, 2} <= {*found}
    assert all(rate > 0 for rate in found.values())


@pytest.mark.parametrize("protocol", EVAL_PROTOCOLS)
def test_scores_on_the_gpu_are_those_of_the_cpu_to_rounding(protocol: str) -> None:
    """Also where the GPU's batches are larger."""
    spec, data = small(eval_batch_size=4), made_up()
    found = []
    for name in ("cpu", "cuda"):
        device = open_device(name)
        lane = Lane(device)
        with settings(device, 1), lane.active():
            training = Training(spec, data, one_class_split(data, spec), device)
            evaluator = Evaluator.of(spec, data, one_class_split(data, spec), device)
            found.append(evaluator.scores(training.method, protocol))
    assert found[1] == pytest.approx(found[0], rel=2e-3)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("changes", [{}, {"backbone": "unet"}, {"backbone": "unetpp"}, VARIANTS[-1]], ids=str)
def test_captured_scores_have_the_bits_of_eager_ones(
    changes: dict[str, Any], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under every protocol, recorded four times in all; the recordings' memory is given back."""
    monkeypatch.setattr(replays, "WORTHWHILE", 2)
    monkeypatch.setattr(evaluate, "_FULL_PASS", 1)  # batches of 8 under every protocol
    spec = small(**{"precision": precision, "eval_precision": precision, "eval_batch_size": 8} | changes)
    device, data = open_device("cuda"), made_up(size=spec.image_size)
    lane, made = Lane(device), list[Graph]()

    def record(function: Callable[[], Tensor], lane: Lane) -> Graph:
        made.append(Graph(function, lane))
        return made[-1]

    with settings(device, 1), lane.active():
        training = Training(spec, data, one_class_split(data, spec), device)
        update(training)
        evaluator = Evaluator.of(spec, data, one_class_split(data, spec), device)
        expected = {protocol: evaluator.scores(training.method, protocol) for protocol in EVAL_PROTOCOLS}
        allocated = []
        for _ in range(2):  # a process's first recordings also allocate for torch itself
            with Replays(lane, on=True, record=record) as own:
                for protocol in EVAL_PROTOCOLS:
                    found = evaluator.scores(training.method, protocol, lambda: None, 0, own)
                    assert found.tobytes() == expected[protocol].tobytes(), protocol
                assert own.on
            allocated.append(torch.cuda.memory_allocated())
        assert len(made) == 2 * 4
        assert allocated[1] <= allocated[0]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_whose_scoring_is_captured_has_the_numbers_of_an_eager_one(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside another run, and with captured updates in between."""
    monkeypatch.setattr(replays, "WORTHWHILE", 2)
    specs = [small(precision=precision, eval_precision=precision, eval_batch_size=4, seed=seed) for seed in (0, 1)]
    found: dict[str, RunRecord | Exception] = {}
    data = made_up()
    members = (Member(spec, OPTIONS, data, None) for spec in specs)
    train_together(members, OPTIONS, 2, lambda member, outcome: found.update({member.spec.run_id: outcome}))
    for spec in specs:
        expected = train(spec, RunOptions(threads=1, device="cuda", eager=True), data=data)
        assert_same_numbers(found[spec.run_id], expected)


def test_tf32_rounds_products_and_nothing_else_does() -> None:
    """Where the card has TF32 (Ampere and later)."""
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this GPU has no TF32")
    device = open_device("cuda")
    source = torch.Generator().manual_seed(0)
    x = torch.randn(64, 64, 16, 16, generator=source).to(device)
    w = torch.randn(64, 64, 3, 3, generator=source).to(device)
    rows = x.flatten(1)
    passes: list[Callable[[], Tensor]] = [lambda: torch.nn.functional.conv2d(x, w), lambda: rows @ rows.t()]
    with settings(device, 1):
        for one in passes:
            exact = one()
            with rounding(device, "tf32"):
                rounded = one()
            assert not torch.equal(exact, rounded)
            assert torch.equal(exact, one())
            with rounding(device, "fp32"):
                assert torch.equal(exact, one())


def test_layouts_are_those_that_were_measured() -> None:
    device = open_device("cuda")
    assert [memory_format(device, precision) for precision in PRECISIONS] == [
        torch.contiguous_format,
        torch.channels_last,
        torch.channels_last,
    ]
