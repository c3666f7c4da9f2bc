"""`normals:NAME`: a folder of images that are all normal; a detector can be trained on it, and has no AUROC."""

from __future__ import annotations

import errno
from pathlib import Path

from agad.data.readers.folder import drawn_split, split_folders, without_masks
from agad.data.source import Source, SourceAbsentError, missing
from agad.data.tree import Tree, tree_source
from agad.errors import DataError

PREFIXES = {
    "normals:": {"layout": "NAME/ with images, all of them normal,", "order": 3},
}

LEAST_IMAGES = 2


def find(dataset: str, root: Path) -> Source:
    """The tree NAME below the data root, of `normals:NAME`; SourceAbsentError if it is not there.

    One class: every image at any depth. It is called after the folder that holds them all, where there is one, else
    `normal`. NAME/train/ and NAME/test/ are recognised as in `folder:NAME`; otherwise a fixed fifth is the test set.
    Raises DataError for a tree without two images.
    """
    top = root / dataset.removeprefix("normals:")
    if not top.is_dir():
        raise SourceAbsentError(missing(top, NotADirectoryError(errno.ENOTDIR, "there is no such folder")))
    tree, notes = Tree(top, root), list[str]()
    folders = without_masks(tree, top, notes)
    parts = split_folders(top, folders, notes)
    if parts:
        name = _class_name(without_masks(tree, parts["train"], []))
        train, test = (tree.images(parts[part]) for part in ("train", "test"))
    else:
        name, images = _class_name(folders), tree.images(top)
        if len(images) < LEAST_IMAGES:
            raise DataError(f"{top} has one image: too few to train and test on")
        train, test = drawn_split(images, name)
    notes.append("every image counts as normal: there are no anomalies to test with")
    return tree_source([train], [test], (name,), None, (*tree.notes(), *notes))


def _class_name(folders: list[Path]) -> str:
    return folders[0].name if len(folders) == 1 else "normal"
