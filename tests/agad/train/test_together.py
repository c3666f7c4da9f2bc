"""Runs that advance in one process: each with the bits that it has alone, whatever the others do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from agad.data.prepared import Prepared
from agad.errors import DataError, NonFiniteLoss
from agad.scoring import replays
from agad.scoring.evaluate import Evaluator
from agad.scoring.replays import Replays
from agad.spec.run import RunOptions, RunSpec
from agad.store.schema import CURVE_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS, RunRecord
from agad.tensors.lane import Lane
from agad.train import session
from agad.train.checkpoint import find_checkpoint
from agad.train.control import Member
from agad.train.crew import train_together
from agad.train.graph.captured import Captured
from agad.train.optimisers.adam import Adam
from agad.train.run import Action, Interrupted, Progress, train
from agad.train.state import Training
from tests.helpers.capture import Played
from tests.helpers.narrow import narrow_nets
from tests.helpers.science import made_up, small

SPECS = [small(seed=0, updates=3), small(seed=1, updates=5, gamma=0.4), small(seed=2, updates=4, backbone="unet")]
NUMBERS = [*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS]


@pytest.fixture(scope="module", autouse=True)
def _narrow() -> Iterator[None]:
    """For all tests here, since they compare with the same runs."""
    with pytest.MonkeyPatch.context() as patch:
        narrow_nets(patch.setattr)
        yield


@pytest.fixture(scope="module")
def data() -> Prepared:
    return made_up()


@pytest.fixture(scope="module")
def alone(data: Prepared) -> dict[str, RunRecord]:
    return {spec.run_id: train(spec, RunOptions(threads=1), data=data) for spec in SPECS}


def made(
    specs: list[RunSpec], data: Prepared, size: int, options: RunOptions | None = None, control: Any = None
) -> dict[str, RunRecord | Exception]:
    found: dict[str, RunRecord | Exception] = {}
    options = options or RunOptions(threads=1)

    def source() -> Iterator[Member]:
        for spec in specs:
            yield Member(spec, options, data, control)

    train_together(source(), options, size, lambda member, outcome: found.update({member.spec.run_id: outcome}))
    return found


def assert_same_bits(found: RunRecord | Exception, expected: RunRecord) -> None:
    assert isinstance(found, RunRecord), found
    assert found.status == expected.status
    for name in NUMBERS:
        assert found.values.get(name) == expected.values.get(name), name


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_runs_of_different_nets_and_lengths_come_and_go(size: int, data: Prepared, alone: dict[str, RunRecord]) -> None:
    found = made(SPECS, data, size)
    assert found.keys() == alone.keys()
    for run_id, record in found.items():
        assert_same_bits(record, alone[run_id])
        assert record.values["together"] == size  # type: ignore[union-attr]
        assert alone[run_id].values["together"] == 1


@pytest.mark.slow
def test_a_run_goes_on_alone_or_beside_others(data: Prepared, alone: dict[str, RunRecord], tmp_path: Path) -> None:
    """Stopped after two updates beside others, one is finished alone and two together."""

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.update == 2 and progress.phase == "train" else Action.CONTINUE

    options = RunOptions(threads=1, checkpoint_dir=str(tmp_path))
    assert all(isinstance(end, Interrupted) for end in made(SPECS, data, 3, options, stop).values())
    first = train(SPECS[0], options, data=data)
    assert first.values["resumes"] == 1
    assert_same_bits(first, alone[SPECS[0].run_id])
    for run_id, record in made(SPECS[1:], data, 2, options).items():
        assert_same_bits(record, alone[run_id])


@pytest.mark.slow
def test_what_one_run_raises_ends_that_run_alone(data: Prepared, alone: dict[str, RunRecord]) -> None:
    broken, exploding = small(seed=7, image_size=32), small(seed=8, lambda_con=1e39)
    found = made([broken, SPECS[0], exploding, SPECS[1]], data, 4)
    assert isinstance(found[broken.run_id], DataError)
    assert isinstance(found[exploding.run_id], NonFiniteLoss)
    for spec in SPECS[:2]:
        assert_same_bits(found[spec.run_id], alone[spec.run_id])


@pytest.mark.slow
@pytest.mark.parametrize(("where", "name"), [(Evaluator, "scores"), (Adam, "step")])
def test_memory_that_runs_out_beside_others_is_no_fault_of_the_run(
    where: type, name: str, monkeypatch: pytest.MonkeyPatch, data: Prepared, alone: dict[str, RunRecord]
) -> None:
    """In scoring or between G's step and D's: it is left for another time without a row; half as many go on."""
    before = getattr(where, name)
    scarce = iter([True])

    def run_out(self: Any, *arguments: Any) -> Any:
        if next(scarce, False):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return before(self, *arguments)

    monkeypatch.setattr(where, name, run_out)
    ends = made(SPECS, data, 3)
    left = [run_id for run_id, outcome in ends.items() if isinstance(outcome, Interrupted)]
    assert len(left) == 1
    for run_id in ends.keys() - set(left):
        assert_same_bits(ends[run_id], alone[run_id])


def test_memory_that_runs_out_alone_ends_the_run(monkeypatch: pytest.MonkeyPatch, data: Prepared) -> None:
    def run_out(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Adam, "step", run_out)
    (outcome,) = made(SPECS[:1], data, 3).values()
    assert isinstance(outcome, torch.OutOfMemoryError)


@pytest.mark.slow
def test_a_run_that_memory_interrupted_lets_half_as_many_go_on(monkeypatch: pytest.MonkeyPatch, data: Prepared) -> None:
    step, scarce = Adam.step, iter([True])

    def run_out(self: Adam) -> None:
        if next(scarce, False):
            raise torch.OutOfMemoryError("CUDA out of memory")
        step(self)

    monkeypatch.setattr(Adam, "step", run_out)
    specs = [small(seed=seed, updates=2) for seed in range(4)]
    source = (Member(spec, RunOptions(threads=1), data) for spec in specs)
    assert train_together(source, RunOptions(threads=1), 4, lambda *_: None) == 2


@pytest.mark.slow
def test_what_a_run_has_done_before_memory_ran_out_in_scoring_is_saved(
    monkeypatch: pytest.MonkeyPatch, data: Prepared, tmp_path: Path
) -> None:
    """So nothing of it is made twice; what was left in the midst of an update is not saved."""
    before, calls = Evaluator.scores, iter(range(100))

    def run_out(self: Evaluator, *arguments: Any) -> Any:
        if next(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return before(self, *arguments)

    monkeypatch.setattr(Evaluator, "scores", run_out)
    options = RunOptions(threads=1, checkpoint_dir=str(tmp_path))
    ends = made(SPECS[:2], data, 2, options)
    (left,) = [run_id for run_id, outcome in ends.items() if isinstance(outcome, Interrupted)]
    (spec,) = [spec for spec in SPECS if spec.run_id == left]
    checkpoint, _ = find_checkpoint(tmp_path, spec, data.digest)
    assert checkpoint is not None
    assert checkpoint.update == 1


@pytest.mark.slow
def test_captured_updates_take_turns_with_the_bits_of_runs_alone(
    monkeypatch: pytest.MonkeyPatch, data: Prepared, alone: dict[str, RunRecord], tmp_path: Path
) -> None:
    """Recorded by a stand-in for CUDA; interrupted after two updates, and resumed. Recordings are closed at the end."""
    recordings: list[Played] = []

    def make(training: Training, lane: Lane, **_: Any) -> Captured:
        def record(function: Any, _: Lane) -> Played:
            recordings.append(Played(training.tensors(), function))
            return recordings[-1]

        return Captured(training, lane, record)

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.update == 2 and progress.phase == "train" else Action.CONTINUE

    monkeypatch.setattr(session, "updater_of", make)
    options = RunOptions(threads=1, checkpoint_dir=str(tmp_path))
    assert all(isinstance(end, Interrupted) for end in made(SPECS, data, 3, options, stop).values())
    for run_id, record in made(SPECS, data, 2, options).items():
        assert_same_bits(record, alone[run_id])
    assert len(recordings) == 2 * len(SPECS)
    assert not any(one.is_open for one in recordings)


@pytest.mark.slow
def test_captured_scoring_takes_turns_with_the_bits_of_runs_alone(
    monkeypatch: pytest.MonkeyPatch, data: Prepared, alone: dict[str, RunRecord], tmp_path: Path
) -> None:
    """Likewise; interrupted within the scoring of a point, with a checkpoint before each batch, and resumed."""
    recordings: list[Played] = []
    ticks: list[Progress] = []

    def record(function: Any, _: Lane) -> Played:
        assert not any(one.is_open for one in recordings), "one at a time"
        recordings.append(Played((), function))
        return recordings[-1]

    def stop(progress: Progress) -> Action:
        if (progress.phase, progress.update) == ("eval", 3):
            ticks.append(progress)
        return Action.STOP if len(ticks) == 10 and progress is ticks[-1] else Action.CONTINUE

    monkeypatch.setattr(replays, "WORTHWHILE", 1)
    monkeypatch.setattr(Replays, "of", lambda spec, lane, eager: Replays(lane, on=True, record=record))
    options = RunOptions(threads=1, checkpoint_dir=str(tmp_path), checkpoint_every=0)
    ends = made(SPECS, data, 2, options, stop)
    assert [run_id for run_id, end in ends.items() if isinstance(end, Interrupted)] == [SPECS[0].run_id]
    assert not any(one.is_open for one in recordings)
    for run_id, found in made(SPECS, data, 2, options).items():
        assert_same_bits(found, alone[run_id])
    assert sum(one.replays for one in recordings) > len(recordings) > 4 * len(SPECS)
    assert not any(one.is_open for one in recordings)


class Waiting:
    """A clock of a run that waits a second for the device at each reading, if it is the first run, else not at all."""

    made = 0

    def __init__(self) -> None:
        Waiting.made += 1
        self._lap = 1.0 if Waiting.made == 1 else 0.0

    def lap(self) -> float:
        return self._lap


@pytest.mark.slow
def test_runs_at_once_share_the_time_of_training(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of them waits for the device: what it waits for is the work of all. Scoring is each run's own."""
    monkeypatch.setattr(session, "Clock", Waiting)
    monkeypatch.setattr(Waiting, "made", 0)
    seconds = {}
    for size in (1, 2):
        Waiting.made = 0
        found = made([small(seed=seed, updates=3) for seed in (0, 1)], data, size)
        values = [record.values for record in found.values() if isinstance(record, RunRecord)]
        seconds[size] = [(one["train_seconds"], one["eval_seconds"]) for one in values]

    (whole, scoring), nothing = seconds[1]
    assert nothing == (0, 0)
    assert whole > 0
    assert scoring > 0
    assert seconds[2] == [(pytest.approx(whole / 2), scoring), (pytest.approx(whole / 2), 0)]
