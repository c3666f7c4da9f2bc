"""Whether class folders are classes: what is in them may show that they are parts of a split, or groups of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agad.data.names import (
    is_called_anomalous,
    is_called_normal,
    is_image_folder,
    is_mask_folder,
    natural,
    one_line,
    split_part,
)
from agad.data.tree import subfolders
from agad.errors import DataError

_NAMED = 4


def check_nesting(classes: Sequence[Path]) -> None:
    """Refuse class folders that all hold folders of the same names: two such names, or one of a split or a class.

    In `split1/{a,b}` and `split2/{a,b}`, or `camera1/{good,bad}` and `camera2/{good,bad}`, the classes are a step
    deeper. Folders by day or by patient have other names in each class. Class folders without folders do not count.
    """
    inner = {folder: names for folder in classes if (names := _names_in(folder))}
    if len(inner) < 2:
        return
    shared = set.intersection(*inner.values())
    if len(shared) > 1 or any(split_part(name) or is_called(name) for name in shared):
        said = ", ".join(map(one_line, sorted(shared, key=natural)[:_NAMED])) + (", …" if len(shared) > _NAMED else "")
        first, second, *_ = inner
        raise DataError(
            f"{first} and {second.name} hold folders of the same names ({said}): if these are the classes, call the "
            "folders above them train and test, or move the classes up; if not, rename them, so that they differ from "
            "class to class"
        )
    if shared:
        (name,) = shared
        check_nesting([folder / name for folder in inner])


def is_called(name: str) -> bool:
    """Whether a folder's name is one of a class of normals or of anomalies."""
    return is_called_normal(name) or is_called_anomalous(name)


def check_doubled(parts: Mapping[str, Sequence[Path]]) -> None:
    """Refuse `train/train/CLASS` and `test/test/CLASS`, as some archives unpack; a class may be called `train`.

    Args:
        parts: the class folders in the folders of a split.
    """
    classes = [path for found in parts.values() for path in found]
    is_all = all(split_part(path.name) for path in classes)
    for path in classes:
        if split_part(path.name) and (is_all or subfolders(path)):
            raise DataError(
                f"{path} is called like a part of a split, inside of one: move what is in it up into {path.parent}"
            )


def _names_in(folder: Path) -> set[str]:
    names = [path.name for path in subfolders(folder)]
    left = {name for name in names if not is_mask_folder(name, names)}
    return {name for name in left if not is_image_folder(name)} or left
