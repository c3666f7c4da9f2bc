"""MNIST and Fashion-MNIST: the four idx files that torchvision.datasets downloads to <root>/<its class>/raw."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.source import Content, Part, Source, array_part, stamp
from agad.errors import DataError
from agad.spec import datasets

DATASETS = {
    "mnist": {
        "title": "MNIST",
        "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        "train_counts": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "channels": 1,
        "layout": "torchvision's MNIST/raw",
        "torchvision": "MNIST",
        "order": 2,
    },
    "fashion_mnist": {
        "title": "Fashion-MNIST",
        "class_names": [
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        "train_counts": [6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000],
        "channels": 1,
        "layout": "torchvision's FashionMNIST/raw",
        "torchvision": "FashionMNIST",
        "order": 3,
    },
}

_UNSIGNED_BYTES = 0x08
_PREFIXES = {"train": "train", "test": "t10k"}


def find(dataset: str, root: Path) -> Source:
    """The data set's idx files below the data root; SourceAbsentError if one is missing."""
    facts = datasets.DATASETS[dataset]
    folder = root / facts.torchvision / "raw"
    paths = {part: (_images(folder, part), _labels(folder, part)) for part in _PREFIXES}
    stamps = [stamp(path, root) for pair in paths.values() for path in pair]
    return Source(
        tuple(sorted(stamps)),
        lambda: Content(
            channels=1,
            class_names=facts.class_names,
            train=_read_part(*paths["train"], classes=len(facts.class_names)),
            test=_read_part(*paths["test"], classes=len(facts.class_names)),
        ),
    )


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an idx file of unsigned bytes.

    Format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type, the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the bytes. Raises DataError for anything else, a truncated file above all.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    start = 4 * (1 + dimensions)
    if len(blob) < start or blob[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]):
        raise DataError(f"{path} is not an idx file of bytes in {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", blob[4:start])
    if len(blob) != start + math.prod(shape):
        raise DataError(
            f"{path} has {len(blob)} bytes, its header says {start + math.prod(shape)}: truncated or damaged; "
            "delete it and download it again"
        )
    return np.frombuffer(blob, np.uint8, offset=start).reshape(shape)


def _read_part(image_path: Path, label_path: Path, classes: int) -> Part:
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if len(images) != len(labels):
        raise DataError(f"{image_path} has {len(images)} images, {label_path.name} has {len(labels)} labels")
    if images.shape[1] == 0 or images.shape[2] == 0:
        raise DataError(f"{image_path}: its images have no pixels")
    if len(labels) and labels.max() >= classes:
        raise DataError(f"{label_path}: label {labels.max()} is outside 0..{classes - 1}")
    return array_part(images, labels.astype(np.int64))


def _images(folder: Path, part: str) -> Path:
    return folder / f"{_PREFIXES[part]}-images-idx3-ubyte"


def _labels(folder: Path, part: str) -> Path:
    return folder / f"{_PREFIXES[part]}-labels-idx1-ubyte"
