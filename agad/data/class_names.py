"""The names of a data set's classes, read from the raw files where nothing else knows them; which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agad.data.find import find_source
from agad.data.names import is_called_normal, one_line
from agad.errors import DataError
from agad.spec.class_names import class_index, known_class_names
from agad.spec.datasets import DATASETS


def class_names(dataset: str, data_root: Path) -> Sequence[str]:
    """The names by index. Raises DataError, one line, where the raw files of a data set of one's own are not there."""
    if dataset in DATASETS:
        return known_class_names(dataset)
    return find_source(dataset, data_root).read().class_names


def check_declared(dataset: str, found: Sequence[str], where: str, what_to_do: str) -> None:
    """Raise DataError where a data set's classes are not those of its DATASETS, in that order.

    Classes are chosen and printed by the declared names, and trained by the index that the reader gives them.

    Args:
        dataset: its name; of one that no DATASETS declares there is nothing to check.
        found: its classes by index.
        where: they were found, for the message.
        what_to_do: likewise.
    """
    declared = DATASETS[dataset].class_names if dataset in DATASETS else found
    if tuple(declared) != tuple(found):
        raise DataError(
            f"{dataset}: {where} the classes {one_line(', '.join(found))}, its DATASETS has "
            f"{one_line(', '.join(declared))}; {what_to_do}"
        )


def named_class(wanted: str, names: Sequence[str], dataset: str) -> int:
    """The index of the class that is called so; where none is, a whole number is an index.

    A name stands before an index: of folders called 1, 2 and 3, `1` is the first. Raises SpecError, one line that lists
    the classes, for what is neither.
    """
    is_index = wanted not in names and wanted.isdecimal() and int(wanted) < len(names)
    return int(wanted) if is_index else class_index(wanted, names, dataset)


def notes_on_normal(names: Sequence[str], normal: int, wanted: str | None) -> list[str]:
    """What else may have been meant by the normal class, a sentence each: an index, or another that is called so.

    Args:
        names: the classes by index.
        normal: index of the normal class.
        wanted: what the user called it; None: nothing.
    """
    notes = list[str]()
    if wanted is not None and wanted.isdecimal() and int(wanted) < len(names) and int(wanted) != normal:
        notes.append(f"--normal {wanted} is the class of that name; the class of that index is {names[int(wanted)]}")
    notes += [
        f"images of class {name} count as anomalies, though it is called so"
        for index, name in enumerate(names)
        if index != normal and is_called_normal(name)
    ]
    return [one_line(note) for note in notes]
