"""`folder:NAME`: an image folder of the user's own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from agad.data.source import Source, SourceAbsentError
from agad.data.tree import ImageFile, Tree, subfolders, tree_source
from agad.errors import DataError

PREFIXES = {
    "folder:": {"layout": "NAME/train/CLASS/ and NAME/test/CLASS/, or NAME/CLASS/,", "order": 2},
}

TEST_SHARE = 5
"""Of a tree without train/ and test/, a fifth of each class, rounded down but at least one image, is for testing."""


def find(dataset: str, root: Path) -> Source:
    """The tree NAME below the data root, of `folder:NAME`; SourceAbsentError if it is not there.

    Either NAME/train/CLASS/... and NAME/test/CLASS/..., or NAME/CLASS/... alone, of which a fixed fifth of each class
    becomes the test set. Classes are numbered by their sorted names. A class may be in test/ alone (a kind of anomaly
    that no training ever sees). RGB if any image is stored in colour, grey otherwise.

    Raises DataError for a tree of another kind and for an empty class.
    """
    top = root / dataset.removeprefix("folder:")
    if not top.is_dir():
        raise SourceAbsentError(f"{top} is not a folder")
    tree = Tree(top, root)
    if (top / "train").is_dir() or (top / "test").is_dir():
        names, train, test = _split_tree(tree)
    else:
        names, train, test = _one_tree(tree)
    if len(names) < 2:
        raise DataError(f"{top} has {len(names)} class folders; at least two are needed, one of them normal")
    return tree_source(train, test, names, None, _notes(tree, names, test))


def _split_tree(tree: Tree) -> tuple[tuple[str, ...], list[list[ImageFile]], list[list[ImageFile]]]:
    folders = {part: tree.top / part for part in ("train", "test")}
    for part, folder in folders.items():
        if not folder.is_dir():
            raise DataError(f"{tree.top} has no {part} folder beside the other; it needs train and test, or neither")
        if not subfolders(folder):
            raise DataError(f"{folder} has no class folders")
    parts = {part: {path.name: tree.images(path) for path in subfolders(folders[part])} for part in folders}
    names = tuple(sorted(parts["train"].keys() | parts["test"].keys()))
    train, test = ([parts[part].get(name, []) for name in names] for part in ("train", "test"))
    return names, train, test


def _one_tree(tree: Tree) -> tuple[tuple[str, ...], list[list[ImageFile]], list[list[ImageFile]]]:
    names, train, test = [], [], []
    for path in subfolders(tree.top):
        images = tree.images(path)
        if len(images) < 2:
            raise DataError(f"{path} has one image: too few to train and test on")
        # Of the class's name only, so that renaming the data set or adding a class moves no image.
        seed = hashlib.sha256(f"test images of class {path.name}".encode(errors="surrogateescape")).digest()
        order = np.argsort(np.random.PCG64(int.from_bytes(seed, "big")).random_raw(len(images)), kind="stable")
        chosen = set(order[: max(1, len(images) // TEST_SHARE)].tolist())
        names.append(path.name)
        test.append([image for index, image in enumerate(images) if index in chosen])
        train.append([image for index, image in enumerate(images) if index not in chosen])
    return tuple(names), train, test


def _notes(tree: Tree, names: tuple[str, ...], test: list[list[ImageFile]]) -> tuple[str, ...]:
    untested = [name for name, images in zip(names, test, strict=True) if not images]
    return (*tree.notes(), *(f"class {name} has no test images" for name in untested))
