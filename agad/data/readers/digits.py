"""scikit-learn's digits: 1,797 grey images of 8x8 that come with the library, for demos and tests."""

from __future__ import annotations

import numpy as np

from agad.data.source import Content, Source, array_part

TEST_EVERY = 5
"""Of each class, in the file's order, every fifth image is a test image: one fixed split for every seed."""


def find_digits() -> Source:
    """The digits; nothing needs to be on disk, so that nothing is stamped."""
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
        class_names=tuple(str(label) for label in range(10)),
        train=array_part(images[~test], labels[~test]),
        test=array_part(images[test], labels[test]),
    )
