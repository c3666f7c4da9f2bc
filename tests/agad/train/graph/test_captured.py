"""Captured updates, with a recording that needs no GPU: the bits of eager ones, whatever happens in between."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from agad.errors import NonFiniteLoss
from agad.spec.catalogue import methods
from agad.spec.run import RunSpec
from agad.tensors.capture import CaptureError
from agad.tensors.lane import Lane
from agad.train.graph import updater
from agad.train.graph.captured import Captured
from agad.train.graph.updater import Eager, Renewed, Updater, updater_of
from agad.train.state import Training
from agad.train.update import Computed, compute, update
from tests.helpers.capture import HostReadError, Played, device_only, played
from tests.helpers.science import CPU, small, training_of
from tests.helpers.twice import unrepeatable

pytestmark = pytest.mark.usefixtures("narrow")

LANE = Lane(CPU)
STRATEGIES = ("shared", "advprop", "freeze", "advprop_freeze")
VARIANTS = [
    *({"batch_norm": strategy, "batch_mix": mix} for strategy in STRATEGIES for mix in ("joint", "separate")),
    *({"anomaly_pair": pair, "adversarial_context": on} for pair in ("eq10", "eq3") for on in ("on", "off")),
    {"advprop_scope": "g+d", "batch_norm": "advprop"},
    {"gamma": 0.0, "bn_update": "all", "reciprocal": "per_sample", "latent_loss": "norm"},
    {"adversarial_context": "off_normal_only", "detach_pseudo": True, "anomaly_weight": "share"},
    {"discriminator": "two_block", "lambda_adv": 0.0, "anomaly_place": "appended"},
    {"precision": "bf16"},
    {"precision": "tf32"},
    {"backbone": "unet"},
    {"backbone": "unetpp", "batch_size": 6, "min_anomalies": 2},
    {"method": "ganomaly", "gamma": 0.0, "image_size": 32, "min_anomalies": 32},
]


class Elsewhere(Lane):
    """A lane that looks like a GPU's."""

    def __init__(self) -> None:
        self.stream = object()  # type: ignore[assignment]


def ids(changes: dict[str, Any]) -> str:
    return ",".join(map(str, changes.values()))


def captured(training: Training) -> Captured:
    return Captured(training, LANE, played(training))


def state_of(training: Training) -> dict[str, Any]:
    return copy.deepcopy(training.state_dict())


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    else:
        assert one == other


def step(training: Updater) -> None:
    training.launch()
    training.finish()


@pytest.mark.slow
@pytest.mark.parametrize("changes", VARIANTS, ids=ids)
def test_replays_have_the_bits_of_eager_updates(changes: dict[str, Any]) -> None:
    """Weights, statistics, moments, terms and the count of resets, D being reset after each update."""
    spec = small(**{"d_reset_threshold": 1e9} | changes)
    ours, theirs = training_of(spec), training_of(spec)
    replayed = captured(ours)
    for _ in range(2):
        step(replayed)
        update(theirs)
        assert_same(ours.state_dict(), theirs.state_dict())
    assert ours.method.columns()["d_resets"] == 2


@pytest.mark.slow
def test_capture_itself_leaves_no_trace() -> None:
    """Its trial updates are undone, also in the midst of a run; moments that did not exist are as good as new."""
    training = training_of(small())
    captured(training)
    fresh = training_of(small())
    assert_same(training.method.nets["generator"].state_dict(), fresh.method.nets["generator"].state_dict())
    assert all(
        not value.any() for one in training.optimisers.values() for s in one.state.values() for value in s.values()
    )
    update(fresh)
    before = state_of(fresh)
    captured(fresh)
    assert_same(state_of(fresh), before)


