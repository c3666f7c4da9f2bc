"""What every method owes, whatever it is: a new file in agad/methods/ is tested here at once."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agad.data.prepared import Prepared
from agad.data.split import one_class_split
from agad.errors import SpecError
from agad.scoring.evaluate import Evaluator, score_weights
from agad.spec.catalogue import methods
from agad.spec.checks import unused_by
from agad.spec.fields import former_values, known_fields, spec_field
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from agad.train.control import Action, Interrupted, Progress
from agad.train.crew import train_together
from agad.train.run import train
from agad.train.session import Member
from agad.train.update import update
from tests.helpers.methods import DIGITS, digits_spec, small_spec
from tests.helpers.science import CPU, OPTIONS, made_up, training_of
from tests.helpers.specs import OTHER_VALUES

METHODS = tuple(methods())
TRAINED = tuple(name for name, one in methods().items() if one.gradient)
NUMBERS = ("auroc", "scores_eval", "curve_terms", "recon_x_hat", "d_resets")


def data_of(spec: RunSpec) -> Prepared:
    """Twenty test images: two batches of a run's, the last one smaller."""
    return made_up(size=spec.image_size, test=20)


def numbers(record: RunRecord) -> dict[str, Any]:
    return {name: record.values.get(name) for name in NUMBERS}


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_an_image_s_score_owes_nothing_to_the_other_images(method: str) -> None:
    """Under `eval`: neither to those of its batch, nor to the order of the test set."""
    spec = small_spec(method)
    training = training_of(spec)
    for _ in range(spec.pretrain_updates + spec.updates):
        update(training)
    data = data_of(spec)
    evaluator = Evaluator.of(spec, data, one_class_split(data, spec), CPU)
    whole = evaluator.scores(training.method, "eval")
    for batch in (1, 7):
        other = dataclasses.replace(evaluator, batch=batch).scores(training.method, "eval")
        np.testing.assert_allclose(other, whole, rtol=2e-4, atol=1e-5 * np.abs(whole).max())

    assert np.isfinite(whole).all()
    assert len(np.unique(whole)) > len(whole) // 2


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_an_interruption_after_any_update_changes_no_number(method: str, tmp_path: Path) -> None:
    """Also between two stages, and after the last update before scoring."""
    spec = small_spec(method)
    data = data_of(spec)
    whole = train(spec, OPTIONS, data=data)
    options = dataclasses.replace(OPTIONS, checkpoint_dir=str(tmp_path))
    seen: set[tuple[int, str]] = set()

    def stop_once(progress: Progress) -> Action:
        place = (progress.update, progress.phase)
        if place in seen:
            return Action.CONTINUE
        seen.add(place)
        return Action.STOP

    record = None
    while record is None:
        with contextlib.suppress(Interrupted):
            record = train(spec, options, data=data, control=stop_once)

    assert len(seen) > spec.pretrain_updates + spec.updates
    assert numbers(record) == numbers(whole)


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_runs_that_advance_together_have_the_numbers_of_each_alone(method: str) -> None:
    specs = [small_spec(method, seed=seed) for seed in (0, 1)]
    data = data_of(specs[0])
    found: dict[RunSpec, Any] = {}

    def members() -> Iterator[Member]:
        yield from (Member(spec, OPTIONS, data, None) for spec in specs)

    train_together(members(), OPTIONS, 2, lambda member, outcome: found.update({member.spec: outcome}))

    alone = {spec: numbers(train(spec, OPTIONS, data=data)) for spec in specs}
    assert {spec: numbers(record) for spec, record in found.items()} == alone
    assert len({str(one["scores_eval"]) for one in alone.values()}) == 2


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_its_weights_score_as_its_run_did_and_its_row_is_stored(method: str, tmp_path: Path) -> None:
    """Whatever a score needs beside the nets is in the file, or fitted again."""
    spec = small_spec(method, seed=1)
    data = data_of(spec)
    record = train(spec, dataclasses.replace(OPTIONS, weights_dir=str(tmp_path)), data=data)

    again = score_weights(tmp_path / record.values["weights"], ["eval"], options=OPTIONS, data=data)
    assert again["eval"].tolist() == record.values["scores_eval"]
    ResultStore(tmp_path / "results").commit(record)
    (row,) = ResultStore(tmp_path / "results").read(["method", "auroc", "updates_done", "parameters"]).to_pylist()
    assert (row["method"], row["updates_done"]) == (method, spec.updates)
    assert row["parameters"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_a_field_that_it_does_not_use_is_refused(method: str) -> None:
    """So no two specs mean the same run; points beyond the end are dropped."""
    spec = small_spec(method)
    for name in unused_by(method):
        if name not in former_values() and name != "backbone":
            try:
                other = spec.replace(**{name: OTHER_VALUES[name]})
            except SpecError:
                continue
            assert other.run_id == spec.run_id, name


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", DIGITS)
def test_a_run_on_digits_tells_them_apart(method: str) -> None:
    """One digit against the others; a method that cannot do this is broken.

    Short trainings end elsewhere on CPUs with other instructions.
    """
    record = train(digits_spec(method), OPTIONS)

    assert record.values["auroc"] > (0.85 if method == "dagmm" else 0.8)  # DAGMM has .81 before it learns
    assert all(math.isfinite(score) for score in record.values["scores_eval"])


def test_every_rival_has_its_digits() -> None:
    """The floor and AGAD's own tests have theirs."""
    others = ("agad.methods.agad", "agad.methods.ganomaly")
    trained = {name for name, one in methods().items() if ".floor." not in one.module and one.module not in others}
    assert set(DIGITS) == trained


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
def test_losses_are_named_after_groups_and_reach_their_nets_alone(method: str) -> None:
    """Every net that a group moves is moved by the end of a run, and no other."""
    spec = small_spec(method)
    training = training_of(spec)
    nets = training.method.nets
    before = {name: [weight.detach().clone() for weight in net.parameters()] for name, net in nets.items()}
    update(training)
    moved = {
        name
        for name, weights in before.items()
        if any(not torch.equal(a, b) for a, b in zip(weights, nets[name].parameters(), strict=True))
    }
    groups = {group.name: group.nets for group in training.method.groups}
    active = {name.removeprefix("loss_") for name in training.terms if name.startswith("loss_")}

    assert active <= groups.keys()
    assert moved == {net for name in active for net in groups[name]}


CHANGES: dict[str, Any] = {
    "min_anomalies": 5,
    "batch_size": 10,
    "d_reset_threshold": 1e9,
    "lr": 3e-3,
    "lr_steps": (1,),
    "lr_divisor": 2.0,
}
"""Other values than those of OTHER_VALUES, which fit batches of twelve and runs of few updates."""


def _shortest(spec: RunSpec) -> RunSpec:
    """For bf16, which takes twenty times as long as fp32 on a CPU without such instructions."""
    return spec.replace(updates=1, lr_steps=(), pretrain_updates=min(spec.pretrain_updates, 1))


def _used(method: str) -> list[str]:
    listed = {*methods()[method].uses}
    return [name for name, field in known_fields().items() if {name, field.setting.group} & listed]


@pytest.mark.usefixtures("narrow")
@pytest.mark.slow
@pytest.mark.parametrize(("method", "name"), [(method, name) for method in DIGITS for name in _used(method)])
def test_a_field_that_a_rival_uses_changes_its_scores(method: str, name: str) -> None:
    """With every other value of a choice; so a field is in `uses` because it does something."""
    spec = _shortest(small_spec(method)) if name == "precision" else small_spec(method)
    same = {getattr(spec, name), "tf32"}  # which is fp32 on a CPU
    choices = [value for value in spec_field(name).setting.legal if value not in same]
    for value in choices or [CHANGES.get(name, OTHER_VALUES[name])]:
        try:
            other = spec.replace(**{name: value})
        except SpecError:
            continue  # a choice of another method
        assert _scores(other) != _scores(spec), value


_SCORES: dict[str, list[float]] = {}


def _scores(spec: RunSpec) -> list[float]:
    """Of the test images, made once for all the tests that start from the spec."""
    if spec.run_id not in _SCORES:
        _SCORES[spec.run_id] = train(spec, OPTIONS, data=data_of(spec)).values["scores_eval"]
    return _SCORES[spec.run_id]
