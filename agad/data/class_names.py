"""The names of a data set's classes, read from the raw files where nothing else knows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agad.data.find import find_source
from agad.spec.class_names import known_class_names
from agad.spec.datasets import DATASETS


def class_names(dataset: str, data_root: Path) -> Sequence[str]:
    """The names by index. Raises DataError, one line, where the raw files of a data set of one's own are not there."""
    if dataset in DATASETS:
        return known_class_names(dataset)
    return find_source(dataset, data_root).read().class_names
