"""Whether class folders are classes: what is in them may show that they are parts of a split, or groups of classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from agad.data.names import (
    is_called_anomalous,
    is_called_normal,
    is_image_folder,
    mask_folders,
    natural,
    one_line,
    split_part,
)
from agad.data.tree import subfolders
from agad.errors import DataError

_NAMED = 4

_PARTS = {
    *("tr", "te", "ts", "query", "gallery", "probe", "source", "target", "fold", "split", "part", "subset", "chunk"),
    *("cam", "camera", "sensor", "site", "station", "session", "batch", "run"),
}
"""Words for parts of a set, whether numbered or not; no kind of thing that a class is named by."""
_KINDS = {"class", "type", "kind", "category", "label", "grade", "stage", "level", "defect", "subtype"}
"""Words that are numbered where classes have no names of their own."""


def check_nesting(classes: Sequence[Path], *, is_split: bool = False) -> list[str]:
    """Refuse class folders that hold folders of the same names, where these are likely the classes.

    They are where they are called so (`good`) and those above are not, and where those above are parts of a set by
    their names: in `split1/{a,b}` and `split2/{a,b}`, or `camera1/{good,bad}` and `camera2/{good,bad}`, the classes
    are a step deeper. Where nobody knows, as in `real/{left,right}` and `fake/{left,right}`, they are taken for classes
    with a note, which is returned. Nothing is said of `ok` and `nok`.

    Args:
        classes: the folders that would be the classes.
        is_split: whether they lie in a part of a split, which says that they are the classes unless the folders in them
            are called so.
    """
    inner = [folder for folder in classes if _names_in(folder)]
    shared = _shared_in(inner)
    if len(shared) < 2 and not any(split_part(name) or is_called(name) for name in shared):
        shared = set() if is_split else _repeated_in_parts(inner)
    if not shared:
        return []
    names = ", ".join(map(one_line, sorted(shared, key=natural)[:_NAMED])) + (", …" if len(shared) > _NAMED else "")
    first, second, *_ = [folder for folder in inner if shared & _names_in(folder)] + inner
    if _are_nested(classes, inner, shared, is_split=is_split):
        raise DataError(
            f"{first} and {second.name} hold folders of the same names ({names}): if these are the classes, call the "
            "folders above them train and test, or move the classes up; if not, rename them, so that they differ from "
            "class to class"
        )
    if any(is_called(folder.name) for folder in classes) and not any(map(is_called, shared)):
        return []
    return [
        f"the class folders {one_line(first.name)} and {one_line(second.name)} hold folders of the same names "
        f"({names}), which are taken together: if these are the classes, move them up"
    ]


def _are_nested(classes: Sequence[Path], inner: Sequence[Path], shared: set[str], *, is_split: bool) -> bool:
    """Whether the folders of `shared` names in the `inner` ones of class folders are likely the classes."""
    if any(map(split_part, shared)):
        return True
    if any(is_called(folder.name) for folder in classes):
        return False
    of_all = len(inner) == len(classes)
    if of_all and any(map(is_called, shared)):
        return True
    return not is_split and _are_parts([folder.name for folder in inner], of_all=of_all)


def _shared_in(folders: Sequence[Path]) -> set[str]:
    """The names that folders are called by in each of these; further below where that is a single common one."""
    if len(folders) < 2:
        return set()
    shared = set.intersection(*map(_names_in, folders))
    if len(shared) == 1:
        (name,) = shared
        if not (split_part(name) or is_called(name)):
            return _shared_in([inner for folder in folders if _names_in(inner := folder / name)])
    return shared


def _repeated_in_parts(folders: Sequence[Path]) -> set[str]:
    """Names of folders in several of these, where these are parts of a set by a known word.

    A part may lack a class, as in `fold1/{a,b}` and `fold2/{a,c}`; but one name alone may be of anything, as in
    `site1/2020` and `site2/2020`.
    """
    if not _are_parts([folder.name for folder in folders], of_all=False):
        return set()
    found = [_names_in(folder) for folder in folders]
    if any(len(names) < 2 for names in found):
        return set()
    return {name for name, count in Counter(chain.from_iterable(found)).items() if count > 1}


def _are_parts(names: Sequence[str], *, of_all: bool) -> bool:
    """Whether folders are parts of a set by their names: known words for such; of all class folders, a numbered one."""
    stems = {re.sub(r"[\W_]*\d+$", "", name).lower() for name in names}
    if stems <= _PARTS:
        return True
    is_numbered = all(name[-1].isdigit() for name in names)
    return of_all and is_numbered and len(stems) == 1 and not stems & {"", *_KINDS}


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
    left = {*names} - mask_folders(names)
    return {name for name in left if not is_image_folder(name)} or left
