"""RunSpec: what a run is. Standard library only.

A run is a function of its spec: every choice that changes numbers by design is a field of it (agad/spec/fields.py) and
enters `run_id`. Where and how the run is made is in RunOptions and never enters it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agad.spec.catalogue import methods
from agad.spec.checks import check, unused
from agad.spec.fields import (
    EVAL_PROTOCOLS,
    ORDER_PROTOCOLS,
    VALIDATION_PROTOCOLS,
    SpecFields,
    field_names,
    former_values,
    known_fields,
    older_value,
    older_values,
    parse_value,
    spec_field,
)
from agad.spec.options import RunOptions
from agad.spec.shares import anomalies_per_batch, anomaly_count, as_fraction

__all__ = [
    "EVAL_PROTOCOLS",
    "ORDER_PROTOCOLS",
    "RUN_ID_LENGTH",
    "SEMANTICS_VERSION",
    "VALIDATION_PROTOCOLS",
    "RunOptions",
    "RunSpec",
    "anomalies_per_batch",
    "anomaly_count",
    "as_fraction",
    "canonical_text",
    "field_names",
    "older_value",
    "parse_value",
    "run_id_of",
    "spec_field",
]

SEMANTICS_VERSION = 1
"""Raised when the same spec would mean other numbers; part of every run_id."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_UNCHECKED = frozenset({"seed"})
"""Fields that no check of combinations reads."""

RUN_ID_LENGTH = 16
"""Hexadecimal digits of a run_id: at 100,000 runs a collision has a chance of 3e-10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec(SpecFields):
    """One training run, completely. Frozen, flat and typed; equal specs have equal `run_id`.

    Raises SpecError, one line, for a value or combination that no run can have.
    """

    def __post_init__(self) -> None:
        for name, field in known_fields().items():
            object.__setattr__(self, name, field.coerce(getattr(self, name)))
        self._settle()

    def _settle(self) -> None:
        # What means nothing makes no other spec: points beyond the end, pretraining's fields without it, protocols of a
        # test set that is not read, those under which a method scores as under another, and a former default of what is
        # not used.
        for name, value in self._formers_unused().items():
            if getattr(self, name) == value:
                object.__setattr__(self, name, known_fields()[name].default)
        ends = {"curve": self.updates, "lr_steps": self.updates}
        if "pretrain_updates" not in unused(self.method, self.task):
            ends["pretrain_lr_steps"] = self.pretrain_updates
            if not self.pretrain_updates:
                object.__setattr__(self, "pretrain_weight_decay", 0.0)
        for name, end in ends.items():
            object.__setattr__(self, name, tuple(point for point in getattr(self, name) if point < end))
        if not self.lr_steps and "lr_divisor" not in unused(self.method, self.task):
            object.__setattr__(self, "lr_divisor", known_fields()["lr_divisor"].default)
        method = methods().get(self.method)
        sensible = (method and method.protocols) or EVAL_PROTOCOLS
        readable = EVAL_PROTOCOLS if self.evaluate_test else VALIDATION_PROTOCOLS
        for name in ("curve_protocols", "final_protocols"):
            used = tuple(p for p in getattr(self, name) if p in sensible and p in readable)
            object.__setattr__(self, name, used)
        if not {*ORDER_PROTOCOLS} & {*self.final_protocols}:
            object.__setattr__(self, "test_orders", 1)
        check(self)

    @property
    def run_id(self) -> str:
        """SHA-256 of the whole spec and SEMANTICS_VERSION, its first 16 hexadecimal digits."""
        try:
            return self._run_id
        except AttributeError:
            object.__setattr__(self, "_run_id", run_id_of(self.canonical()))
            return self._run_id

    @property
    def seed_key(self) -> tuple[str | int, ...]:
        """What the keys of initial weights and batches have in common: the seed, and the class where it has its own.

        Neither gamma nor a choice of net, loss or batch norm enters, so that variants of one cell are compared on the
        same weights and batches.
        """
        of_class = () if self.seed_scope == "all_classes" else (self.dataset, self.protocol, self.target_class)
        return (*of_class, self.seed)

    @property
    def features_file(self) -> str:
        """NAME of features=file:NAME; empty where a vector is made of an image's pixels."""
        return self.features.partition(":")[2]

    @property
    def curve_points(self) -> tuple[int, ...]:
        """The updates after which the curve has a point, the last one included."""
        return (*self.curve, self.updates)

    def orders(self, protocol: str) -> int:
        """Number of orders of the test set that an evaluation protocol is scored in."""
        return self.test_orders if protocol in ORDER_PROTOCOLS else 1

    def anomalies(self, normals: int) -> int:
        """Number of training anomalies, a, beside a number of training normals."""
        return anomaly_count(self.gamma, normals)

    def held_out(self, normals: int) -> int:
        """Number of validation normals, floor(validation n), of the n normals of the training split."""
        return math.floor(as_fraction(self.validation) * normals)

    def canonical(self) -> str:
        """The spec as JSON with sorted keys: the text that `run_id` digests."""
        return canonical_text(self.to_dict(), SEMANTICS_VERSION)

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; tuples as lists, and of fields that the run does not use the former default."""
        values = {name: getattr(self, name) for name in field_names()} | self._formers_unused()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """The inverse of `to_dict`, also of an older agad's; an unknown field is an error.

        A field that is missing is younger than the values and has what older code behaved like; one that is as old as
        agad takes its default.
        """
        for name in values:
            spec_field(name)
        return cls(**older_values() | values)

    def replace(self, **changes: Any) -> RunSpec:
        """A spec with some fields changed."""
        made = object.__new__(type(self))
        for name in known_fields():
            object.__setattr__(made, name, getattr(self, name))
        for name, value in changes.items():
            object.__setattr__(made, name, spec_field(name).coerce(value))
        if changes.keys() - _UNCHECKED:
            made._settle()
        return made

    def _formers_unused(self) -> dict[str, Any]:
        """The former default of each field that has another one now and that the run does not use."""
        names = unused(self.method, self.task)
        return {name: value for name, value in former_values().items() if name in names}


def canonical_text(values: Mapping[str, Any], semantics_version: int) -> str:
    """RunSpec.canonical of all fields as JSON values, also of a run that this code cannot make."""
    older = older_values()
    kept = {name: value for name, value in values.items() if name not in older or value != older[name]}
    return _ENCODER.encode({"semantics_version": semantics_version, **kept})


def run_id_of(canonical: str) -> str:
    """The run_id that stands for a canonical text."""
    return hashlib.sha256(canonical.encode()).hexdigest()[:RUN_ID_LENGTH]
