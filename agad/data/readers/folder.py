"""`folder:NAME`: an image folder of the user's own."""

from __future__ import annotations

import errno
import hashlib
import re
from pathlib import Path

import numpy as np

from agad.data.checks.masks import sort_out
from agad.data.checks.nesting import check_doubled, check_nesting, check_parts
from agad.data.names import (
    is_called_mask,
    is_like_split,
    is_short_part,
    look_alikes,
    mask_folders,
    natural,
    one_line,
    split_part,
    split_parts,
)
from agad.data.source import Source, SourceAbsentError, missing
from agad.data.tree import ImageFile, Tree, scan, subfolders, tree_source
from agad.errors import DataError

PREFIXES = {
    "folder:": {"layout": "NAME/train/CLASS/ and NAME/test/CLASS/, or NAME/CLASS/,", "order": 2},
}


class OneClassError(DataError):
    """A tree of fewer than two classes: nothing in it is anomalous."""


TEST_SHARE = 5
"""Of a tree without train/ and test/, a fifth of each class, rounded down but at least one image, is for testing."""


def find(dataset: str, root: Path) -> Source:
    """The tree NAME below the data root, of `folder:NAME`; SourceAbsentError if it is not there.

    Either NAME/train/CLASS/... and NAME/test/CLASS/..., or NAME/CLASS/... alone, of which a fixed fifth of each class
    becomes the test set. `train` and `test` may be written in any case and in their other usual spellings; without a
    test folder, one for validation is the test set. Classes are numbered by their names, sorted as people count. A
    class may be in test/ alone (a kind of anomaly that no training ever sees). RGB if any image is stored in colour,
    grey otherwise.

    Raises DataError for a tree of another kind, for an empty class, for a folder that looks like a part of a split and
    is none that is known, for class folders that look like something else than classes, for a broken link in the place
    of one, and for a split whose parts have no class in common.
    """
    top = root / dataset.removeprefix("folder:")
    if not top.is_dir():
        raise SourceAbsentError(missing(top, NotADirectoryError(errno.ENOTDIR, "there is no such folder")))
    tree = Tree(top, root)
    notes: list[str] = []
    _check_links(tree, top)
    folders = without_masks(tree, tree.top, notes)
    parts = split_folders(top, folders, notes)
    for folder in (top, *parts.values()):
        tree.pass_over(folder)
    for folder in parts.values():
        _check_links(tree, folder)
    names, train, test = _split_tree(tree, parts, notes) if parts else _one_tree(tree, folders, notes)
    if len(names) < 2:
        left = (
            f" ({', '.join(map(one_line, tree.left_out.mask_folders))} left out as masks)"
            if tree.left_out.mask_folders
            else ""
        )
        raise OneClassError(f"{top} has {len(names)} class folders{left}; at least two are needed, one of them normal")
    notes += [f"class {one_line(name)} has no test images" for name, of in zip(names, test, strict=True) if not of]
    notes += [f"classes that look alike, are they one? {', '.join(map(ascii, of))}" for of in look_alikes(names)]
    return tree_source(train, test, names, None, (*tree.notes(), *notes))


def without_masks(tree: Tree, folder: Path, notes: list[str]) -> list[Path]:
    """The folders in a folder of the tree, but those of masks, and of what agad itself wrote."""
    folders = [path for path in subfolders(folder) if not tree.leave_out_written(path)]
    masks, doubted = sort_out(folders)
    for path in masks:
        count, name = tree.leave_out(path), one_line(path.relative_to(tree.top).as_posix())
        tree.left_out.mask_folders.append(name)
        notes.append(f"the folder {name} ({count} images) is left out: by its name it holds masks")
    if not split_parts(path.name for path in folders):  # what is beside train and test is not used
        tree.left_out.doubted += [path.relative_to(tree.top).as_posix() for path in doubted]
    return [path for path in folders if path not in masks]


def split_folders(top: Path, folders: list[Path], notes: list[str]) -> dict[str, Path]:
    """`train` and `test` -> the folder; empty where the tree is not split."""
    found: dict[str, Path] = {}
    parts = split_parts(path.name for path in folders)
    for path in folders:
        part = parts.get(path.name)
        if part in found:
            raise DataError(f"{top} has both {found[part].name} and {path.name}; it needs one folder of each part")
        if part:
            found[part] = path
        elif is_like_split(path.name):
            raise DataError(
                f"{path} looks like a part of a split, but is not called train, test or validation: rename it (a class "
                "needs a name without such a word), or move it out of the data set"
            )
    unused = [path.name for path in folders if path not in found.values()]
    if found and "test" not in found and "validation" in found:
        found["test"] = found.pop("validation")
        notes.append(f"there is no test folder: the images in {one_line(found['test'].name)} are the test set")
    if found and not found.keys() >= {"train", "test"}:
        lacking = "train" if "train" not in found else "test"
        raise DataError(f"{top} has no {lacking} folder beside the other; it needs train and test, or neither")
    if found and unused:
        notes.append(f"folders beside train and test are not used: {', '.join(map(one_line, unused))}")
    if "validation" in found:
        notes.append(f"the images in {one_line(found.pop('validation').name)} are not used")
    return {part: found[part] for part in ("train", "test")} if found else {}


