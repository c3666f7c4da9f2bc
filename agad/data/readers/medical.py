"""The paper's four medical sets (section 5.1), each as its public archive unpacks. Class 0 is the normal one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agad.data.source import Source, SourceAbsentError
from agad.data.tree import ImageFile, Tree, subfolders, tree_source
from agad.errors import DataError
from agad.spec import datasets

# Counts as in section 5.1; the paper's ChestXray and Retinal OCT are Kaggle's editions.
DATASETS = {
    "alzheimer": {
        "title": "Alzheimer's",
        "class_names": ["non demented", "very mild demented", "mild demented", "moderate demented"],
        "train_counts": [2560, 1792, 717, 52],
        "channels": 1,
        "layout": "alzheimer/{train,test}/{NonDemented,VeryMildDemented,MildDemented,ModerateDemented}/ "
        "(Kaggle: tourist55/alzheimers-dataset-4-class-of-images)",
        "order": 6,
    },
    "chest_xray": {
        "title": "ChestXray",
        "class_names": ["normal", "pneumonia"],
        "train_counts": [1341, 3875],
        "channels": 1,
        "layout": "chest_xray/{train,test,val}/{NORMAL,PNEUMONIA}/ (Kaggle: paultimothymooney/chest-xray-pneumonia)",
        "order": 7,
    },
    "lung_histopathology": {
        "title": "Lung Histopathology",
        "class_names": ["benign", "adenocarcinoma", "squamous cell carcinoma"],
        "train_counts": [4500, 4500, 4500],
        "channels": 3,
        "layout": "lung_histopathology/{lung_n,lung_aca,lung_scc}/ (LC25000: lung_colon_image_set/lung_image_sets)",
        "order": 8,
    },
    "retinal_oct": {
        "title": "Retinal OCT",
        "class_names": ["normal", "CNV", "DME", "drusen"],
        "train_counts": [26315, 37205, 11348, 8616],
        "channels": 1,
        "layout": "retinal_oct/{train,test,val}/{NORMAL,CNV,DME,DRUSEN}/ (Kaggle: paultimothymooney/kermany2018)",
        "order": 9,
    },
}

_DEPTH = 3
"""Archives wrap their tree in folders of their own: the number of such levels that are searched."""


@dataclass(frozen=True, slots=True)
class Archive:
    """How a public archive lays out its images.

    Attributes:
        tops: folders below the data root that are searched, the first being the data set's own name.
        folders: the class folders' names in the archive, in the order of the class indices.
        test_parts: folders that together make the test set, the first of which is required; empty: no split.
        test_last: without a split, this many images of each class, the last by name, are the test set.
    """

    tops: tuple[str, ...]
    folders: tuple[str, ...]
    test_parts: tuple[str, ...] = ()
    test_last: int = 0


ARCHIVES = {
    "alzheimer": Archive(
        tops=("alzheimer", "Alzheimer_s Dataset"),
        folders=("NonDemented", "VeryMildDemented", "MildDemented", "ModerateDemented"),
        test_parts=("test",),
    ),
    "chest_xray": Archive(
        tops=("chest_xray", "ChestXRay2017", "ZhangLabData"),
        folders=("NORMAL", "PNEUMONIA"),
        test_parts=("test", "val"),
    ),
    "lung_histopathology": Archive(
        tops=("lung_histopathology", "lung_colon_image_set", "LC25000"),
        folders=("lung_n", "lung_aca", "lung_scc"),
        test_last=500,
    ),
    "retinal_oct": Archive(
        tops=("retinal_oct", "OCT2017", "OCT2017 ", "ZhangLabData"),
        folders=("NORMAL", "CNV", "DME", "DRUSEN"),
        test_parts=("test", "val"),
    ),
}


def find(dataset: str, root: Path) -> Source:
    """The data set's tree below the data root; SourceAbsentError if there is none.

    Raises DataError for a tree without one of its class folders, or with an empty one.
    """
    archive, facts = ARCHIVES[dataset], datasets.DATASETS[dataset]
    top = _top(archive, root)
    if top is None:
        raise SourceAbsentError(f"no such tree in {root}")
    tree = Tree(top, root)
    tree.pass_over(top)
    train, test, notes = _split(archive, tree) if archive.test_parts else _last(archive, tree)
    return tree_source(train, test, facts.class_names, facts.channels, (*tree.notes(), *notes))


def _top(archive: Archive, root: Path) -> Path | None:
    """The folder that holds the split's folders, or the classes': the nearest to the root, first by name."""
    for name in archive.tops:
        level = [root / name] if (root / name).is_dir() else []
        for _ in range(_DEPTH + 1):
            for folder in level:
                if _fits(archive, folder):
                    return folder
            level = [inner for folder in level for inner in subfolders(folder)]
    return None


def _fits(archive: Archive, folder: Path) -> bool:
    classes = _child(folder, "train") if archive.test_parts else folder
    # By an anomalous class: every archive calls its first one "normal". A class that is missing is an error later.
    return classes is not None and any(_child(classes, name) for name in archive.folders[1:])


def _child(folder: Path, name: str) -> Path | None:
    """The folder of that name, whatever its case and blanks at its ends ("OCT2017 "); None if there is none."""
    exact = folder / name
    if exact.is_dir():
        return exact
    return next((path for path in subfolders(folder) if path.name.strip().lower() == name.lower()), None)


def _class_images(tree: Tree, folder: Path, name: str) -> list[ImageFile]:
    classes = _child(folder, name)
    if classes is None:
        raise DataError(f"{folder} has no folder {name}")
    return tree.images(classes)


def _split(archive: Archive, tree: Tree) -> tuple[list[list[ImageFile]], list[list[ImageFile]], list[str]]:
    parts, notes = {}, []
    for part in ("train", *archive.test_parts):
        folder = _child(tree.top, part)
        if folder is not None:
            tree.pass_over(folder)
            parts[part] = [_class_images(tree, folder, name) for name in archive.folders]
        elif part in ("train", archive.test_parts[0]):
            raise DataError(f"{tree.top} has no folder {part}")
        else:
            notes.append(f"there is no {part} folder, which the paper counts among the test images")
    tests = [parts[part] for part in archive.test_parts if part in parts]
    merged = [[file for test in tests for file in test[index]] for index in range(len(archive.folders))]
    return parts["train"], merged, notes


def _last(archive: Archive, tree: Tree) -> tuple[list[list[ImageFile]], list[list[ImageFile]], list[str]]:
    train, test = [], []
    for name in archive.folders:
        images = _class_images(tree, tree.top, name)
        if len(images) <= archive.test_last:
            raise DataError(
                f"{tree.top / name} has {len(images)} images; the last {archive.test_last} by name are test images, "
                "so that none is left to train on"
            )
        train.append(images[: -archive.test_last])
        test.append(images[-archive.test_last :])
    return train, test, []
