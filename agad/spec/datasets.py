"""What is known of each data set without reading it.

The facts stand with the readers, in literals at the head of each file of agad/data/readers. They are read from there
without importing the readers, so that a plan is checked and counted without data and without numpy.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agad.errors import SpecError
from agad.spec.literals import literals, record

_READERS = Path(__file__).parents[1] / "data" / "readers"
_LAST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixFacts:
    """Facts of the data sets of the user's own that share a prefix, such as `npz:` in `npz:NAME`.

    Attributes:
        reader: the module in agad/data/readers that reads them.
        layout: what to put below the data root, for messages; NAME stands for what follows the prefix.
        order: where they stand in lists; those without an order come last, by name.
    """

    reader: str
    layout: str
    order: int = _LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """Facts of one data set.

    Attributes:
        title: the name as tables print it.
        class_names: one name per class index.
        train_counts: training images per class as published; None where that is not certain.
        channels: 1 (grey) or 3 (RGB).
        reader: the module in agad/data/readers that reads it.
        layout: what to put below the data root, for messages; empty where a library brings the images.
        torchvision: the class of torchvision.datasets that downloads it; empty where there is none.
        order: where it stands in lists; those without an order come last, by name.
    """

    title: str
    class_names: tuple[str, ...]
    train_counts: tuple[int, ...] | None
    channels: int
    reader: str
    layout: str
    torchvision: str = ""
    order: int = _LAST


_Facts = TypeVar("_Facts", PrefixFacts, DatasetFacts)


class _Declared(Mapping[str, _Facts]):
    """What the readers declare, read when first used: so a mistake in one is an error of the command, in one line."""

    def __init__(self, constant: str, kind: type[_Facts]) -> None:
        self._constant = constant
        self._kind: type[_Facts] = kind

    @functools.cached_property
    def _found(self) -> dict[str, _Facts]:
        """The entries of all readers' constants of that name, in the order of lists."""
        found: dict[str, _Facts] = {}
        for reader, entries in literals(_READERS, self._constant).items():
            for name, values in entries.items():
                where = f"{_READERS / reader}.py: {self._constant}[{name!r}]"
                if name in found:
                    raise SpecError(f"{where} is declared in {found[name].reader}.py already")
                found[name] = record(self._kind, where, values, reader=reader)
                self._check(where, found[name])
        return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))

    @staticmethod
    def _check(where: str, facts: _Facts) -> None:
        counts = facts.train_counts if isinstance(facts, DatasetFacts) else None
        if isinstance(facts, DatasetFacts) and counts is not None and len(counts) != len(facts.class_names):
            raise SpecError(f"{where}: {len(counts)} train_counts for {len(facts.class_names)} class_names")

    def __getitem__(self, name: str) -> _Facts:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


DATASETS: Mapping[str, DatasetFacts] = _Declared("DATASETS", DatasetFacts)
"""The facts of each named data set."""

PREFIXES: Mapping[str, PrefixFacts] = _Declared("PREFIXES", PrefixFacts)
"""The facts of the user's own data sets, by the prefix of their names, which ends in a colon."""


def facts_of(dataset: str) -> DatasetFacts | PrefixFacts | None:
    """The facts of a named data set, or of the prefix of a well-formed name; None for any other name."""
    if dataset in DATASETS:
        return DATASETS[dataset]
    prefix, colon, name = dataset.partition(":")
    return PREFIXES.get(prefix + colon) if is_plain_name(name) else None


def is_known(dataset: str) -> bool:
    """Whether `dataset` names a built-in set or a well-formed one of the user's own."""
    return facts_of(dataset) is not None


def legal_names() -> str:
    """The names that a data set can have, for messages."""
    return ", ".join((*DATASETS, *(f"{prefix}NAME" for prefix in PREFIXES)))


def unknown(dataset: str) -> str:
    """Why a name is none of a data set, for messages."""
    prefix, colon, name = dataset.partition(":")
    if prefix + colon in PREFIXES:
        return (
            f"unknown dataset {dataset!r}: {name!r} must begin with a letter or digit and have letters, digits, _, - "
            "and dots only; rename the file or folder"
        )
    return f"unknown dataset {dataset!r}; choose from: {legal_names()}"


def is_plain_name(name: str) -> bool:
    """Whether `name` is safe as one path component (letters, digits, `_`, `-` and inner dots)."""
    return bool(name) and name[0].isalnum() and all(c.isalnum() or c in "_-." for c in name)


def title(dataset: str) -> str:
    """The data set's name as tables print it; its own name where nothing is known of it."""
    facts = DATASETS.get(dataset)
    return facts.title if facts else dataset
