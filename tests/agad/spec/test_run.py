"""RunSpec: identity, validation, parsing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.errors import SpecError
from agad.spec import run as spec_module
from agad.spec.run import (
    EVAL_PROTOCOLS,
    RunOptions,
    RunSpec,
    anomalies_per_batch,
    anomaly_count,
    field_names,
    parse_value,
)

PARAGRAPHS = """
    dataset image_size protocol normal_class abnormal_class gamma known_anomaly_classes known_anomaly_draw
    task method
    backbone naive_latent upsampling generator_norm discriminator init
    batch_norm advprop_scope bn_update
    lambda_adv lambda_con lambda_adcon lambda_lat adversarial_context latent_loss detach_pseudo anomaly_pair
    anomaly_weight reciprocal recip_eps
    updates batch_size min_anomalies batch_mix anomaly_place lr beta1 beta2 d_reset_threshold precision
    curve curve_protocols final_protocols eval_batch_size eval_precision
    validation validation_anomalies validation_anomaly_classes evaluate_test seed
"""
FIELDS = PARAGRAPHS.split()

OTHER_VALUES = {
    "task": "inference", "method": "ganomaly",
    "dataset": "mnist", "image_size": 64, "normal_class": 1, "gamma": 0.05, "naive_latent": "1x1",
    "backbone": "unet", "upsampling": "bilinear", "generator_norm": "none", "discriminator": "two_block",
    "init": "torch", "batch_norm": "advprop", "advprop_scope": "g+d", "bn_update": "real_only", "lambda_adv": 2.0,
    "lambda_con": 2.0, "lambda_adcon": 2.0, "lambda_lat": 2.0, "adversarial_context": "off", "latent_loss": "norm",
    "detach_pseudo": True, "anomaly_pair": "eq3", "anomaly_weight": "share", "reciprocal": "per_sample",
    "recip_eps": 0.1, "updates": 7, "batch_size": 128, "min_anomalies": 16, "batch_mix": "separate",
    "anomaly_place": "appended", "lr": 0.1, "beta1": 0.9, "beta2": 0.9, "d_reset_threshold": 0.0,
    "precision": "bf16", "curve": (1, 2), "curve_protocols": ("eval",), "final_protocols": ("eval", "eval_recal"),
    "eval_batch_size": 64, "eval_precision": "bf16", "validation": 0.2, "validation_anomalies": 7,
    "validation_anomaly_classes": (1, 2), "evaluate_test": False, "seed": 1,
}  # fmt: skip

NEEDED: dict[str, dict[str, Any]] = {
    name: {"validation": 0.1} for name in ("validation_anomalies", "validation_anomaly_classes", "evaluate_test")
}
"""What a field must go with."""


def test_the_surface_is_closed() -> None:
    """A knob is added here on purpose, with its entry in _ADDED_LATER if rows exist already."""
    assert list(field_names()) == FIELDS


def test_known_run_id_never_changes() -> None:
    """The identity of rows on users' disks: if this fails, SEMANTICS_VERSION or _ADDED_LATER was forgotten."""
    assert RunSpec(normal_class=0).run_id == RUN_ID_OF_CLASS_0


RUN_ID_OF_CLASS_0 = "480ba461486b28df"


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_every_field_changes_the_run_id(name: str) -> None:
    base = RunSpec(normal_class=0, **NEEDED.get(name, {}))

    assert base.replace(**{name: OTHER_VALUES[name]}).run_id != base.run_id


def test_a_changed_default_is_a_new_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity is the whole resolved spec, not a difference from defaults."""
    changed = dataclasses.make_dataclass(
        "Changed", [("lr", float, dataclasses.field(default=3e-4))], bases=(RunSpec,), frozen=True, kw_only=True
    )

    assert changed(normal_class=0).canonical() != RunSpec(normal_class=0).canonical()
    assert changed(normal_class=0, lr=2e-4).canonical() == RunSpec(normal_class=0).canonical()


def test_a_field_added_later_enters_only_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RunSpec(normal_class=0).canonical()
    monkeypatch.setattr(spec_module, "_ADDED_LATER", {**spec_module._ADDED_LATER, "precision": "fp32"})

    assert RunSpec(normal_class=0).canonical() == before.replace('"precision":"fp32",', "")
    assert '"precision":"bf16"' in RunSpec(normal_class=0, precision="bf16").canonical()


GANOMALY_USES = """
    task method dataset image_size protocol normal_class abnormal_class gamma known_anomaly_classes known_anomaly_draw
    backbone init updates batch_size lr beta1 beta2 d_reset_threshold precision
    curve curve_protocols final_protocols eval_batch_size eval_precision
    validation validation_anomalies validation_anomaly_classes evaluate_test seed
