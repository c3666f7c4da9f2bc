"""What the rows of one data set must agree in to share a table, and what is said where they do not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agad.data.names import one_line
from agad.store.schema import DIGEST_COLUMNS, DataKey

Version = str
"""A digest; or the names of the classes, as JSON."""

_CLASSES = "class_names"
"""Stands in a key for image size or file of vectors: a class has one number at all sizes (see analysis.same_data)."""


def versions_of(values: Mapping[str, Any]) -> list[tuple[DataKey, Version]]:
    """Of the values of a row: the versions of its images, of its vectors where it has some, and of its class names."""
    found = [((values["dataset"], values[of]), values[column]) for column, of in DIGEST_COLUMNS.items()]
    named = classes_version(values["dataset"], values.get(_CLASSES) or ())
    return [(key, version) for key, version in (*found, named) if version]


def classes_version(dataset: str, names: Sequence[str]) -> tuple[DataKey, Version]:
    """That of a data set's class names, by index; an empty one where none are known."""
    return (dataset, _CLASSES), json.dumps(list(names)) if names else ""


def name_of(key: DataKey) -> str:
    """For messages: `cifar10`, or `cifar10 file:NAME`."""
    return " ".join(part for part in key if isinstance(part, str) and part != _CLASSES)


def is_of_classes(key: DataKey) -> bool:
    """Whether the key is one of class names."""
    return key[1] == _CLASSES


def other(key: DataKey) -> str:
    """`other npz:own data`, or `npz:own data with other class names`."""
    return f"{name_of(key)} data with other class names" if is_of_classes(key) else f"other {name_of(key)} data"


def back(key: DataKey) -> str:
    """What can be done, beside another results folder."""
    return "give the classes their names back" if is_of_classes(key) else "put those data back"


def apart(key: DataKey, *versions: Version) -> tuple[str, list[str]]:
    """What tells different versions apart: `digest` and the beginning of each; `class 1 is` and what each calls it."""
    if not is_of_classes(key):
        return "digest", [version[:12] for version in versions]
    named = [json.loads(version) for version in versions]
    places = range(max(map(len, named)))
    called = [[one_line(names[place]) if place < len(names) else "none" for names in named] for place in places]
    place = next((place for place in places if len(set(called[place])) > 1), 0)
    return f"class {place} is", called[place]
