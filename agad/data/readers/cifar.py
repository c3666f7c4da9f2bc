"""CIFAR-10 and CIFAR-100 (20 coarse classes): the Python batches that torchvision.datasets downloads to <root>.

CIFAR-10 is also read from cifar10.npz, where there are no batches.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agad.data.readers.npz import npz_source
from agad.data.source import Content, Part, Source, array_part, stamp
from agad.errors import DataError
from agad.spec import datasets

DATASETS = {
    "cifar10": {
        "title": "CIFAR-10",
        "class_names": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        "train_counts": [5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000, 5000],
        "channels": 3,
        "layout": "torchvision's cifar-10-batches-py or cifar10.npz",
        "torchvision": "CIFAR10",
        "order": 4,
    },
    "cifar100": {
        "title": "CIFAR-100",
        "class_names": [  # the 20 superclasses, in the order of the file's coarse labels
            "aquatic mammals", "fish", "flowers", "food containers", "fruit and vegetables",
            "household electrical devices", "household furniture", "insects", "large carnivores",
            "large man-made outdoor things", "large natural outdoor scenes", "large omnivores and herbivores",
            "medium-sized mammals", "non-insect invertebrates", "people", "reptiles", "small mammals", "trees",
            "vehicles 1", "vehicles 2",
        ],
        "train_counts": [
            2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500,
            2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500, 2500,
        ],
        "channels": 3,
        "layout": "torchvision's cifar-100-python",
        "torchvision": "CIFAR100",
        "order": 5,
    },
}  # fmt: skip


UNPUBLISHED = "AGAD_UNPUBLISHED_CIFAR"
"""Environment variable: 1 has batches read that are not the published files. They are pickles of an unknown writer."""


@dataclass(frozen=True, slots=True)
class _Release:
    """One published release: its folder, the key of the labels, and the MD5 of each file (torchvision's list)."""

    folder: str
    label_key: str
    train: dict[str, str]
    test: dict[str, str]


_RELEASES = {
    "cifar10": _Release(
        "cifar-10-batches-py",
        "labels",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        {"test_batch": "40351d587109b95175f43aff81a1287e"},
    ),
    "cifar100": _Release(
        "cifar-100-python",
        "coarse_labels",
        {"train": "16019d7e3df5f24257cddd939b257f8d"},
        {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    ),
}


def find(dataset: str, root: Path) -> Source:
    """The data set's batches below the data root, or its npz; SourceAbsentError if a file is missing."""
    release = _RELEASES[dataset]
    folder, npz = root / release.folder, root / f"{dataset}.npz"
    if dataset == "cifar10" and not folder.exists() and npz.exists():
        notes = ("cifar10.npz is no published file: its images are not compared with the published ones",)
        return npz_source(npz, root, datasets.DATASETS[dataset].class_names, notes)
    stamps = [stamp(folder / name, root) for name in (*release.train, *release.test)]
    return Source(tuple(sorted(stamps)), lambda: _read(dataset, release, folder))


def _read(dataset: str, release: _Release, folder: Path) -> Content:
    names = datasets.DATASETS[dataset].class_names
    notes: list[str] = []
    train, test = (
        _read_part(folder, files, release.label_key, len(names), notes) for files in (release.train, release.test)
    )
    return Content(channels=3, class_names=names, train=train, test=test, notes=tuple(notes))


def _read_part(folder: Path, files: dict[str, str], key: str, classes: int, notes: list[str]) -> Part:
    images, labels = [], []
    for name, md5 in files.items():
        path = folder / name
        blob = _bytes(path)
        if hashlib.md5(blob, usedforsecurity=False).hexdigest() != md5:
            if os.environ.get(UNPUBLISHED) != "1":
                raise DataError(
                    f"{path} is not the published file (its MD5 is not {md5}): truncated, changed or pickled again; "
                    f"download it again, save the arrays as an npz ({_NPZ_ADVICE}), or set {UNPUBLISHED}=1 to read it"
                )
            notes.append(f"{path.name} is not the published file: its MD5 is not {md5}")
        batch_images, batch_labels = _batch(path, blob, key, classes)
        images.append(batch_images)
        labels.append(batch_labels)
    return array_part(np.concatenate(images), np.concatenate(labels))


def _batch(path: Path, blob: bytes, key: str, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, 32, 32, 3) and labels (N,) of one batch file."""
    batch = _unpickle(path, blob)
    data, raw_labels = batch.get("data"), batch.get(key)
    if isinstance(data, _Array):
        data = data.value
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072:
        raise DataError(f"{path}: `data` is not (N, 3072) of uint8")
    if not isinstance(raw_labels, list) or not all(type(label) is int for label in raw_labels):
        raise DataError(f"{path}: `{key}` is not a list of integers")
    if len(raw_labels) != len(data):
        raise DataError(f"{path}: {len(data)} images, but {len(raw_labels)} labels")
    labels = np.array(raw_labels, dtype=np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(f"{path}: a label is outside 0..{classes - 1}")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


class _Type:
    """Stands for numpy's dtype in a pickle; only that of bytes can be made an array of."""

    def __init__(self, code: object, *_flags: object) -> None:
        self.is_bytes = code in ("u1", "|u1", "uint8")

    def __setstate__(self, _state: object) -> None:
        """Byte order, fields and flags: bytes have none."""


class _Array:
    """Stands for numpy's array in a pickle: numpy would believe whatever state the pickle gives it."""

    value: NDArray[np.uint8]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, kind, is_fortran, content = state
        if not isinstance(kind, _Type) or not kind.is_bytes:
            raise pickle.UnpicklingError("an array in it is not of uint8")
        blob = content.encode("latin1") if isinstance(content, str) else content
        self.value = np.frombuffer(blob, np.uint8).reshape(shape, order="F" if is_fortran else "C")


class _ArraysOnly(pickle.Unpickler):
    """Loads dicts, lists, numbers, texts and arrays of uint8; any other pickle could run code of its writer's."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
            "ndarray": ("numpy",),
            "dtype": ("numpy",),
            "encode": ("_codecs",),
        }
        if module not in known.get(name, ()):
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which the published files do not: it was pickled again; {_NPZ_ADVICE}"
            )
        return _CALLABLES[name]


_NPZ_ADVICE = "as docs/data.md says of npz:NAME"

_CALLABLES: dict[str, Any] = {
    "_reconstruct": lambda *_arguments: _Array(),
    "ndarray": None,
    "dtype": _Type,
    "encode": lambda text, _codec: text.encode("latin1"),
}


def _unpickle(path: Path, blob: bytes) -> dict[str, Any]:
    try:
        batch = _ArraysOnly(io.BytesIO(blob), encoding="latin1").load()
    except Exception as error:  # noqa: BLE001 - damaged pickles raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read as a CIFAR batch, it is truncated or changed ({reason})") from None
    if not isinstance(batch, dict):
        raise DataError(f"{path} is not a CIFAR batch")
    return batch


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
