"""Runs in a pack: each as if it were alone, to rounding, whatever the others do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from agad.adam import Adam
from agad.data.prepared import Prepared
from agad.errors import DataError, NonFiniteLoss
from agad.evaluate import Evaluator
from agad.pack import OWN_FIELDS, Pack, pack_key, shape_of
from agad.schema import RunRecord
from agad.spec import RunOptions, RunSpec, field_names
from agad.trainer import Action, Interrupted, Member, Progress, train, train_pack
from agad.training import Training
from tests.science import made_up, small, step, training_of

OWN: list[dict[str, Any]] = [
    {"seed": 0},
    {"seed": 1, "normal_class": 2, "gamma": 0.4, "lambda_adv": 3.0},
    {"seed": 2, "normal_class": 1, "lambda_lat": 0.5, "reciprocal": "per_sample", "latent_loss": "norm"},
]
"""What members differ in: class, share of anomalies (and so the batch's normals), seed, weights and kinds of losses."""

KINDS: dict[str, dict[str, Any]] = {
    "naive": {},
    "naive 1x1": {"image_size": 32, "naive_latent": "1x1"},
    "two_block": {"discriminator": "two_block", "image_size": 32},
    "unet": {"backbone": "unet"},
    "unetpp": {"backbone": "unetpp"},
    "bilinear, no norm": {"backbone": "unet", "upsampling": "bilinear", "generator_norm": "none"},
    "advprop g+d": {"batch_norm": "advprop", "advprop_scope": "g+d"},
    "ganomaly": {"method": "ganomaly", "image_size": 32, "gamma": 0.0, "min_anomalies": 32},
}


def members(kind: str, double: bool, start: tuple[int, ...] = (0, 0, 0)) -> list[Training]:
    """Trainings of six images a batch, each after so many updates alone."""
    found = []
    for own, updates in zip(OWN[: len(start)], start, strict=True):
        changes = {"batch_size": 6, "min_anomalies": 2} | KINDS[kind] | own
        if "method" in KINDS[kind]:
            changes = KINDS[kind] | {name: own[name] for name in ("seed", "normal_class") if name in own}
        training = training_of(small(**changes))
        if double:
            for net in (training.generator, training.discriminator):
                net.double()
            take = training._images.take
            training._images.take = lambda positions, take=take: take(positions).double()  # type: ignore[method-assign]
        for _ in range(updates):
            step(training)
        found.append(training)
    return found


def assert_equal_to_rounding(one: Training, other: Training, tolerance: float) -> None:
    """Update, loss terms, weights, running statistics and Adam's state."""
    assert (one.update, one.d_resets) == (other.update, other.d_resets)
    assert one.terms == pytest.approx(other.terms, rel=tolerance, abs=tolerance)
    assert one.recip_max == pytest.approx(other.recip_max, rel=tolerance)
    for net in ("generator", "discriminator"):
        for name, value in getattr(one, net).state_dict().items():
            assert_near(value, getattr(other, net).state_dict()[name], tolerance, name)
    for adam in ("adam_g", "adam_d"):
        states = [getattr(training, adam).state_dict()["state"] for training in (one, other)]
        assert states[0].keys() == states[1].keys()
        for index, state in states[0].items():
            for name, value in state.items():
                assert_near(value, states[1][index][name], tolerance, f"{adam} {index} {name}")


def assert_near(value: Tensor, expected: Tensor, tolerance: float, name: str) -> None:
    assert value.shape == expected.shape, name
    assert (value - expected).abs().max().item() <= tolerance * max(expected.abs().max().item(), 1e-3), name


@pytest.mark.parametrize("kind", KINDS)
def test_members_step_as_if_alone(kind: str) -> None:
    """In float64, updates of members that are at different ones."""
    start = (0, 1, 0) if kind == "naive" else (0, 1)
    packed, alone = members(kind, True, start), members(kind, True, start)
    pack = Pack(packed)
    for _ in range(2 if kind == "naive" else 1):
        assert pack.step() == {}
        for training in alone:
            step(training)
        for one, other in zip(packed, alone, strict=True):
            assert_equal_to_rounding(one, other, 1e-6)


def test_members_step_as_if_alone_in_float32() -> None:
    packed, alone = members("naive", False), members("naive", False)
    Pack(packed).step()
    for one, other in zip(packed, alone, strict=True):
        step(other)
        assert one.terms == pytest.approx(other.terms, rel=1e-4)
        for net in ("generator", "discriminator"):
            for name, value in getattr(one, net).named_buffers():
                assert_near(value, dict(getattr(other, net).named_buffers())[name], 1e-4, name)


def test_separate_passes_need_equal_numbers_of_normals() -> None:
    freeze = [training_of(small(batch_norm="freeze", gamma=gamma)) for gamma in (0.25, 0.4)]
    assert shape_of(freeze[0]) != shape_of(freeze[1])
    same = [training_of(small(batch_norm="freeze", seed=seed)) for seed in (0, 1)]
    assert shape_of(same[0]) == shape_of(same[1])
    other = training_of(small(batch_norm="freeze", seed=1))
    Pack(same).step()
    step(other)
    assert same[1].terms == pytest.approx(other.terms, rel=1e-4)


@pytest.mark.parametrize(
    "change", [{"backbone": "unet"}, {"batch_norm": "freeze"}, {"lr": 1e-3}, {"precision": "bf16"}]
)
def test_members_share_what_makes_the_passes(change: dict[str, Any]) -> None:
    assert pack_key(small(**change)) != pack_key(small())


def test_own_fields_are_fields() -> None:
    assert set(field_names()) >= OWN_FIELDS


def test_a_member_that_breaks_does_not_disturb_the_others() -> None:
    packed, alone = members("naive", True), members("naive", True)
    with torch.no_grad():
        packed[1].generator.encoder[0].weight.fill_(float("nan"))
    pack = Pack(packed)
    failed = pack.step()
    assert list(failed) == [packed[1]]
    assert isinstance(failed[packed[1]], NonFiniteLoss)
    rest = Pack([packed[0], packed[2]])
    rest.step()
    for index in (0, 2):
        step(alone[index])
        step(alone[index])
        assert_equal_to_rounding(packed[index], alone[index], 1e-6)


def test_a_discriminator_is_reset_for_its_member_alone() -> None:
    trainings = [training_of(small(seed=0, d_reset_threshold=100.0)), training_of(small(seed=1))]
    other = training_of(small(seed=0, d_reset_threshold=100.0))
    Pack(trainings).step()
    step(other)
    assert [training.d_resets for training in trainings] == [1, 0]
    for name, value in trainings[0].discriminator.named_parameters():
        assert value.equal(dict(other.discriminator.named_parameters())[name])


def test_an_error_in_a_step_leaves_every_member_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    packed, alone = members("naive", True), members("naive", True)
    pack = Pack(packed)
    with monkeypatch.context() as patch:
        patch.setattr(pack, "backward", lambda _: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
        with pytest.raises(torch.OutOfMemoryError):
            pack.step()
    pack.step()
    for one, other in zip(packed, alone, strict=True):
        step(other)
        assert_equal_to_rounding(one, other, 1e-6)


# -- whole runs --------------------------------------------------------------------------------------------------------

SPECS = [small(seed=0, updates=3), small(seed=1, updates=5, gamma=0.4), small(seed=2, updates=4, normal_class=3)]


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

    train_pack(source(), options, size, lambda member, outcome: found.update({member.spec.run_id: outcome}))
    return found


def assert_same_run(found: RunRecord | Exception, expected: RunRecord) -> None:
    assert isinstance(found, RunRecord), found
    assert found.status == expected.status
    assert found.values["curve_update"] == expected.values["curve_update"]
    assert found.values["updates_done"] == expected.values["updates_done"]
    assert found.values["curve_loss_d"] == pytest.approx(expected.values["curve_loss_d"], rel=0.02)
    assert found.values["scores_eval"] == pytest.approx(expected.values["scores_eval"], rel=0.02)


@pytest.mark.parametrize("size", [2, 3])
def test_runs_of_different_lengths_come_and_go(size: int, data: Prepared, alone: dict[str, RunRecord]) -> None:
    found = made(SPECS, data, size)
    assert found.keys() == alone.keys()
    for run_id, record in found.items():
        assert_same_run(record, alone[run_id])
        assert record.values["pack"] == size  # type: ignore[union-attr]
        assert alone[run_id].values["pack"] == 1


def test_a_member_goes_on_alone_and_a_run_in_a_pack(
    data: Prepared, alone: dict[str, RunRecord], tmp_path: Path
) -> None:
    """Stopped after two updates in a pack, one is finished alone and two in a pack of two."""

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.update == 2 and progress.phase == "train" else Action.CONTINUE

    options = RunOptions(threads=1, checkpoint_dir=str(tmp_path))
    assert all(isinstance(end, Interrupted) for end in made(SPECS, data, 3, options, stop).values())
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert max(sizes) < 1.1 * 3 * 4 * sum(alone[SPECS[0].run_id].values[f"parameters_{net}"] for net in "gd")
    first = train(SPECS[0], options, data=data)
    assert first.values["resumes"] == 1
    assert_same_run(first, alone[SPECS[0].run_id])
    for run_id, record in made(SPECS[1:], data, 2, options).items():
        assert_same_run(record, alone[run_id])


def test_what_one_run_raises_ends_that_run_alone(data: Prepared, alone: dict[str, RunRecord]) -> None:
    broken, exploding = small(seed=7, image_size=32), small(seed=8, lambda_con=1e39)
    found = made([broken, SPECS[0], exploding, SPECS[1]], data, 4)
    assert isinstance(found[broken.run_id], DataError)
    assert isinstance(found[exploding.run_id], NonFiniteLoss)
    for spec in SPECS[:2]:
        assert_same_run(found[spec.run_id], alone[spec.run_id])


def test_out_of_memory_halves_the_pack_and_goes_on(
    data: Prepared, alone: dict[str, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    together: list[int] = []
    backward = Pack.backward

    def scarce(pack: Pack, losses: Any) -> None:
        together.append(len(pack.members))
        if len(pack.members) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        backward(pack, losses)

    monkeypatch.setattr(Pack, "backward", scarce)
    found = made(SPECS, data, 3)
    assert together[0] == 3
    assert max(together[1:]) == 2
    for run_id, record in found.items():
        assert_same_run(record, alone[run_id])


def test_memory_that_runs_out_in_scoring_beside_others_is_no_fault_of_the_run(
    monkeypatch: pytest.MonkeyPatch, data: Prepared, alone: dict[str, RunRecord]
) -> None:
    """It is left for another time instead of getting a row; the others go on."""
    scores = Evaluator.scores
    scarce = iter([True])

    def score(self: Evaluator, *arguments: Any) -> Any:
        if next(scarce, False):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return scores(self, *arguments)

    monkeypatch.setattr(Evaluator, "scores", score)
    ends = made(SPECS, data, 3)
    left = [run_id for run_id, outcome in ends.items() if isinstance(outcome, Interrupted)]
    assert len(left) == 1
    for run_id in ends.keys() - set(left):
        outcome = ends[run_id]
        assert isinstance(outcome, RunRecord)
        assert_same_run(outcome, alone[run_id])


def test_memory_that_runs_out_between_two_updates_repeats_neither(
    monkeypatch: pytest.MonkeyPatch, data: Prepared
) -> None:
    """G has stepped and D has not: the states are of no use, so no member gets a row of them."""
    step = Adam.step
    calls = iter([False, True])

    def scarce(self: Adam, *arguments: Any) -> Any:
        if next(calls, False):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, *arguments)

    monkeypatch.setattr(Adam, "step", scarce)
    ends = made(SPECS[:2], data, 2)
    assert [type(outcome) for outcome in ends.values()] == [Interrupted, Interrupted]


def test_moments_take_the_layout_of_their_weights() -> None:
    """A checkpoint from a device with another layout: the fused update would read moments of other weights."""
    one, other = training_of(small(backbone="unet")), training_of(small(backbone="unet"))
    step(one)
    state = copy.deepcopy(one.state_dict())
    for adam in ("adam_g", "adam_d"):
        for moments in state[adam]["state"].values():
            moments.update({name: value.contiguous() for name, value in moments.items()})
    other.load_state_dict(state)
    step(one)
    step(other)
    for name, value in one.generator.state_dict().items():
        assert torch.equal(value, other.generator.state_dict()[name]), name
