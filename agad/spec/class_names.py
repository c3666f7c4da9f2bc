"""A class by its name, wherever an index is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from agad.errors import SpecError, suggestion
from agad.spec.datasets import DATASETS
from agad.spec.fields import spec_field

ClassNames = Callable[[str], Sequence[str]]
"""Data set -> the names of its classes, by index. Raises AgadError where they cannot be known."""


def known_class_names(dataset: str) -> Sequence[str]:
    """The names of a data set that is known without reading it. SpecError for the user's own."""
    if dataset not in DATASETS:
        raise SpecError(f"the classes of {dataset} are not known by name here; give their indices")
    return DATASETS[dataset].class_names


def class_index(text: str, names: Sequence[str], dataset: str) -> int:
    """The index of the class that is called so, whatever the case of letters where that leaves one.

    Raises SpecError, one line that lists the classes, where none is called so, or several.
    """
    found = [index for index, name in enumerate(names) if name == text]
    found = found or [index for index, name in enumerate(names) if name.casefold() == text.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpecError(f"{dataset} has {len(found)} classes called {text!r}; name one by its index")
    raise SpecError(f"{dataset} has no class {text!r}; {suggestion(text, names, 'its classes are')}")


def parse_classes(name: str, text: str, dataset: str, names: ClassNames) -> Any:
    """The value that `text` means for a field, as `parse_value`; of a field of classes also by their names.

    A whole number is an index, also where a class has another number for a name.
    """
    field = spec_field(name)
    if not field.setting.is_class:
        return field.parse(text)

    def index(part: str) -> str:
        is_plain = not part or part.lower() == "none" or re.fullmatch(r"\s*[+-]?\d+\s*", part)
        return part if is_plain else str(class_index(part, names(dataset), dataset))

    return field.parse(",".join(map(index, text.replace("+", ",").split(","))) if field.is_tuple else index(text))