@pytest.mark.slow
def test_a_loaded_checkpoint_and_a_reset_leave_tensors_where_they_lie() -> None:
    """So a recording that was made before goes on from the loaded state."""
    spec = small(d_reset_threshold=1e9)
    ours, theirs = training_of(spec), training_of(spec)
    replayed = captured(ours)
    step(replayed)
    places = [tensor.data_ptr() for tensor in ours.tensors()]
    for _ in range(2):
        update(theirs)
    ours.load_state_dict(state_of(theirs))
    assert [tensor.data_ptr() for tensor in ours.tensors()] == places
    step(replayed)
    update(theirs)
    assert_same(ours.state_dict(), theirs.state_dict())
    assert [tensor.data_ptr() for tensor in ours.tensors()] == places


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["losses", "weights"])
def test_a_recording_that_does_something_else_is_refused(damaged: str) -> None:
    """What it returns differs at once, what it does to weights in the second update; the training is as it was."""
    training = training_of(small())
    before = state_of(training)
    made: list[Played] = []

    def record(function: Callable[[], Tensor], _: Lane) -> Played:
        def wrong() -> Tensor:
            values = function()
            if damaged == "losses":
                return values * 1.0000002
            with torch.no_grad():
                next(training.method.nets["generator"].parameters()).mul_(1.001)
            return values

        made.append(Played(training.tensors(), wrong))
        return made[0]

    with pytest.raises(CaptureError, match="not those of the eager update"):
        Captured(training, LANE, record)
    assert not made[0].is_open
    assert_same(state_of(training)["nets"], before["nets"])


@pytest.mark.slow
def test_where_eager_updates_do_not_repeat_themselves_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def noisy(training: Training, x: Tensor) -> Computed:
        computed = compute(training, x)
        drawn.append(len(drawn))
        return Computed(computed.names, computed.values + drawn[-1])

    drawn: list[int] = []
    monkeypatch.setattr("agad.train.graph.captured.compute", noisy)
    with pytest.raises(CaptureError, match="the eager update itself has other last bits each time"):
        captured(training_of(small()))


@pytest.mark.slow
def test_an_operation_with_other_bits_each_time_is_named() -> None:
    """As on a GPU tests/agad/train/test_cuda.py would find it; here an update has none."""
    training = training_of(small())
    update(training)
    assert unrepeatable(lambda: update(training)) == []
    (found,) = unrepeatable(lambda: torch.bernoulli(torch.full((50,), 0.5)).sum())
    assert found == "aten.bernoulli.default: (50,) torch.float32"


@pytest.mark.slow
def test_a_non_finite_loss_ends_the_run_as_it_does_eagerly() -> None:
    spec = small(lr=1e30, updates=50)
    ours, theirs = training_of(spec), training_of(spec)
    replayed = captured(ours)
    ends = []
    for training, advance in ((ours, lambda: step(replayed)), (theirs, lambda: update(theirs))):
        with pytest.raises(NonFiniteLoss) as caught:  # noqa: PT012 - which update it is in is the point
            for _ in range(50):
                advance()
        ends.append((str(caught.value), training.update))
    assert ends[0] == ends[1]


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_after_a_step_of_the_learning_rate_updates_have_the_new_one(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """A recording holds the rate of its own time as a number; where no new one can be made, the run goes on eagerly."""
    made: list[Played] = []
    ours, theirs = training_of(small()), training_of(small())
    for training in (ours, theirs):
        training.method.groups = tuple(replace(group, lr_steps=(2,)) for group in training.method.groups)

    class Recorded(Captured):
        def __init__(self, training: Training, lane: Lane) -> None:
            super().__init__(training, lane, self.made)

        def made(self, function: Callable[[], Tensor], _: Lane) -> Played:
            if fails and made:
                raise RuntimeError("no graph more")
            made.append(Played(ours.tensors(), function))
            return made[-1]

    monkeypatch.setattr(updater, "Captured", Recorded)
    replayed = updater_of(ours, Elsewhere(), eager=False, beside=lambda: False)
    for _ in range(4):
        step(replayed)
        update(theirs)
        assert_same(ours.state_dict(), theirs.state_dict())
    assert [one.is_open for one in made] == ([False] if fails else [False, True])
    assert isinstance(replayed, Renewed)
    assert isinstance(replayed.own, Eager if fails else Recorded)


# -- what may be captured ----------------------------------------------------------------------------------------------

CAPTURED = [name for name, method in methods().items() if method.captured]


def spec_of(name: str) -> RunSpec:
    known = methods()[name]
    gamma = {"gamma": 0.0, "min_anomalies": 32} if known.labels == "none" else {}
    size = {"image_size": known.image_sizes[0]} if known.image_sizes else {}
    return small(method=name, **gamma, **size)


def test_the_paper_s_methods_may_be_captured() -> None:
    assert {"agad", "ganomaly"} <= {*CAPTURED}
    assert not any(method.captured for method in methods().values() if not method.gradient)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"method": name} for name in CAPTURED if name != "ganomaly"] + VARIANTS, ids=ids)
