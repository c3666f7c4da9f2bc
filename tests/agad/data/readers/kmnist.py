"""Kuzushiji-MNIST (Clanuwat et al. 2018): four npz files, each with one array `arr_0`. An example of a new reader."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from agad.data.source import Content, Part, Source, array_part, stamp
from agad.errors import DataError
from agad.spec import datasets

DATASETS = {
    "kmnist": {
        "title": "Kuzushiji-MNIST",
        "class_names": ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        "train_counts": [6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000],
        "channels": 1,
        "layout": "kmnist/kmnist-{train,test}-{imgs,labels}.npz (codh.rois.ac.jp/kmnist)",
    },
}


def find(dataset: str, root: Path) -> Source:
    """The four files below the data root; SourceAbsentError if one is missing."""
    names = datasets.DATASETS[dataset].class_names
    train, test = (
        [root / "kmnist" / f"kmnist-{p}-{kind}.npz" for kind in ("imgs", "labels")] for p in ("train", "test")
    )
    stamps = sorted(stamp(path, root) for path in (*train, *test))
    return Source(tuple(stamps), lambda: Content(1, names, train=_part(*train), test=_part(*test)))


def _part(images: Path, labels: Path) -> Part:
    try:
        with np.load(images) as image_file, np.load(labels) as label_file:
            return array_part(image_file["arr_0"], label_file["arr_0"].astype(np.int64))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{images} and {labels.name} cannot be read: {error}") from None
