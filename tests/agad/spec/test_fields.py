"""What is known of each field, and the lists that are derived from it."""

from __future__ import annotations

import re

import pytest

from agad.errors import SpecError
from agad.spec.checks import unused_by
from agad.spec.fields import (
    CELL_FIELDS,
    GROUPS,
    LEADING_FIELDS,
    field_names,
    former_values,
    json_defaults,
    known_fields,
    names_in,
    names_where,
    older_values,
    parse_value,
    spec_field,
)
from agad.spec.run import RunSpec
from agad.store.schema import SCHEMA
from analysis.paper.numbers import SCORING_FIELDS, STATED_DEFAULTS
from analysis.tables.table import heading
from sweeps.tuning.space import LOSS_WEIGHTS

PARAGRAPHS = """
    dataset image_size protocol normal_class abnormal_class gamma known_anomaly_classes known_anomaly_draw
    task method
    backbone naive_latent upsampling generator_norm discriminator init
    batch_norm advprop_scope bn_update
    lambda_adv lambda_con lambda_adcon lambda_lat adversarial_context latent_loss detach_pseudo anomaly_pair
    anomaly_weight reciprocal recip_eps
    updates batch_size min_anomalies batch_mix anomaly_place lr beta1 beta2 d_reset_threshold precision
    features neighbours
    encoder scaling boundary pretrain_updates pretrain_weight_decay pretrain_lr_steps weight_decay lr_steps
    lr_divisor optimiser transformations normality restoration_loss augmentation
    search_steps
    curve curve_protocols final_protocols test_orders eval_batch_size eval_precision
    validation validation_anomalies validation_anomaly_classes evaluate_test seed seed_scope
"""
FIELDS = PARAGRAPHS.split()


def test_the_surface_is_closed() -> None:
    """A knob is added here on purpose, with its entry in _ADDED_LATER if rows exist already."""
    assert list(field_names()) == FIELDS


RIVALS = {
    "encoder": "lenet_small",
    "scaling": "minus1_1",
    "boundary": "hard",
    "pretrain_updates": 0,
    "pretrain_weight_decay": 0.0,
    "pretrain_lr_steps": [],
    "weight_decay": 0.0,
    "lr_steps": [],
    "lr_divisor": 10.0,
    "optimiser": "adam",
    "transformations": "geo72",
    "normality": "dirichlet",
    "restoration_loss": "mse",
    "augmentation": "none",
    "search_steps": 500,
}
"""The fields that only rivals use, and what they are without."""


def test_every_field_belongs_to_a_group() -> None:
    assert {field.setting.group for field in known_fields().values()} == set(GROUPS)


def test_fields_added_later() -> None:
    assert older_values() == {
        "task": "train",
        "method": "agad",
        "validation": 0.0,
        "validation_anomalies": 0,
        "validation_anomaly_classes": [],
        "evaluate_test": True,
        "test_orders": 1,
        "eval_precision": "fp32",
        "features": "pixels",
        "neighbours": 2,
        **RIVALS,
        "seed_scope": "all_classes",
    }


def test_defaults_that_have_changed() -> None:
    """The default before is known, for older plans and for runs that do not use the field."""
    assert former_values() == {"bn_update": "all", "seed_scope": "all_classes"}


def test_fields_in_which_rivals_agree() -> None:
    assert names_in("data", "validation") == (
        *("dataset", "image_size", "protocol", "normal_class", "abnormal_class", "gamma", "known_anomaly_classes"),
        *("known_anomaly_draw", "validation", "validation_anomalies", "validation_anomaly_classes"),
    )


def test_fields_that_are_never_searched() -> None:
    assert set(names_in("data", "task", "evaluation", "validation", "seed")) == {
        *("dataset", "image_size", "protocol", "normal_class", "abnormal_class", "gamma", "known_anomaly_classes"),
        *("known_anomaly_draw", "task", "method", "seed", "validation", "validation_anomalies"),
        *("validation_anomaly_classes", "evaluate_test", "curve", "curve_protocols", "final_protocols"),
        *("test_orders", "eval_batch_size", "eval_precision", "seed_scope"),
    }


