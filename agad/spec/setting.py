"""Setting: what is known of a field of RunSpec; Field: a field with its type, which checks and parses values."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agad.errors import SpecError
from agad.spec.datasets import is_plain_name

UNSET: Any = object()
"""Stands for a value that is not given, where None is a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of a field beside its name, type and default.

    Attributes:
        group: the aspect of a run that it belongs to; one of agad.spec.fields.GROUPS.
        choices: the legal values of a string, or a function that returns them. A tuple of choices is a set: it is
            brought into the order of the choices.
        prefix: what further legal values begin with, before a NAME of the user's own; empty: there are none.
        at_least: the least legal number.
        below: a number that legal ones are less than.
        positive: whether a number must be greater than 0.
        multiple_of: what a legal number is a multiple of.
        ordered: whether the order of a tuple's numbers means something; otherwise they are sorted.
        older: of a field that was added after the first release, the value that older code behaved like, as a JSON
            value: only values that differ from it enter `run_id`, and older files are read as if they had it.
        former: of a field whose default has changed, the default before; `older`, if that is given. Files have it for a
            run that does not use the field, which so stays the run that it was.
        timed: whether task=inference uses the field.
        generator: whether the generator's size or speed depends on the field; `backbone` is known by itself.
        within_row: whether runs of one row of a table may differ in it: it distinguishes classes and seeds.
        leads: whether every row of a table starts with it: where something is compared, not what.
        scoring: whether it decides which scores are computed and when, while the headline AUROC stays the same.
        stated: whether the paper states the default (section 4.2), so that a run with another value is not the paper's.
        title: heading of its column in tables; empty: its name.
        is_class: whether a number of it is the index of a class, which may be given by the class's name.
    """

    group: str
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()
    prefix: str = ""
    at_least: int | None = None
    below: int | None = None
    positive: bool = False
    multiple_of: int | None = None
    ordered: bool = True
    older: Any = UNSET
    former: Any = UNSET
    timed: bool = False
    generator: bool = False
    within_row: bool = False
    leads: bool = False
    scoring: bool = False
    stated: bool = False
    title: str = ""
    is_class: bool = False

    @property
    def legal(self) -> tuple[str, ...]:
        """The legal values of a string; empty: any."""
        return self.choices() if callable(self.choices) else self.choices

    def refusal(self, value: Any) -> str | None:
        """What is wrong with a value of the right type, to follow it in a message; None if it is legal."""
        if isinstance(value, str):
            return self._refusal_of_text(value)
        within = (
            math.isfinite(value)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (not self.positive or value > 0)
            and (self.multiple_of is None or value % self.multiple_of == 0)
        )
        return None if within else self._bounds()

    def _refusal_of_text(self, value: str) -> str | None:
        legal = self.legal
        if not legal or value in legal:
            return None
        if not self.prefix:
            return f"is not legal; choose from: {', '.join(legal)}"
        if not value.startswith(self.prefix):
            return f"is not legal; choose from: {', '.join((*legal, f'{self.prefix}NAME'))}"
        if is_plain_name(value.removeprefix(self.prefix)):
            return None
        return f"is not legal: {self.prefix} goes before a name of letters, digits, _, - and dots, without a folder"

    def _bounds(self) -> str:
        if self.below is not None:
            return f"is outside [{self.at_least}, {self.below})"
        if self.multiple_of is not None:
            return f"is not a multiple of {self.multiple_of}"
        if self.at_least is not None:
            return f"must be {self.at_least} or more"
        return "must be positive" if self.positive else "must be finite"


def setting(default: Any, group: str, **known: Any) -> Any:
    """A dataclass field with a default and a Setting of what else is known of it."""
    return dataclasses.field(default=default, metadata={"setting": Setting(group=group, **known)})


def choice(group: str, *choices: str, **known: Any) -> Any:
    """A field that takes one of several strings, the first by default."""
    return setting(choices[0], group, choices=choices, **known)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of RunSpec.

    Attributes:
        name: as in RunSpec.
        default: as in RunSpec.
        kind: int, float, bool or str; of a tuple the type of its elements.
        is_tuple: whether it has any number of values.
        optional: whether it may be None.
        setting: what else is known of it.
    """

    name: str
    default: Any
    kind: type
    is_tuple: bool
    optional: bool
    setting: Setting

    def coerce(self, value: Any) -> Any:
        """`value` in the field's own type, so that 1 and 1.0, or a list and a tuple, give one run_id.

        Raises SpecError, one line, for a value that is not legal.
        """
        if value is None and self.optional:
            return None
        if not self.is_tuple:
            return self._coerce_one(value)
        if not isinstance(value, list | tuple):
            raise SpecError(f"{self.name}={value!r} is not legal; it must be a list of type {self.kind.__name__}")
        values = tuple(self._coerce_one(item) for item in value)
        if self.setting.choices:
            return tuple(item for item in self.setting.legal if item in values)
        return values if self.setting.ordered else tuple(sorted(values))

    def parse(self, text: str) -> Any:
        """The value that `text` means; several values of one tuple are joined by `+` or `,`."""
        if self.optional and text.lower() == "none":
            return None
        if not self.is_tuple:
            return self.coerce(self._parse_one(text))
        return self.coerce([self._parse_one(part) for part in text.replace("+", ",").split(",") if part])

    def _coerce_one(self, value: Any) -> Any:
        accepted: Any = (int, float) if self.kind is float else self.kind
        if not isinstance(value, accepted) or (isinstance(value, bool) and self.kind is not bool):
            raise SpecError(f"{self.name}={value!r} is not legal; it must be of type {self.kind.__name__}")
        if self.kind is float:
            value = float(value) + 0.0  # + 0.0 turns -0.0 into 0.0, which would have another digest
        elif self.kind is int and abs(value) >= 2**63:
            raise SpecError(f"{self.name}={value} is too large")
        refusal = self.setting.refusal(value)
        if refusal:
            raise SpecError(f"{self.name}={value!r} {refusal}")
        return value

    def _parse_one(self, text: str) -> Any:
        try:
            if self.kind is bool:
                return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
            return self.kind(text)
        except (KeyError, ValueError):
            legal = "true or false" if self.kind is bool else f"of type {self.kind.__name__}"
            legal += ", or none" if self.optional else ""
            raise SpecError(f"{self.name}={text!r} is not legal; it must be {legal}") from None


@functools.cache
def fields_of(declared: type) -> dict[str, Field]:
    """The fields of a dataclass that were declared by `setting`, by name and in their order."""
    hints = typing.get_type_hints(declared)
    return {one.name: _field(one, hints[one.name]) for one in dataclasses.fields(declared)}


def _field(declared: dataclasses.Field[Any], hint: Any) -> Field:
    optional = isinstance(hint, types.UnionType)
    if optional:
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    is_tuple = typing.get_origin(hint) is tuple
    kind = typing.get_args(hint)[0] if is_tuple else hint
    return Field(declared.name, declared.default, kind, is_tuple, optional, declared.metadata["setting"])
