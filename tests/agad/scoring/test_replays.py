"""Replayed scoring, with a recording that needs no GPU: the bits of eager scoring, whatever happens in between."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agad.data.split import one_class_split
from agad.methods import Method
from agad.methods.agad import Agad
from agad.nets.layers.batchnorm import BatchNormNet, BNMode
from agad.scoring import evaluate, replays
from agad.scoring.evaluate import Evaluator, Scores
from agad.scoring.replays import Replays
from agad.spec.catalogue import methods
from agad.spec.run import EVAL_PROTOCOLS, ORDER_PROTOCOLS, RunSpec
from agad.tensors import capture
from agad.tensors.lane import Lane
from agad.train.state import Training
from agad.train.update import update
from tests.helpers.capture import Played, Sources
from tests.helpers.science import CPU, made_up, small, training_of

pytestmark = pytest.mark.usefixtures("narrow")

LANE = Lane(CPU)
FULL = 7
"""Full batches of 4 of made_up()'s 31 test images."""
RUNS = [(protocol, draw) for protocol in EVAL_PROTOCOLS for draw in range(2 if protocol in ORDER_PROTOCOLS else 1)]
RECORDINGS = [("eval", 1), ("eval_recal", 1), ("batch", 6), ("batch1", 1)]
"""What RUNS record, in their order, and how many of RUNS share it."""
VARIANTS = [
    {},
    {"backbone": "unet"},
    {"backbone": "unetpp"},
    {"batch_norm": "advprop_freeze"},
    {"eval_precision": "bf16"},
    {"eval_precision": "tf32", "precision": "tf32"},
    {"backbone": "unet", "eval_precision": "bf16", "precision": "bf16"},
]
KNOWN = methods().values()
CAPTURED = [method.name for method in KNOWN if method.captured and method.name != "agad"]


@pytest.fixture(autouse=True)
def _few_are_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "WORTHWHILE", 2)
    capture._say_once.cache_clear()


class Tape:
    """Makes recordings and keeps them: a `record` of Replays."""

    def __init__(self, change: Callable[[Callable[[], Tensor]], Callable[[], Tensor]] = lambda function: function):
        self.change, self.made = change, list[Played]()

    def __call__(self, function: Callable[[], Tensor], _: Lane) -> Played:
        self.made.append(Played((), self.change(function)))
        return self.made[-1]

    def replays(self) -> Replays:
        return Replays(LANE, on=True, record=self)

    @property
    def open(self) -> list[bool]:
        return [one.is_open for one in self.made]


def spec_of(name: str) -> RunSpec:
    known = methods()[name]
    gamma = {"gamma": 0.0, "min_anomalies": 32} if known.labels == "none" else {}
    size = {"image_size": known.image_sizes[0]} if known.image_sizes else {}
    return small(method=name, **gamma, **size)


def trained(spec: RunSpec) -> tuple[Training, Evaluator]:
    """After an update, so that running statistics are not those of a new net; batches of 4."""
    spec = spec.replace(eval_batch_size=4)
    data = made_up(size=spec.image_size)
    training = training_of(spec, data)
    update(training)
    return training, Evaluator.of(spec, data, one_class_split(data, spec), CPU)


@pytest.fixture
def agad() -> tuple[Method, Evaluator]:
    training, evaluator = trained(small())
    return training.method, evaluator


def scored(
    method: Method, evaluator: Evaluator, own: Replays = replays.EAGER, tick: Any = lambda: None
) -> list[Scores]:
    return [evaluator.scores(method, protocol, tick, draw, own) for protocol, draw in RUNS]


