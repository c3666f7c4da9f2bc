"""The file of features=file:NAME: DATA/features/DATASET/NAME.npz, a vector of each image of a data set. Without torch.

`train` (N, d) and `test` (M, d) are floats in the order of the prepared images. `train_labels` (N,) and `test_labels`
(M,), class indices, are compared with the data set's where they are there, by which another order is detected.
`data_digest`, one or several, is that of the prepared data that they are of, by which other images are detected.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.checks.verify import PARTS
from agad.data.readers.npz import NpzFile, open_npz
from agad.errors import DataError

_LARGEST = 1e15
"""Of a number in a vector: the square of a larger one may leave float32, and nearest neighbours would be missed."""


@dataclass(frozen=True, slots=True, eq=False)
class FeaturesFile:
    """What a file holds, checked.

    Attributes:
        train: vectors of the training images, (N, d) float32.
        test: of the test images, (M, d) float32.
        has_labels: whether it also has the labels of both parts, and these are the data set's.
        has_data_digest: whether it also says of what prepared data it was made, and these are the data set's.
        digest: SHA-256 of the vectors: equal ones have equal digests, however they are saved.
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    has_labels: bool
    has_data_digest: bool
    digest: str


def path_of(data_root: str | Path, dataset: str, features: str) -> Path:
    """Where the file of a data set is, whether it exists or not; `features` is `file:NAME`."""
    return Path(data_root) / "features" / dataset.replace(":", "-") / f"{features.partition(':')[2]}.npz"


def bytes_of(path: Path) -> int:
    """Bytes of the vectors, by the file's directory; 0 where there is no such file: who reads it says why."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(one.file_size for one in archive.infolist() if one.filename.removesuffix(".npy") in PARTS)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):
        return 0


def read_features(path: Path, labels: Mapping[str, NDArray[np.int64]], data_digest: str, advice: str) -> FeaturesFile:
    """Read a file of vectors; numbers become float32.

    Args:
        path: of the file.
        labels: class indices of the data set's images by part, `train` and `test`.
        data_digest: of the data set, DataFacts.digest.
        advice: what to do where the vectors are not those of these images.

    Raises DataError, one line, where the file is missing, damaged, not one vector for each image, or of other images.
    """
    with open_npz(path) as file:
        counts = {part: len(of_part) for part, of_part in labels.items()}
        train, test = _both(path, file, counts, advice)
        has_labels = [_has_labels(path, file, part, labels[part], advice) for part in PARTS]
        has_data_digest = _has_data_digest(path, file, data_digest, advice)
    return FeaturesFile(train, test, all(has_labels), has_data_digest, _digest(train, test))


def digest_at(path: Path) -> str:
    """The digest of the vectors of a file, whatever images they are of. Raises DataError as `read_features`."""
    with open_npz(path) as file:
        return _digest(*_both(path, file, {}, ""))


def _digest(train: NDArray[np.float32], test: NDArray[np.float32]) -> str:
    found = hashlib.sha256()
    for vectors in (train, test):
        found.update(f"{vectors.shape} ".encode())
        found.update(vectors.astype("<f4", copy=False).reshape(-1).data)
    return found.hexdigest()


def _both(
    path: Path, file: NpzFile, counts: Mapping[str, int], advice: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors of both parts, as many as there are images of each, where that is known."""
    missing = [part for part in PARTS if part not in file.names]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}; it has: {', '.join(file.names) or 'nothing'}")
    train, test = (_vectors(path, file, part, counts.get(part), advice) for part in PARTS)
    if train.shape[1] != test.shape[1]:
        raise DataError(f"{path}: vectors of train have {train.shape[1]} numbers, those of test {test.shape[1]}")
    return train, test


def _vectors(path: Path, file: NpzFile, part: str, count: int | None, advice: str) -> NDArray[np.float32]:
    shape = file.shape(part)
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"{path}: {part} has shape {shape}; it must be (images, numbers of a vector)")
    if count not in (None, shape[0]):
        raise DataError(f"{path}: {part} has {shape[0]} vectors, but there are {count} {part} images; {advice}")
    array = file.read(part)
    if array.dtype.kind != "f":
        raise DataError(f"{path}: {part} is {array.dtype}; vectors are float16, float32 or float64")
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(array, np.float32)
    if not -_LARGEST <= found.min() <= found.max() <= _LARGEST:  # NaN is neither
        raise DataError(f"{path}: {part} has numbers that are not finite, or beyond {_LARGEST:g}; compute it again")
    return found


def _has_labels(path: Path, file: NpzFile, part: str, expected: NDArray[np.int64], advice: str) -> bool:
    """Whether the labels are there. DataError where they are not those of the images, in their order."""
    name = f"{part}_labels"
    if name not in file.names:
        return False
    if not np.array_equal(file.read(name), expected):
        raise DataError(f"{path}: {name} are not those of the {part} images, in their order; {advice}")
    return True


def _has_data_digest(path: Path, file: NpzFile, expected: str, advice: str) -> bool:
    """Whether there is a digest of the prepared data. DataError where it, or none of several, is that of the images."""
    if "data_digest" not in file.names:
        return False
    digests = file.read("data_digest").astype(str).ravel().tolist()
    if expected not in digests:
        named = ", ".join(digest[:12] for digest in digests[:3]) or "empty"
        raise DataError(
            f"{path}: its data_digest is {named}, that of the images is {expected[:12]}: its vectors are of other "
            f"images, or of another image size; {advice} (docs/data.md says how one file serves several sizes)"
        )
    return True
