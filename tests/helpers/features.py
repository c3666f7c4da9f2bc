"""Files of vectors for the data sets of tests: a random projection of each image's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agad.data.features.file import path_of
from agad.data.prepared import Prepared

LENGTH = 5


def projected(images: Any, seed: int = 0) -> NDArray[np.float32]:
    """A vector (N, LENGTH) of each image, a function of its pixels; another one for another seed."""
    flat = images.numpy().reshape(len(images), -1) / 255
    return (flat @ np.random.default_rng(seed).normal(size=(flat.shape[1], LENGTH))).astype(np.float32)


def write_features(root: Path, data: Prepared, name: str = "own", seed: int = 0, **changes: Any) -> Path:
    """The file `file:NAME` of a data set below a data folder; `changes` are other arrays in it, None: left out."""
    arrays = {
        "train": projected(data.train_images, seed),
        "test": projected(data.test_images, seed),
        "train_labels": data.train_labels,
        "test_labels": data.test_labels,
        "data_digest": data.digest,
        **changes,
    }
    path = path_of(root, data.dataset, f"file:{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path
