"""Combinations of values that no run can have. A single field's legal values are declared with it (fields.py)."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from agad.errors import SpecError
from agad.spec import catalogue
from agad.spec.datasets import DATASETS, is_known, unknown
from agad.spec.fields import GROUPS, SpecFields, known_fields, names_where
from agad.spec.shares import anomalies_per_batch


def check(spec: SpecFields) -> None:
    """Refuse a spec that no run can have. Raises SpecError, one line."""
    for part in (_check_class, _check_anomalies, _check_batch, _check_evaluation, _check_validation, _check_nets):
        part(spec)
    _check_method(spec)
    if spec.task == "inference":
        _require_defaults(spec, _untimed(), "task=inference")


def _check_class(spec: SpecFields) -> None:
    if not is_known(spec.dataset):
        raise SpecError(unknown(spec.dataset))
    wanted, other = ("normal_class", "abnormal_class")
    if spec.protocol == "leave_one_out":
        wanted, other = other, wanted
    if getattr(spec, wanted) is None or getattr(spec, other) is not None:
        raise SpecError(f"protocol {spec.protocol} needs {wanted} and takes no {other}")
    _check_exists(wanted, spec.target_class, spec.dataset)


def _check_exists(name: str, index: int, dataset: str) -> None:
    facts = DATASETS.get(dataset)
    if index < 0 or (facts and index >= len(facts.class_names)):
        span = f"0..{len(facts.class_names) - 1}" if facts else "0 or more"
        raise SpecError(f"{name}={index} does not exist in {dataset}; the classes are {span}")


def _check_anomalies(spec: SpecFields) -> None:
    for name in ("known_anomaly_classes", "validation_anomaly_classes"):
        listed = getattr(spec, name)
        for index in listed:
            _check_exists(name, index, spec.dataset)
        if len(set(listed)) != len(listed):
            raise SpecError(f"{name}={listed} names a class twice")
        if any((c == spec.target_class) == (spec.protocol == "one_vs_rest") for c in listed):
            raise SpecError(f"{name}={listed} names a normal class")
    known = spec.known_anomaly_classes
    if known and spec.known_anomaly_draw > len(known):
        raise SpecError(f"known_anomaly_draw={spec.known_anomaly_draw} is more than the classes to draw from")
    if spec.gamma == 0 and (known or spec.known_anomaly_draw):
        raise SpecError("known_anomaly_classes and known_anomaly_draw mean nothing at gamma=0; leave them out")


def _check_batch(spec: SpecFields) -> None:
    if spec.gamma == 0 and "freeze" in spec.batch_norm:
        raise SpecError(f"batch_norm={spec.batch_norm} freezes for true anomalies: there are none at gamma=0")
    anomalies = anomalies_per_batch(spec.gamma, spec.batch_size, spec.min_anomalies)
    if spec.anomaly_place == "inside" and anomalies >= spec.batch_size:
        raise SpecError(
            f"batch_size={spec.batch_size} has no room for normals beside {anomalies} anomalies; "
            "raise batch_size or lower min_anomalies"
        )


def _check_evaluation(spec: SpecFields) -> None:
    if "eval" not in spec.curve_protocols:
        raise SpecError("curve_protocols must contain eval, the headline")
    missing = [p for p in spec.curve_protocols if p not in spec.final_protocols]
    if missing:
        raise SpecError(f"final_protocols must contain those of the curve; {', '.join(missing)} is missing")
    for name in ("curve", "lr_steps", "pretrain_lr_steps"):
        points = getattr(spec, name)
        if any(point < 1 for point in points) or list(points) != sorted(set(points)):
            raise SpecError(f"{name}={points} must rise, from 1 on")


def _check_validation(spec: SpecFields) -> None:
    if spec.validation > 0:
        return
    if spec.validation_anomalies or spec.validation_anomaly_classes:
        raise SpecError("validation_anomalies and validation_anomaly_classes mean nothing at validation=0")
    if not spec.evaluate_test:
        raise SpecError("evaluate_test=False leaves nothing to score at validation=0; take validation=0.1")


def _check_nets(spec: SpecFields) -> None:
    if spec.backbone == "naive" and spec.naive_latent == "1x1" and spec.image_size < 32:
        raise SpecError(f"naive_latent=1x1 needs image_size 32 or more, not {spec.image_size}; take 2x2")


def _check_method(spec: SpecFields) -> None:
    method, where = catalogue.methods()[spec.method], f"method={spec.method}"
    if spec.gamma > 0 and method.labels == "none":
        raise SpecError(f"gamma={spec.gamma} with {where}: it knows no labelled anomalies; take gamma=0")
    if spec.gamma == 0 and method.labels == "must":
        raise SpecError(f"gamma=0 with {where}: it needs labelled anomalies; take gamma=0.05 or the like")
    if method.gradient != (spec.updates > 0):
        wanted = "1 or more" if method.gradient else "0: it trains nothing step by step"
        raise SpecError(f"updates={spec.updates} with {where}: take updates={wanted}")
    if method.pretrained and not spec.pretrain_updates:
        raise SpecError(f"pretrain_updates=0 with {where}: it begins with pretraining; take pretrain_updates=1200")
    default = known_fields()["backbone"].default
    if not {"backbone", "network"} & {*method.uses} and spec.backbone != default:
        raise SpecError(f"backbone={spec.backbone} with {where}: its nets are its own; take backbone={default}")
    if method.encoder_cost and spec.encoder not in method.encoder_cost:
        raise SpecError(f"encoder={spec.encoder} with {where}: it takes {', '.join(method.encoder_cost)}")
    if method.image_sizes and spec.image_size not in method.image_sizes:
        sizes = ", ".join(f"{size}x{size}" for size in method.image_sizes)
        raise SpecError(f"image_size={spec.image_size} with {where}: its nets here are those for {sizes} images")
    _require_defaults(spec, unused_by(spec.method), where)
    if spec.optimiser == "sgd":
        _require_defaults(spec, ("beta1", "beta2"), "optimiser=sgd")


COMMON = ("data", "task", "evaluation", "validation", "seed", "backbone", "updates")
"""Fields, or groups of them, that mean something to every method; or that have checks of their own."""


@functools.cache
def unused_by(method: str) -> tuple[str, ...]:
    """The fields that a method does not use. SpecError where its file names one that does not exist."""
    listed = {*catalogue.methods()[method].uses, *COMMON}
    unknown = sorted({*listed} - {*known_fields(), *GROUPS})
    if unknown:
        raise SpecError(
            f"agad/methods/{method}.py: METHOD: uses: no field or group is called {', '.join(unknown)}; "
            f"the groups are: {', '.join(GROUPS)}"
        )
    return tuple(name for name, field in known_fields().items() if not {name, field.setting.group} & listed)


@functools.cache
def unused(method: str, task: str) -> frozenset[str]:
    """The fields that mean nothing to runs of a method and a task. SpecError as in `unused_by`."""
    return frozenset(unused_by(method)).union(_untimed() if task == "inference" else ())


@functools.cache
def _untimed() -> tuple[str, ...]:
    return names_where(lambda known: not known.timed)


def _require_defaults(spec: SpecFields, names: Collection[str], where: str) -> None:
    """Refuse values that would change nothing but the run_id."""
    changed = [name for name in names if getattr(spec, name) != _default(spec, name)]
    if changed:
        raise SpecError(f"{', '.join(changed)} mean nothing with {where}; leave them at their defaults")


def _default(spec: SpecFields, name: str) -> Any:
    """The field's default as a spec of that length has it."""
    value: Any = known_fields()[name].default
    return tuple(point for point in value if point < spec.updates) if name == "curve" else value