def test_an_update_is_work_for_the_device_alone_and_always_the_same(changes: dict[str, Any]) -> None:
    """No value is read, nothing is drawn, and no operation depends on what happened before."""
    known = methods()[changes.get("method", "agad")]
    spec = spec_of(known.name) if changes.keys() == {"method"} else small(**changes)
    training = training_of(spec.replace(d_reset_threshold=1e9) if known.name in ("agad", "ganomaly") else spec)
    seen = []
    for _ in range(3):
        x = training.batch()
        with device_only() as operations:
            compute(training, x)
        seen.append(list(operations))
        training.method.after_update({"loss_d": 0.0})
    del seen[0]  # Adam makes its moments
    assert seen[0] == seen[1]
    assert any("convolution_backward" in name or "_Convolution" in name or "mm" in name for name in seen[0])


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        lambda x: 1 if x.sum() > 0 else 2,
        lambda x: float(x.sum()),
        lambda x: x[x > 0],
        lambda x: torch.equal(x, x),
        torch.rand_like,
        torch.nn.functional.dropout,
    ],
)  # fmt: skip
def test_a_read_by_the_host_is_noticed(read: Callable[[Tensor], Any]) -> None:
    """Else the test before could not fail."""
    with pytest.raises(HostReadError), device_only():
        read(torch.ones(3))


# -- the choice between both -------------------------------------------------------------------------------------------


def chosen(monkeypatch: pytest.MonkeyPatch, error: Exception | None, **changes: Any) -> Any:
    training = training_of(small())

    class Made(Captured):
        def __init__(self, training: Training, lane: Lane) -> None:
            if error is not None:
                raise error
            super().__init__(training, lane, played(training))

    monkeypatch.setattr(updater, "Captured", Made)
    found = updater_of(training, **{"lane": Elsewhere(), "eager": False, "beside": lambda: False} | changes)
    return found.own if isinstance(found, Renewed) else found


@pytest.mark.slow
def test_updates_are_captured_on_a_gpu_alone_and_unless_eager_ones_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(chosen(monkeypatch, None), Captured)
    assert isinstance(chosen(monkeypatch, None, eager=True), Eager)
    assert isinstance(chosen(monkeypatch, None, lane=LANE), Eager)


def test_a_method_says_whether_it_can_be_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Uncaptured:
        captured = False

    monkeypatch.setattr(updater, "methods", lambda: {"agad": Uncaptured})
    assert isinstance(chosen(monkeypatch, None), Eager)


def test_where_capture_fails_updates_are_eager_and_the_reason_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("operation not permitted\nwhen stream is capturing", "another", "another"):
        assert isinstance(chosen(monkeypatch, RuntimeError(reason)), Eager)
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition("RuntimeError: ")[2].partition(")")[0] for line in said] == [
        "operation not permitted when stream is capturing",
        "another",
    ]


def test_memory_that_runs_out_beside_others_is_theirs_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer runs are faster than eager ones; alone, eager updates need less memory. A capture's end may hide it."""
    plain = torch.OutOfMemoryError("CUDA out of memory")
    hidden = RuntimeError("capture was invalidated")
    hidden.__context__ = plain
    for error in (plain, hidden):
        with pytest.raises(torch.OutOfMemoryError):
            chosen(monkeypatch, error, beside=lambda: True)
        assert isinstance(chosen(monkeypatch, error), Eager)
