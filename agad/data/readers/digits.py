"""scikit-learn's digits: 1,797 grey images of 8x8 that come with the library, for demos and tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agad.data.source import Content, Source, array_part
from agad.spec import datasets

DATASETS = {
    "digits": {
        "title": "Digits (8x8)",
        "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        "train_counts": [143, 146, 142, 147, 145, 146, 145, 144, 140, 144],
        "channels": 1,
        "layout": "",
        "order": 1,
    },
}

TEST_EVERY = 5
"""Of each class, in the file's order, every fifth image is a test image: one fixed split for every seed."""


def find(_dataset: str, _root: Path) -> Source:
    """The digits, which need no raw files: there is nothing to stamp."""
    return Source((), _read)


def _read() -> Content:
    # scikit-learn takes a second to import: only preparation pays for it.
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = np.rint(raw.images * (255 / 16)).astype(np.uint8)  # grey levels 0..16
    labels = raw.target.astype(np.int64)
    rank = np.empty_like(labels)
    for label in range(10):
        rank[labels == label] = np.arange(np.count_nonzero(labels == label))
    test = rank % TEST_EVERY == TEST_EVERY - 1
    return Content(
        channels=1,
        class_names=datasets.DATASETS["digits"].class_names,
        train=array_part(images[~test], labels[~test]),
        test=array_part(images[test], labels[test]),
    )
