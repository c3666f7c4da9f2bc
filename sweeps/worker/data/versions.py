"""What is said where rows are of different versions of one data set, and cannot share a table."""

from __future__ import annotations

import json

from agad.data.names import one_line
from agad.store.schema import DataKey
from agad.store.versions import CLASSES, Version


def name_of(key: DataKey) -> str:
    """For messages: `cifar10`, or `cifar10 file:NAME`."""
    return " ".join(part for part in key if isinstance(part, str) and part != CLASSES)


def is_of_classes(key: DataKey) -> bool:
    """Whether the key is one of class names."""
    return key[1] == CLASSES


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
