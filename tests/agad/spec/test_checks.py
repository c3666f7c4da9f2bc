"""Values and combinations that no run can have."""

from __future__ import annotations

from typing import Any

import pytest

from agad.errors import SpecError
from agad.spec.fields import field_names, former_values
from agad.spec.run import RunSpec
from tests.helpers.specs import ARNET, GEOTRANS, NEEDED, OTHER_VALUES, PRETRAINING

CHANGED = set(former_values())
"""Fields whose default has changed: both defaults stand for a run that does not use them (test_run.py)."""
GANOMALY_USES = """
    task method dataset image_size protocol normal_class abnormal_class gamma known_anomaly_classes known_anomaly_draw
    backbone init updates batch_size lr beta1 beta2 d_reset_threshold precision
    curve curve_protocols final_protocols test_orders eval_batch_size eval_precision
    validation validation_anomalies validation_anomaly_classes evaluate_test seed seed_scope
"""


@pytest.mark.parametrize("name", sorted(set(field_names()) - set(GANOMALY_USES.split()) - CHANGED))
def test_ganomaly_takes_no_value_that_changes_nothing(name: str) -> None:
    """A field that it does not use must be at its default, so that no two specs mean one run."""
    with pytest.raises(SpecError, match=f"^{name} mean nothing with method=ganomaly"):
        RunSpec(**{"normal_class": 0, "method": "ganomaly", name: OTHER_VALUES[name]})  # type: ignore[arg-type]


OWN = {"features", "neighbours", "encoder", "scaling", "weight_decay", "lr_steps", "search_steps"}
OWN |= {*PRETRAINING, *GEOTRANS, *ARNET}
"""Refused with the default method, whatever the task."""
INFERENCE_USES = "task dataset image_size normal_class backbone naive_latent upsampling generator_norm seed"


@pytest.mark.parametrize("name", sorted(set(OTHER_VALUES) - set(INFERENCE_USES.split()) - CHANGED - OWN))
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


def test_inference_takes_the_net_and_its_images() -> None:
    spec = RunSpec(normal_class=0, task="inference")
    changes = {name: OTHER_VALUES[name] for name in INFERENCE_USES.split()}

    assert spec.replace(seed=1).replace(**changes).backbone == "unet"


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
        ({"updates": 0}, "updates=0 with method=agad: take updates=1 or more"),
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
        ({"method": "knn", "updates": 0, "backbone": "unet"}, "its nets are its own; take backbone=naive"),
        ({"method": "classifier", "gamma": 0.05, "lr_steps": (0,)}, "must rise"),
        ({"method": "deep_sad", "encoder": "netd"}, "it takes lenet_small, lenet_medium, lenet_large"),
        ({"method": "geotrans"}, "encoder=lenet_small with method=geotrans: it takes wrn_10_1, wrn_10_4, wrn_16_8"),
        ({"method": "rotation_knn", "encoder": "wrn_10_1", "normality": "softmax"}, "normality mean nothing"),
        ({"method": "arnet", "optimiser": "sgd", "beta1": 0.9}, "beta1 mean nothing with optimiser=sgd"),
        ({"method": "arnet", "lr_divisor": 0.5}, "lr_divisor=0.5 must be 1 or more"),
        ({"method": "fanogan"}, "pretrain_updates=0 with method=fanogan: it begins with pretraining"),
        ({"method": "ganomaly", "image_size": 64}, "image_size=64 with method=ganomaly: .* 32x32"),
        ({"naive_latent": "1x1", "image_size": 16}, "naive_latent=1x1 needs image_size 32 or more, not 16; take 2x2"),
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