def test_loss_weights() -> None:
    assert LOSS_WEIGHTS == ("lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat")


def test_fields_unused_by_ganomaly() -> None:
    assert set(unused_by("ganomaly")) == {
        *("naive_latent", "upsampling", "generator_norm", "discriminator", "batch_norm", "advprop_scope", "bn_update"),
        *("lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat", "adversarial_context", "latent_loss"),
        *("detach_pseudo", "anomaly_pair", "anomaly_weight", "reciprocal", "recip_eps", "min_anomalies", "batch_mix"),
        *("anomaly_place", "features", "neighbours", *RIVALS),
    }
    assert unused_by("agad") == ("features", "neighbours", *RIVALS)


def test_fields_used_by_inference() -> None:
    assert set(names_where(lambda known: known.timed)) == {
        *("task", "dataset", "image_size", "normal_class", "backbone", "naive_latent", "upsampling", "generator_norm"),
        "seed",
    }


def test_fields_of_a_generator_s_variant() -> None:
    variant = ("image_size", "naive_latent", "upsampling", "generator_norm", "batch_norm")

    assert names_where(lambda known: known.generator) == variant


def test_fields_of_tables() -> None:
    assert set(CELL_FIELDS) == {"normal_class", "abnormal_class", "seed"}
    assert LEADING_FIELDS == ("dataset", "gamma")
    assert SCORING_FIELDS == ("curve", "curve_protocols", "final_protocols", "test_orders", "eval_batch_size")


def test_headings() -> None:
    own = {name: heading(name) for name in field_names() if heading(name) != name}

    assert own == {
        "gamma": "γ",
        "adversarial_context": "context",
        "batch_norm": "batch norm",
        "known_anomaly_classes": "known",
    }


def test_defaults_that_the_paper_states() -> None:
    assert STATED_DEFAULTS == {
        "task": "train",
        "method": "agad",
        "protocol": "one_vs_rest",
        "image_size": 32,
        "known_anomaly_classes": [],
        "known_anomaly_draw": 0,
        "batch_norm": "shared",
        "lambda_adv": 1.0,
        "lambda_con": 50.0,
        "lambda_adcon": 15.0,
        "lambda_lat": 5.0,
        "adversarial_context": "on",
        "batch_size": 256,
        "min_anomalies": 32,
        "lr": 2e-4,
    }


def test_columns_of_lists() -> None:
    columns = {name: SCHEMA.field(name).type for name in field_names()}

    assert {name: str(kind.value_type) for name, kind in columns.items() if "list" in str(kind)} == {
        "known_anomaly_classes": "int64",
        "validation_anomaly_classes": "int64",
        "lr_steps": "int64",
        "pretrain_lr_steps": "int64",
        "curve": "int64",
        "curve_protocols": "string",
        "final_protocols": "string",
    }


def test_defaults_are_those_of_a_spec() -> None:
    defaults = json_defaults()
    made = RunSpec(normal_class=0).to_dict()

    assert defaults.keys() == made.keys()
    assert {name for name in made if made[name] != defaults[name]} == {"normal_class", "curve"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("update", "did you mean updates or bn_update"),
        ("lambda_ad", "did you mean lambda_adv or "),
        ("epochs", "the fields are: dataset, "),
    ],
)
def test_the_nearest_fields_are_named(name: str, hint: str) -> None:
    with pytest.raises(SpecError, match=f"^unknown field '{name}'; {re.escape(hint)}") as caught:
        spec_field(name)

    assert "\n" not in str(caught.value)


def test_unknown_field_in_json_is_an_error() -> None:
    with pytest.raises(SpecError, match="unknown field 'epochs'; the fields are: dataset, "):
        RunSpec.from_dict({"normal_class": 0, "epochs": 3})


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


@pytest.mark.parametrize(("name", "hint"), [("normal_class", "of type int, or none"), ("updates", "of type int")])
def test_a_refusal_says_how_a_field_is_left_out(name: str, hint: str) -> None:
    with pytest.raises(SpecError, match=f"it must be {hint}$"):
        parse_value(name, "")
