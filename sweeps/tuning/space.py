"""The search space of a study: which fields of RunSpec are searched, and where. Light: it imports no optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agad.errors import AgadError, SpecError
from agad.spec.checks import unused_by
from agad.spec.fields import names_in
from agad.spec.run import RunSpec, field_names, parse_value, spec_field

LOSS_WEIGHTS = names_in("loss weight")
"""What is searched by default."""

_DECADES = 1
"""Decades on either side of the cells' own value in which a loss weight is searched by default."""

_DIGITS = 4
"""Significant digits that a run's value has of what a sampler suggests: more would not matter."""

_NEVER = names_in("data", "task", "evaluation", "validation", "seed")
"""Fields that define the cell, or how it is scored: trials that differ in them could not be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One field, and where it is searched.

    Attributes:
        name: the field.
        low: least value; None where there are choices.
        high: greatest value.
        log: whether equal factors are equally likely, instead of equal distances.
        whole: whether it is a whole number.
        choices: the values, where they have no order; empty where there is a range.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def value(self, suggested: Any) -> Any:
        """What a run gets for a suggested value: rounded, inside the range, so that an override can be read."""
        if self.choices or self.whole or self.low is None or self.high is None:
            return suggested
        return min(max(float(f"{suggested:.{_DIGITS}g}"), self.low), self.high)

    def contains(self, value: Any) -> bool:
        """Whether the value is one that could be suggested."""
        if self.choices:
            return value in self.choices
        return self.low is not None and self.high is not None and self.low <= value <= self.high

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={','.join(map(str, self.choices))}"
        return f"{self.name}={self.low:g}:{self.high:g}:{'log' if self.log else 'linear'}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        if self.choices:
            return {"name": self.name, "choices": list(self.choices)}
        return {"name": self.name, "low": self.low, "high": self.high, "log": self.log, "whole": self.whole}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Axis:
        """The inverse of `to_dict`."""
        return cls(**{**content, "choices": tuple(content.get("choices", ()))})


def space_of(ranges: Sequence[str], specs: Sequence[RunSpec]) -> tuple[Axis, ...]:
    """The axes that the command line gives, in the order of RunSpec's fields.

    Args:
        ranges: `FIELD=LOW:HIGH`, `FIELD=LOW:HIGH:linear`, `FIELD=LOW:HIGH:log` or `FIELD=VALUE,VALUE`; empty: the four
            loss weights, a decade on either side of the cells' own.
        specs: the runs of the first trial.

    Raises AgadError, one line.
    """
    axes = [parse_axis(text) for text in ranges] if ranges else _default_axes(specs)
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise AgadError(f"--range gives {name} twice")
    for axis in axes:
        _check_first_trial(axis, specs)
    order = field_names()
    return tuple(sorted(axes, key=lambda axis: order.index(axis.name)))


def parse_axis(text: str) -> Axis:
    """The axis that `text` means. Raises AgadError, one line."""
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise AgadError(f"--range {text!r} is not FIELD=LOW:HIGH or FIELD=VALUE,VALUE")
    field = spec_field(name)
    if name in _NEVER or field.is_tuple:
        raise AgadError(f"--range {name}: trials that differ in {name} cannot be compared; choose other fields")
    if ":" in values:
        return _range(text, name, field.kind, values.split(":"))
    choices = tuple(parse_value(name, part) for part in values.split(","))
    if len(set(choices)) < 2:
        raise AgadError(f"--range {text!r} leaves nothing to choose; a fixed value is given by --set")
    return Axis(name=name, choices=choices)


def _range(text: str, name: str, kind: type, parts: Sequence[str]) -> Axis:
    if kind not in (int, float):
        raise AgadError(f"--range {text!r}: {name} is no number; list its values: {name}=VALUE,VALUE")
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("log", "linear")):
        raise AgadError(f"--range {text!r} is not FIELD=LOW:HIGH, with :log or :linear behind it")
    low, high = (parse_value(name, part) for part in parts[:2])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise AgadError(f"--range {text!r} has an end that is no number")
    if low >= high:
        raise AgadError(f"--range {text!r} is upside down or empty; write the smaller end first")
    log = parts[2] == "log" if len(parts) == 3 else kind is float and low > 0
    if log and low <= 0:
        raise AgadError(f"--range {text!r}: a log scale begins above 0; raise its low end, or add :linear")
    return Axis(name=name, low=low, high=high, log=log, whole=kind is int)


def _default_axes(specs: Sequence[RunSpec]) -> list[Axis]:
    base = specs[0]
    if set(LOSS_WEIGHTS) & set(unused_by(base.method)):
        raise AgadError(f"method={base.method} has no loss weights to tune; name what is searched by --range")
    names = [name for name in LOSS_WEIGHTS if name != "lambda_adcon" or base.adversarial_context != "off"]
    for name in names:
        if getattr(base, name) == 0:
            raise AgadError(f"{name} is 0, which no log scale has; give its range by --range")
    factor = 10.0**_DECADES
    return [
        Axis(name=name, low=getattr(base, name) / factor, high=getattr(base, name) * factor, log=True) for name in names
    ]


def _check_first_trial(axis: Axis, specs: Sequence[RunSpec]) -> None:
    """The cells' own values are the first trial: all cells must have the same one, inside the range."""
    values = {getattr(spec, axis.name) for spec in specs}
    if len(values) > 1:
        there = ", ".join(sorted(map(str, values)))
        raise AgadError(f"the cells differ in {axis.name} ({there}), which is searched; --select one, or --set it")
    (own,) = values
    if not axis.contains(own):
        raise AgadError(
            f"--range {axis} leaves out {own}, the cells' own value, which is the first trial; widen it, or begin "
            f"elsewhere by --set {axis.name}=VALUE"
        )
    try:  # a field that a run of this kind has no use for is refused here, not in every trial
        for other in axis.choices or (axis.low, axis.high):
            specs[0].replace(**{axis.name: other})
    except SpecError as error:
        raise AgadError(f"--range {axis}: {error}") from error
    if axis.name == "lambda_adcon" and specs[0].adversarial_context == "off":
        raise AgadError("--range lambda_adcon means nothing with adversarial_context=off")