def _split_tree(
    tree: Tree, folders: dict[str, Path], notes: list[str]
) -> tuple[tuple[str, ...], list[list[ImageFile]], list[list[ImageFile]]]:
    classes = {part: without_masks(tree, folder, notes) for part, folder in folders.items()}
    for part, found in classes.items():
        if not found:
            may_be_classes = any(map(is_short_part, names := [folder.name for folder in folders.values()]))
            how = f" ({' and '.join(names)} are taken for train and test)" if {*names} != {"train", "test"} else ""
            advice = ": call them train and test if they are, or give them longer names if they are classes"
            kind = DataError if any(classes.values()) or may_be_classes else OneClassError
            raise kind(f"{folders[part]} has no class folders{how}{advice if may_be_classes else ''}")
    check_doubled(classes)
    parts = {part: {path.name: tree.images(path) for path in found} for part, found in classes.items()}
    notes += dict.fromkeys(note for found in classes.values() for note in check_nesting(found, is_split=True))
    check_parts(parts["train"].keys(), parts["test"].keys())
    names = sorted(parts["train"].keys() | parts["test"].keys(), key=natural)
    train, test = ([parts[part].get(name, []) for name in names] for part in ("train", "test"))
    return tuple(names), train, test


def _one_tree(
    tree: Tree, folders: list[Path], notes: list[str]
) -> tuple[tuple[str, ...], list[list[ImageFile]], list[list[ImageFile]]]:
    names: list[str] = []
    train: list[list[ImageFile]] = []
    test: list[list[ImageFile]] = []
    _check_wrapped(tree.top, folders)
    for path in folders:
        images = tree.images(path)
        if len(images) < 2:
            raise DataError(f"{path} has one image: too few to train and test on")
        names.append(path.name)
        for part, drawn in zip((train, test), drawn_split(images, path.name), strict=True):
            part.append(drawn)
    notes += check_nesting(folders)
    return tuple(names), train, test


def drawn_split(images: list[ImageFile], class_name: str) -> tuple[list[ImageFile], list[ImageFile]]:
    """The training images and the test images of a class that is not split: a fixed draw."""
    # Of the class's name only, so that renaming the data set or adding a class moves no image.
    seed = hashlib.sha256(f"test images of class {class_name}".encode(errors="surrogateescape")).digest()
    order = np.argsort(np.random.PCG64(int.from_bytes(seed, "big")).random_raw(len(images)), kind="stable")
    chosen = set(order[: max(1, len(images) // TEST_SHARE)].tolist())
    train = [image for index, image in enumerate(images) if index not in chosen]
    return train, [image for index, image in enumerate(images) if index in chosen]


def _check_links(tree: Tree, folder: Path) -> None:
    """Refuse a broken link in the place of a class or part, which would be missing in silence; others are counted.

    Others are called as files or masks are, or lie beside train and test.
    """
    links = (Path(entry.path) for entry in scan(folder) if entry.is_symlink())
    broken = sorted(path for path in links if not path.exists())
    known = split_parts(path.name for path in (*subfolders(folder), *broken)) if broken else {}
    for path in broken:
        is_file = re.fullmatch(r"\.[A-Za-z]\w{0,4}", path.suffix)
        is_beside = folder == tree.top and known and path.name not in known
        if not (is_file or is_beside or is_called_mask(path.name) or mask_folders([path.name])):
            raise DataError(
                f"{folder / one_line(path.name)} is a link to {one_line(str(path.readlink()))}, which is not there: "
                "mend the link, or remove it"
            )
        tree.left_out.broken += 1


def _check_wrapped(top: Path, folders: list[Path]) -> None:
    """Refuse a tree that lies in a folder of its own, as archives unpack it, by that folder's name."""
    if len(folders) == 1 and (inner := subfolders(folders[0])):
        deeper = folders[0]
        while len(inner) == 1 and not split_part(inner[0].name) and (further := subfolders(inner[0])):
            deeper, inner = inner[0], further
        raise DataError(
            f"{top} holds one folder alone; the data set seems to begin in {deeper} "
            f"({', '.join(path.name for path in inner[:4])}): move its folders up into {top}"
        )
