"""`npz:NAME`: a MedMNIST-style file of train_images, train_labels, test_images, test_labels; val_* is not used."""

from __future__ import annotations

import contextlib
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.source import Content, Source, array_part, stamp
from agad.errors import DataError

PREFIXES = {
    "npz:": {"layout": "NAME.npz", "order": 1},
}

MAX_CLASSES = 1000
"""Labels from here on are refused: they are hardly class indices."""

_LARGEST_RATIO = 1100
"""How many times smaller than its content a zip's member can be (deflate: 1,032): constant images come near."""

_BROKEN = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    RuntimeError,  # of a member with a password, or of a kind of compression that zipfile does not know
)


def find(dataset: str, root: Path) -> Source:
    """The file NAME.npz below the data root, of `npz:NAME`; SourceAbsentError if it is missing."""
    return npz_source(root / f"{dataset.removeprefix('npz:')}.npz", root)


def npz_source(
    path: Path, root: Path, class_names: tuple[str, ...] | None = None, notes: tuple[str, ...] = ()
) -> Source:
    """The file at `path`, below `root`; SourceAbsentError if it is missing.

    Images are uint8, (N, H, W) or (N, H, W, 1) grey or (N, H, W, 3) RGB; labels integers, (N,) or (N, 1), one per
    image and from 0 on. Without `class_names` the classes are named by their indices.
    """
    return Source((stamp(path, root),), lambda: _read(path, class_names, notes))


def _read(path: Path, class_names: tuple[str, ...] | None, notes: tuple[str, ...]) -> Content:
    arrays, unused = _load(path)
    parts = {name: (_images(path, name, arrays), _labels(path, name, arrays)) for name in ("train", "test")}
    for name, (images, labels) in parts.items():
        if len(images) != len(labels):
            raise DataError(f"{path}: {len(images)} {name}_images, but {len(labels)} {name}_labels")
        if len(images) == 0:
            raise DataError(f"{path}: {name}_images is empty")
    kinds = {images.ndim for images, _ in parts.values()}
    if len(kinds) > 1:
        raise DataError(f"{path}: train_images and test_images are not both grey or both RGB")
    highest = max(int(labels.max()) for _, labels in parts.values())
    limit = len(class_names) if class_names else MAX_CLASSES
    if highest >= limit:
        raise DataError(f"{path}: label {highest} is outside 0..{limit - 1}")
    train, test = (array_part(*parts[name]) for name in ("train", "test"))
    return Content(
        channels=1 if kinds == {3} else 3,
        class_names=class_names or tuple(str(label) for label in range(highest + 1)),
        train=train,
        test=test,
        notes=(*notes, *((f"{unused} validation images are not used",) if unused else ())),
    )


def _load(path: Path) -> tuple[dict[str, NDArray[np.generic]], int]:
    """The four arrays and the number of validation images."""
    wanted = [f"{part}_{kind}" for part in ("train", "test") for kind in ("images", "labels")]
    with open_npz(path) as file:
        missing = [name for name in wanted if name not in file.names]
        if missing:
            raise DataError(f"{path} lacks {', '.join(missing)}; it has: {', '.join(file.names) or 'nothing'}")
        unused = file.shape("val_labels")[0] if "val_labels" in file.names else 0
        return {name: file.read(name) for name in wanted}, unused


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[NpzFile]:
    """The arrays of an npz file. Raises DataError, one line, also for what is met while it is open."""
    try:
        # Opened here, for numpy leaves a file open that is no zip. No pickles: they could run code.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile) or archive.zip is None:
                raise DataError(f"{path} is not an npz file")
            yield NpzFile(path, archive, archive.zip)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read as npz, it is truncated or damaged ({_line(error)})") from None


class NpzFile:
    """An open npz file, whose arrays are read only where the file can hold what they claim.

    Attributes:
        names: of the arrays.
    """

    def __init__(self, path: Path, archive: np.lib.npyio.NpzFile, members: zipfile.ZipFile) -> None:
        self._path, self._archive, self._members = path, archive, members
        self.names = tuple(archive.files)

    def read(self, name: str) -> NDArray[np.generic]:
        """The array. DataError where it cannot be read, or the file cannot hold it."""
        self.shape(name)
        array: NDArray[np.generic] = self._archive[name]
        return array

    def shape(self, name: str) -> tuple[int, ...]:
        """Its shape by its header, (0,) of a scalar. Raises as `read`."""
        member = self._members.getinfo(f"{name}.npy")
        with self._members.open(member) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            start = file.tell()
        if dtype.hasobject:
            raise DataError(
                f"{self._path}: {name} holds pickled Python objects, which are not read; save it as plain numbers"
            )
        size = start + math.prod(shape) * dtype.itemsize
        if size != member.file_size or size > _LARGEST_RATIO * max(member.compress_size, 1):
            raise DataError(
                f"{self._path}: {name} claims {size:,} bytes, which the file cannot hold: truncated or damaged"
            )
        return shape or (0,)


def _images(path: Path, part: str, arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    images = arrays[f"{part}_images"]
    if images.dtype != np.uint8:
        raise DataError(f"{path}: {part}_images is {images.dtype}, not uint8")
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if (images.ndim != 3 and not (images.ndim == 4 and images.shape[3] == 3)) or 0 in images.shape[1:]:
        raise DataError(
            f"{path}: {part}_images has shape {images.shape}; it must be (N, H, W), (N, H, W, 1) or (N, H, W, 3)"
        )
    return images.astype(np.uint8, copy=False)


def _labels(path: Path, part: str, arrays: dict[str, NDArray[np.generic]]) -> NDArray[np.int64]:
    labels = arrays[f"{part}_labels"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {part}_labels is {labels.dtype} of shape {labels.shape}; "
            "it must be one integer per image, (N,) or (N, 1)"
        )
    whole = labels.astype(np.int64)
    if len(whole) and whole.min() < 0:
        raise DataError(f"{path}: {part}_labels has the negative label {whole.min()}")
    return whole


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
