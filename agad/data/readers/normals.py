"""`normals:NAME`: a folder of images that are all normal; a detector can be trained on it, and has no AUROC."""

from __future__ import annotations

import errno
from pathlib import Path

from agad.data.names import one_line
from agad.data.readers.folder import drawn_split, split_folders, without_masks
from agad.data.source import Source, SourceAbsentError, missing
from agad.data.tree import ImageFile, Tree, tree_source
from agad.errors import DataError

PREFIXES = {
    "normals:": {"layout": "NAME/ with images, all of them normal,", "order": 3},
}

LEAST_IMAGES = 2


def find(dataset: str, root: Path) -> Source:
    """The tree NAME below the data root, of `normals:NAME`; SourceAbsentError if it is not there.

    One class: every image at any depth. It is called after the folder that holds them all, where there is one, else
    `normal`. NAME/train/ and NAME/test/ are recognised as in `folder:NAME`; otherwise a fixed fifth is the test set.
    Raises DataError for a tree without two images, and for one that has images in itself and in its only folder.
    """
    top = root / dataset.removeprefix("normals:")
    if not top.is_dir():
        raise SourceAbsentError(missing(top, NotADirectoryError(errno.ENOTDIR, "there is no such folder")))
    tree, notes = Tree(top, root), list[str]()
    folders = without_masks(tree, top, notes)
    parts = split_folders(top, folders, notes)
    if parts:
        tree.pass_over(top)
        name = _class_name(without_masks(Tree(top, root), parts["train"], []))
        train, test = (tree.images(parts[part]) for part in ("train", "test"))
        for part, images in (("train", train), ("test", test)):
            _check_one_place(parts[part], images)
    else:
        tree = Tree(top, root)  # it lists the folders of masks, too, and counts them once
        name, images = _class_name(folders), tree.images(top)
        _check_one_place(top, images)
        if len(images) < LEAST_IMAGES:
            raise DataError(f"{top} has one image: too few to train and test on")
        train, test = drawn_split(images, name)
    notes.append("every image counts as normal: there are no anomalies to test with")
    return tree_source([train], [test], (name,), None, (*tree.notes(), *notes))


def _class_name(folders: list[Path]) -> str:
    return folders[0].name if len(folders) == 1 else "normal"


def _check_one_place(folder: Path, images: list[ImageFile]) -> None:
    """Refuse images in a folder itself and in its only sub-folder: who sorts out anomalies leaves the normals there."""
    below = [Path(image.path).relative_to(folder).parts for image in images]
    inner = {parts[0] for parts in below if len(parts) > 1}
    here = sum(len(parts) == 1 for parts in below)
    if here and len(inner) == 1:
        name = one_line(inner.pop())
        raise DataError(
            f"{folder} has {here} images of its own and {len(below) - here} in its folder {name}: if those in {name} "
            "are anomalies, move the others into a folder beside it, called good; if all are normal, move all into one"
        )