def assert_same(found: list[Scores], expected: list[Scores]) -> None:
    for one, other, run in zip(found, expected, RUNS, strict=True):
        assert one.tobytes() == other.tobytes(), run


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [small(**changes) for changes in VARIANTS] + [spec_of(name) for name in CAPTURED],
    ids=lambda spec: f"{spec.method},{spec.backbone},{spec.batch_norm},{spec.eval_precision}",
)
def test_replays_have_the_bits_of_eager_passes(spec: RunSpec) -> None:
    """Of each protocol and order; recorded once for those that share a mode, and without a trace in the nets."""
    training, evaluator = trained(spec)
    method = training.method
    before = {name: value.clone() for net in method.nets.values() for name, value in net.state_dict().items()}
    expected, tape = scored(method, evaluator), Tape()
    with tape.replays() as own:
        assert_same(scored(method, evaluator, own), expected)
        assert own.on
        assert [one.replays for one in tape.made] == [FULL * shared for _, shared in RECORDINGS]
        assert tape.open == [False, False, False, True], "one at a time"
    assert not any(tape.open)
    after = {name: value for net in method.nets.values() for name, value in net.state_dict().items()}
    assert all(torch.equal(before[name], value) for name, value in after.items())


# -- what a recording reads --------------------------------------------------------------------------------------------


def foreign_of(method: Method, evaluator: Evaluator, protocol: str) -> list[str]:
    """What a recording would read beside weights, statistics, images and the staged index."""
    found: list[list[str]] = []

    def record(function: Callable[[], Tensor], _: Lane) -> Played:
        known = [one for net in method.nets.values() for one in [*net.parameters(), *net.buffers()]]
        with Sources([*known, evaluator.test._images, own._index]) as sources:
            function()
        found.append(sources.foreign)
        return Played((), function)

    with Replays(LANE, on=True, record=record) as own:
        evaluator.scores(method, protocol, lambda: None, 0, own)
    (foreign,) = found
    return foreign


SHARED = [protocol for protocol in EVAL_PROTOCOLS if protocol != "eval_recal"]  # that has statistics of its own


@pytest.mark.slow
@pytest.mark.parametrize("protocol", SHARED)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_recording_reads_what_lies_still(protocol: str, precision: str) -> None:
    """Anything else might be gone or stale at a replay."""
    training, evaluator = trained(small(eval_precision=precision))
    assert foreign_of(training.method, evaluator, protocol) == []


@pytest.mark.slow
def test_casts_that_autocast_keeps_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test before could not fail."""
    training, evaluator = trained(small(eval_precision="bf16"))
    kept = evaluate.autocast
    monkeypatch.setattr(evaluate, "autocast", lambda device, precision, cached=True: kept(device, precision))
    assert foreign_of(training.method, evaluator, "eval")


@pytest.mark.slow
def test_what_others_would_be_recorded_with_is_not_shared(agad: tuple[Method, Evaluator]) -> None:
    """Another method, other images, another mode or size: each has a recording of its own."""
    method, ours = agad
    training, evaluator = trained(small(seed=5))
    calls = [(method, ours, "eval"), (training.method, ours, "eval"), (training.method, evaluator, "eval")]
    expected = [one.scores(net, protocol) for net, one, protocol in calls]
    tape = Tape()
    with tape.replays() as own:
        found = [one.scores(net, protocol, lambda: None, 0, own) for net, one, protocol in calls]
    assert [one.tobytes() for one in found] == [one.tobytes() for one in expected]
    assert len(tape.made) == 3


# -- where nothing is recorded -----------------------------------------------------------------------------------------


class Elsewhere(Lane):
    """A lane that looks like a GPU's."""

    def __init__(self) -> None:
        self.stream = object()  # type: ignore[assignment]


def test_runs_record_on_a_gpu_alone_where_their_method_says_so_and_unless_all_is_eager(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Replays.of(small(), Elsewhere(), eager=False).on
    assert not Replays.of(small(), Elsewhere(), eager=True).on
    assert not Replays.of(small(), LANE, eager=False).on
    monkeypatch.setattr(replays, "methods", lambda: {"agad": next(one for one in KNOWN if not one.captured)})
    assert not Replays.of(small(), Elsewhere(), eager=False).on


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["off", "few images", "fitted"])
def test_what_is_not_recorded_is_eager(
    reason: str, monkeypatch: pytest.MonkeyPatch, agad: tuple[Method, Evaluator]
) -> None:
    method, evaluator = agad
    if reason == "few images":
        monkeypatch.setattr(replays, "WORTHWHILE", FULL + 1)
    if reason == "fitted":
        monkeypatch.setattr(Agad, "fit", lambda *_: 1.0)
    tape = Tape()
    with Replays(LANE, on=reason != "off", record=tape) as own:
        assert_same(scored(method, evaluator, own), scored(method, evaluator))
    assert not tape.made