"""


@pytest.mark.parametrize("name", sorted(set(FIELDS) - set(GANOMALY_USES.split())))
def test_ganomaly_takes_no_value_that_changes_nothing(name: str) -> None:
    """A field that it does not use must be at its default, so that no two specs mean one run."""
    with pytest.raises(SpecError, match=f"^{name} mean nothing with method=ganomaly"):
        RunSpec(**{"normal_class": 0, "method": "ganomaly", name: OTHER_VALUES[name]})  # type: ignore[arg-type]


INFERENCE_USES = "task dataset image_size normal_class backbone naive_latent upsampling generator_norm seed"


@pytest.mark.parametrize("name", sorted(set(OTHER_VALUES) - set(INFERENCE_USES.split())))
def test_inference_takes_no_value_that_changes_nothing(name: str) -> None:
    with pytest.raises(SpecError, match=f"{name} mean nothing with task=inference"):
        RunSpec(**{"normal_class": 0, "task": "inference", **NEEDED.get(name, {}), name: OTHER_VALUES[name]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_anomalies": 5}, "mean nothing at validation=0"),
        ({"validation_anomaly_classes": (1,)}, "mean nothing at validation=0"),
        ({"evaluate_test": False}, "leaves nothing to score"),
        ({"validation": 1.0}, "outside"),
        ({"validation": 0.1, "validation_anomaly_classes": (0,)}, "names a normal class"),
        ({"validation": 0.1, "validation_anomaly_classes": (10,)}, "does not exist in digits"),
    ],
)
def test_validations_that_no_run_can_have(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        RunSpec(normal_class=0, **changes)


def test_without_the_test_set_its_protocols_make_no_other_run() -> None:
    blind = RunSpec(normal_class=0, validation=0.1, evaluate_test=False)

    assert blind.final_protocols == ("eval", "eval_recal")
    assert blind.replace(final_protocols=EVAL_PROTOCOLS).run_id == blind.run_id


def test_inference_takes_the_net_and_its_images() -> None:
    spec = RunSpec(normal_class=0, task="inference")
    changes = {name: OTHER_VALUES[name] for name in INFERENCE_USES.split()}

    assert spec.replace(seed=1).replace(**changes).backbone == "unet"


def test_semantics_version_is_part_of_the_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RunSpec(normal_class=0).run_id
    monkeypatch.setattr(spec_module, "SEMANTICS_VERSION", 2)

    assert RunSpec(normal_class=0).run_id != before


def test_equal_values_of_other_types_are_one_spec() -> None:
    one = RunSpec(normal_class=0, lambda_adv=1, lambda_lat=-0.0, gamma=0, curve=[1, 2])
    two = RunSpec(normal_class=0, lambda_adv=1.0, lambda_lat=0.0, gamma=0.0, curve=(1, 2))

    assert (one, one.run_id) == (two, two.run_id)


def test_order_of_protocols_is_no_other_run() -> None:
    one = RunSpec(normal_class=0, curve_protocols=("eval_recal", "eval"))

    assert one == RunSpec(normal_class=0, curve_protocols=("eval", "eval_recal"))


def test_curve_points_beyond_the_end_are_no_other_run() -> None:
    one = RunSpec(normal_class=0, updates=400)

    assert one.curve_points == (50, 100, 200, 400)
    assert one == RunSpec(normal_class=0, updates=400, curve=(50, 100, 200))


def test_run_options_never_enter_the_run_id() -> None:
    assert not {f.name for f in dataclasses.fields(RunOptions)} & set(field_names())


def test_json_round_trip() -> None:
    spec = RunSpec(normal_class=3, gamma=0.05, known_anomaly_classes=(1, 2), updates=7)

    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_unknown_field_in_json_is_an_error() -> None:
    with pytest.raises(SpecError, match="unknown field 'epochs'; the fields are: dataset, "):
        RunSpec.from_dict({"normal_class": 0, "epochs": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "mnits"}, "unknown dataset 'mnits'; choose from: digits, mnist"),
        ({"dataset": "npz:../etc"}, "unknown dataset"),
        ({"normal_class": 10}, r"normal_class=10 does not exist in digits; the classes are 0..9"),
        ({"normal_class": -1}, "normal_class=-1 does not exist"),
        ({"normal_class": None}, "needs normal_class"),
        ({"protocol": "leave_one_out"}, "needs abnormal_class and takes no normal_class"),
        ({"gamma": 1.0}, r"gamma=1.0 is outside \[0, 1\)"),
        ({"gamma": -0.1}, r"gamma=-0.1 is outside \[0, 1\)"),
        ({"gamma": float("nan")}, "gamma=nan is outside"),
        ({"backbone": "resnet"}, "backbone='resnet' is not legal; choose from: naive, unet, unetpp"),
        ({"updates": 0}, "updates=0 must be positive"),
        ({"updates": 1.5}, "updates=1.5 is not legal; it must be of type int"),
        ({"updates": True}, "must be of type int"),
        ({"lr": float("inf")}, "lr=inf must be positive"),
        ({"lambda_adv": -1.0}, "lambda_adv=-1.0 must be 0 or more"),
        ({"image_size": 30}, "not a multiple of 16"),
        ({"batch_norm": "freeze"}, "there are none at gamma=0"),
        ({"gamma": 0.05, "batch_size": 32}, "no room for normals beside 32 anomalies"),
        ({"gamma": 0.05, "known_anomaly_classes": (0,)}, "names a normal class"),
        ({"gamma": 0.05, "known_anomaly_classes": (1, 1)}, "names a class twice"),
        ({"gamma": 0.05, "known_anomaly_classes": (11,)}, "known_anomaly_classes=11 does not exist"),
        ({"gamma": 0.05, "known_anomaly_classes": (1,), "known_anomaly_draw": 2}, "more than the classes"),
        ({"known_anomaly_classes": (1,)}, "mean nothing at gamma=0"),
        ({"curve": (5, 2)}, "must rise"),
        ({"curve_protocols": ("batch1", "eval")}, "final_protocols must contain"),
        ({"curve_protocols": ("eval_recal",)}, "must contain eval"),
        ({"final_protocols": ("train",)}, "final_protocols='train' is not legal"),
        ({"method": "ganomaly", "gamma": 0.05}, "method=ganomaly: it knows no labelled anomalies; take gamma=0"),
        ({"method": "ganomaly", "backbone": "unet"}, "its nets are its own; take backbone=naive"),
        ({"method": "ganomaly", "image_size": 64}, "image_size=64 with method=ganomaly: .* 32x32"),
        (
            {"method": "ganomaly", "lambda_con": 1.0, "naive_latent": "1x1"},
            "naive_latent, lambda_con mean nothing with method=ganomaly; leave them at their defaults",
        ),
    ],
)
def test_what_no_run_can_have_is_one_clear_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        RunSpec(**{"normal_class": 0, **changes})  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("normal_class", "3", 3),
        ("normal_class", "none", None),
        ("gamma", ".05", 0.05),
        ("detach_pseudo", "true", True),
        ("curve", "10+20", (10, 20)),
        ("known_anomaly_classes", "", ()),
        ("curve_protocols", "eval,batch1", ("eval", "batch1")),
    ],
)
def test_parse_value(name: str, text: str, value: object) -> None:
    assert parse_value(name, text) == value


@pytest.mark.parametrize(("name", "text"), [("updates", "many"), ("detach_pseudo", "maybe"), ("backbone", "vgg")])
def test_parse_value_refuses(name: str, text: str) -> None:
    with pytest.raises(SpecError, match=f"{name}="):
        parse_value(name, text)


@pytest.mark.parametrize(
    ("normals", "counts"),
    [(5000, (50, 154, 263, 555, 1250)), (2500, (25, 77, 131, 277, 625)), (6000, (60, 185, 315, 666, 1500))],
)
def test_anomaly_counts_of_the_paper(normals: int, counts: tuple[int, ...]) -> None:
    assert tuple(anomaly_count(gamma, normals) for gamma in (0.01, 0.03, 0.05, 0.10, 0.20)) == counts


@given(st.integers(0, 99), st.integers(1, 10_000))
def test_anomaly_count_is_exact(percent: int, normals: int) -> None:
    """Integers only: a float floor was wrong for 846 of 295,005 pairs."""
    assert anomaly_count(percent / 100, normals) == percent * normals // (100 - percent)


def test_anomalies_per_batch() -> None:
    assert [anomalies_per_batch(gamma, 256, 32) for gamma in (0.0, 0.01, 0.05, 0.10, 0.20)] == [0, 32, 32, 32, 51]
    assert anomalies_per_batch(0.5, 5, 1) == 3, "half is rounded up"


def test_planning_code_is_light() -> None:
    """Planning, status and analysis never pay for torch."""
    heavy = "{'torch', 'torchvision', 'sklearn', 'ray', 'submitit', 'optuna', 'pandas', 'matplotlib'}"
    light = "sweeps.cli.launch, sweeps.worker.worker, agad.store.rows"
    code = f"import sys, {light}; sys.exit(str({heavy} & set(sys.modules) or ''))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""
