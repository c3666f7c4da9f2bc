"""Whether class folders are classes: what is in them may show that they are parts of a split, or groups of classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from agad.data.names import (
    alike,
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
_ADVICE = (
    "if these are the classes, call the folders above them train and test, or move the classes up; if not, rename "
    "them, so that they differ from class to class"
)

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
    their names: in `split1/{a,b}` and `split2/{a,b}`, or `camera1/{good,bad}` and `camera2/{Good,Bad}`, the classes
    are a step deeper; so they are in `nut/{ok,ng}` and `bolt/{good,bad}`, whose names differ. Where nobody knows, as in
    `real/{left,right}` and `fake/{left,right}`, or `nut/{ok,ng}` beside images of `screw`, they are taken for classes
    with a note, which is returned. Nothing is said of `ok` and `nok`.

    Args:
        classes: the folders that would be the classes.
        is_split: whether they lie in a part of a split, which says that they are the classes unless the folders in them
            are called so.
    """
    inner = [folder for folder in classes if _names_in(folder)]
    shared = _shared_in(inner)
    if len(shared) < 2 and not any(split_part(name) or is_called(name) for name in shared.values()):
        shared = {} if is_split else _repeated_in_parts(inner)
    if shared and _are_nested(classes, inner, shared.values(), is_split=is_split):
        first, second, *_ = _holders(inner, shared)
        which = _some(shared.values())
        raise DataError(f"{first} and {second.name} hold folders of the same names ({which}): {_ADVICE}")
    if any(is_called(folder.name) for folder in classes):
        return _note_on_shared(inner, shared) if any(map(is_called, shared.values())) else []
    called = {folder: names for folder in inner if (names := _called_in(folder))}
    _check_called(called)
    if shared or not called:
        return _note_on_shared(inner, shared)
    first, *more = called
    return [
        f"the class folder {one_line(first.name)} holds folders that are called as classes are ({_some(called[first])})"
        f"{f', and so do {len(more)} others' if more else ''}; they are taken together: if these are the classes, move "
        "them up"
    ]


def _check_called(called: Mapping[Path, Sequence[str]]) -> None:
    """Refuse class folders of which two hold a class of normals beside others: `nut/{ok,ng}` and `bolt/{good,bad}`."""
    mixed = [folder for folder, names in called.items() if len(names) > 1 and any(map(is_called_normal, names))]
    if len(mixed) > 1:
        first, second, *_ = mixed
        which = f"{_some(called[first])}; {_some(called[second])}"
        raise DataError(f"{first} and {second.name} hold folders that are called as classes are ({which}): {_ADVICE}")


def _note_on_shared(inner: Sequence[Path], shared: Mapping[str, str]) -> list[str]:
    if not shared:
        return []
    first, second, *_ = _holders(inner, shared)
    return [
        f"the class folders {one_line(first.name)} and {one_line(second.name)} hold folders of the same names "
        f"({_some(shared.values())}), which are taken together: if these are the classes, move them up"
    ]


def _holders(inner: Sequence[Path], shared: Mapping[str, str]) -> list[Path]:
    """The folders that hold others of shared names, then the rest: the names may be further below."""
    return [folder for folder in inner if shared.keys() & _names_in(folder).keys()] + [*inner]


def _some(names: Iterable[str]) -> str:
    """The first of some names, for a message."""
    found = sorted(names, key=natural)
    return ", ".join(map(one_line, found[:_NAMED])) + (", …" if len(found) > _NAMED else "")


def _called_in(folder: Path) -> list[str]:
    """The folders in one where some are called as classes are, else none; further below where there is a single one."""
    names = list(_names_in(folder).values())
    if any(map(is_called, names)):
        return names
    return _called_in(folder / names[0]) if len(names) == 1 else []


def _are_nested(classes: Sequence[Path], inner: Sequence[Path], shared: Collection[str], *, is_split: bool) -> bool:
    """Whether the folders of `shared` names in the `inner` ones of class folders are likely the classes."""
    if any(map(split_part, shared)):
        return True
    if any(is_called(folder.name) for folder in classes):
        return False
    of_all = len(inner) == len(classes)
    if of_all and any(map(is_called, shared)):
        return True
    return not is_split and _are_parts([folder.name for folder in inner], of_all=of_all)


def _shared_in(folders: Sequence[Path]) -> dict[str, str]:
    """The names that folders are called by in each of these; further below where that is a single common one."""
    if len(folders) < 2:
        return {}
    found = [_names_in(folder) for folder in folders]
    shared = {key: name for key, name in found[0].items() if all(key in names for names in found)}
    if len(shared) == 1:
        ((key, name),) = shared.items()
        if not (split_part(name) or is_called(name)):
            below = [folder / names[key] for folder, names in zip(folders, found, strict=True)]
            return _shared_in([inner for inner in below if _names_in(inner)])
    return shared


def _repeated_in_parts(folders: Sequence[Path]) -> dict[str, str]:
    """Names of folders in several of these, where these are parts of a set by a known word.

    A part may lack a class, as in `fold1/{a,b}` and `fold2/{a,c}`; but one name alone may be of anything, as in
    `site1/2020` and `site2/2020`.
    """
    if not _are_parts([folder.name for folder in folders], of_all=False):
        return {}
    found = [_names_in(folder) for folder in folders]
    if any(len(names) < 2 for names in found):
        return {}
    counts = Counter(chain.from_iterable(found))
    return {key: name for names in reversed(found) for key, name in names.items() if counts[key] > 1}


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


def _names_in(folder: Path) -> dict[str, str]:
    """The folders in one, but those of masks and images: what their names have in common with others' -> the name."""
    names = [path.name for path in subfolders(folder)]
    masks = mask_folders(names)
    left = [name for name in names if name not in masks]
    return {alike(name): name for name in [name for name in left if not is_image_folder(name)] or left}


def check_parts(train: Collection[str], test: Collection[str]) -> None:
    """Refuse a split of which no class of the training part is in the test part by name: their names differ.

    Taken is one class of normals with kinds of anomalies alone to test: no other class may be it.
    """
    if not {*train}.isdisjoint(test):
        return
    known = {alike(name) for name in train}
    may_be = any(is_called_normal(name) or alike(name) in known for name in test)
    if len(train) > 1 or may_be:
        raise DataError(
            f"no class of train has test images: train has {_some(train)}, test has {_some(test)}; call the folders of "
            "a class by the same name in both"
        )