def differing(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    return lambda: function() * 1.0000002


def raising(error: Exception) -> Callable[[Callable[[], Tensor]], Callable[[], Tensor]]:
    def change(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def out_of_order() -> Tensor:
            function()
            raise error

        return out_of_order

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (differing, "CaptureError: its scores are not those of the eager pass"),
        (raising(RuntimeError("operation not permitted\nwhen stream is capturing")), "RuntimeError: operation not"),
        (raising(torch.OutOfMemoryError("CUDA out of memory")), "OutOfMemoryError: CUDA out of memory"),
    ],
)
def test_where_capture_fails_scoring_is_eager_and_the_reason_is_said_once(
    change: Any, said: str, agad: tuple[Method, Evaluator], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing more is captured in that run; in the next the same reason is not said again."""
    expected = scored(*agad)
    for _ in range(2):
        tape, tried = Tape(change), list[int]()

        def record(function: Any, lane: Lane, tape: Tape = tape, tried: list[int] = tried) -> Played:
            tried.append(1)
            return tape(function, lane)

        with Replays(LANE, on=True, record=record) as own:
            assert_same(scored(*agad, own), expected)
            assert not own.on
        assert len(tried) == 1
        assert not any(tape.open)
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert f"scoring was not captured as a CUDA graph ({said}" in caplog.records[0].getMessage()


@pytest.mark.slow
def test_a_batch_that_does_not_fit_beside_the_recording_is_scored_without_it(
    monkeypatch: pytest.MonkeyPatch, agad: tuple[Method, Evaluator]
) -> None:
    """The remainder here; what runs out without a recording is an error as before."""
    expected, before, tape = scored(*agad), Agad.scores, Tape()

    def scarce(self: Agad, x: Tensor, fitted: None, positions: Tensor) -> Tensor:
        if len(x) == 3 and any(tape.open):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return before(self, x, fitted, positions)

    monkeypatch.setattr(Agad, "scores", scarce)
    with tape.replays() as own:
        assert_same(scored(*agad, own), expected)
        assert not own.on
    assert tape.open == [False]

    def run_out(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Agad, "scores", run_out)
    with tape.replays() as own, pytest.raises(torch.OutOfMemoryError):
        scored(*agad, own)


# -- ticks and interruptions -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ticks_come_before_each_batch_as_they_do_eagerly(agad: tuple[Method, Evaluator]) -> None:
    counts, tape = [], Tape()
    for own in (replays.EAGER, tape.replays()):
        ticks = list[int]()
        with own:
            scored(*agad, own, lambda ticks=ticks: ticks.append(sum(one.replays for one in tape.made)))
        counts.append(len(ticks))
    assert counts[0] == counts[1] > len(RUNS) * FULL
    assert ticks.count(0) < 10, "replays are made between ticks, not before or after all of them"
    assert max(ticks) > (len(RUNS) - 2) * FULL


@contextlib.contextmanager
def ending_after(ticks: int) -> Iterator[Callable[[], None]]:
    """A tick that raises at last; so must what is done meanwhile."""
    left = iter(range(ticks))
    with pytest.raises(StopIteration):
        yield lambda: next(left) and None


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["eval", "batch_shuffled", "eval_recal"])
def test_scoring_that_is_broken_off_leaves_nothing(protocol: str, agad: tuple[Method, Evaluator]) -> None:
    """Neither a recording nor a change of the nets; scored again, the bits are the same."""
    method, evaluator = agad
    expected = evaluator.scores(method, protocol)
    generator = method.nets["generator"]
    assert isinstance(generator, BatchNormNet)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    tape = Tape()
    own = tape.replays()
    for ticks in range(5):
        with ending_after(ticks) as tick, own:
            evaluator.scores(method, protocol, tick, 0, own)
        assert not any(tape.open)
        assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
        assert all(norm.mode is BNMode.RUNNING for norm in generator.batch_norms)
    with own:
        found = evaluator.scores(method, protocol, lambda: None, 0, own)
    np.testing.assert_array_equal(found, expected)
    assert own.on
