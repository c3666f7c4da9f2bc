"""Versions of a data set: what the rows of it must agree in to be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agad.store.schema import DIGEST_COLUMNS, DataKey

Version = str
"""A digest; or the names of the classes, as JSON."""

CLASSES = "class_names"
"""Stands in a key for image size or file of vectors: a class has one number at all sizes (see analysis.same_data)."""


def versions_of(values: Mapping[str, Any]) -> list[tuple[DataKey, Version]]:
    """Of the values of a row: the versions of its images, of its vectors where it has some, and of its class names."""
    found = [((values["dataset"], values[of]), values[column]) for column, of in DIGEST_COLUMNS.items()]
    named = classes_version(values["dataset"], values.get(CLASSES) or ())
    return [(key, version) for key, version in (*found, named) if version]


def classes_version(dataset: str, names: Sequence[str]) -> tuple[DataKey, Version]:
    """That of a data set's class names, by index; an empty one where none are known."""
    return (dataset, CLASSES), json.dumps(list(names)) if names else ""
