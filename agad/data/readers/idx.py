"""MNIST and Fashion-MNIST: the four idx files that torchvision.datasets downloads to <root>/<its class>/raw."""

from __future__ import annotations

import hashlib
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.source import Content, Source, array_part, stamp
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
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class _Published:
    """The published files of one part.

    Attributes:
        images: MD5 of the file of the images.
        labels: MD5 of the file of the labels.
        content: see _content; it does not depend on the order of the images.
    """

    images: str
    labels: str
    content: str


_PUBLISHED = {
    "mnist": {
        "train": _Published(
            "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624", "417b7bdebc94f2acf59f8168d816afb6"
        ),
        "test": _Published(
            "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637", "be8d4c589c15fca6273f5d548dc681dc"
        ),
    },
    "fashion_mnist": {
        "train": _Published(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9", "a897a5e766517ce05171a87ed4441254"
        ),
        "test": _Published(
            "8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965", "384d18945ff4c24037c319d1b3dc123a"
        ),
    },
}


def find(dataset: str, root: Path) -> Source:
    """The data set's idx files below the data root; SourceAbsentError if one is missing."""
    facts = datasets.DATASETS[dataset]
    folder = root / facts.torchvision / "raw"
    paths = {part: (_images(folder, part), _labels(folder, part)) for part in _PREFIXES}
    stamps = [stamp(path, root) for pair in paths.values() for path in pair]
    return Source(tuple(sorted(stamps)), lambda: _read(dataset, paths))


def _read(dataset: str, paths: dict[str, tuple[Path, Path]]) -> Content:
    names = datasets.DATASETS[dataset].class_names
    arrays = {part: _read_part(*pair, classes=len(names)) for part, pair in paths.items()}
    notes = [note for part in arrays if (note := _difference(_PUBLISHED[dataset][part], paths[part], *arrays[part]))]
    train, test = (array_part(*arrays[part]) for part in ("train", "test"))
    return Content(channels=1, class_names=names, train=train, test=test, notes=tuple(notes))


def _difference(
    published: _Published, paths: tuple[Path, Path], images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> str:
    """A sentence where the files of a part are not the published ones; empty where they are."""
    if [_md5(path) for path in paths] == [published.images, published.labels]:
        return ""
    names = " and ".join(path.name for path in paths)
    if _content(images, labels) == published.content:
        return f"{names} hold the published images and labels in another order"
    return f"{names} are not the published files, and hold other images or labels"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _content(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> str:
    """32 hexadecimal digits over the images with their labels, whatever their order."""
    pairs = zip(images, labels.tolist(), strict=True)
    each = sorted(hashlib.blake2b(image.tobytes() + bytes([label]), digest_size=16).digest() for image, label in pairs)
    return hashlib.blake2b(b"".join(each), digest_size=16).hexdigest()


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an idx file of unsigned bytes.

    Format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type, the number of dimensions, each dimension as a
    big-endian 32-bit integer, then the bytes. Raises DataError for anything else, a truncated file above all.
    """
    start = 4 * (1 + dimensions)
    try:
        with path.open("rb") as file:
            head, size = file.read(start), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if head[:2] == _GZIP:
        raise DataError(f"{path} is compressed by gzip: rename it to {path.name}.gz and unpack it (gunzip)")
    if len(head) < start or head[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]):
        raise DataError(f"{path} is not an idx file of bytes in {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if size != start + math.prod(shape):
        raise DataError(
            f"{path} has {size} bytes, its header says {start + math.prod(shape)}: truncated or damaged; "
            "delete it and download it again"
        )
    if 0 in shape:
        return np.empty(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", offset=start, shape=shape)  # a header cannot make it take memory


def _read_part(image_path: Path, label_path: Path, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if len(images) != len(labels):
        raise DataError(f"{image_path} has {len(images)} images, {label_path.name} has {len(labels)} labels")
    if images.shape[1] == 0 or images.shape[2] == 0:
        raise DataError(f"{image_path}: its images have no pixels")
    if len(labels) and labels.max() >= classes:
        raise DataError(f"{label_path}: label {labels.max()} is outside 0..{classes - 1}")
    return images, labels.astype(np.int64)


def _images(folder: Path, part: str) -> Path:
    return folder / f"{_PREFIXES[part]}-images-idx3-ubyte"


def _labels(folder: Path, part: str) -> Path:
    return folder / f"{_PREFIXES[part]}-labels-idx1-ubyte"
