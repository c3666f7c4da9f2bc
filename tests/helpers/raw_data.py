"""Small data sets in the file layouts of the real ones: idx files, CIFAR's batches, trees of images."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agad.data.readers.medical import ARCHIVES
from agad.spec.datasets import DATASETS

Bytes = NDArray[np.uint8]


def random_images(*shape: int) -> Bytes:
    """Noise, the same for the same shape."""
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


# -- MNIST and Fashion-MNIST -------------------------------------------------------------------------------------------

_IDX_LABELS = ([i * 3 % 10 for i in range(20)], [i * 3 % 10 for i in range(10)])


def write_idx(
    data: Path, folder: str = "MNIST", labels: tuple[Sequence[int], Sequence[int]] = _IDX_LABELS
) -> tuple[Path, dict[str, tuple[Bytes, Bytes]]]:
    """The four files of torchvision's `folder`; where they are, and images (N, 28, 28) and labels of `train`, `t10k`.

    Args:
        data: the data root.
        folder: MNIST or FashionMNIST.
        labels: of the training and of the test images.
    """
    raw = data / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for prefix, part in zip(("train", "t10k"), labels, strict=True):
        images, of_part = random_images(len(part), 28, 28), np.array(part, np.uint8)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 2051, *images.shape) + images.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, len(part)) + of_part.tobytes())
        arrays[prefix] = images, of_part
    return raw, arrays


# -- CIFAR-10 and CIFAR-100 --------------------------------------------------------------------------------------------


class OldPickler(pickle.Pickler):
    """Pickles arrays as the numpy of 2009 did, in whose pickles the published files are."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.dtype):
            return np.dtype, (value.str[1:], 0, 1), (3, "|", None, None, None, -1, -1, 0)
        if isinstance(value, np.ndarray):
            rebuild = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            state = (1, value.shape, value.dtype, False, value.tobytes().decode("latin1"))
            return rebuild, (np.ndarray, (0,), "b"), state
        return NotImplemented


def write_batch(path: Path, batch: dict[str, Any]) -> None:
    """One file of CIFAR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        OldPickler(file, protocol=2).dump(batch)
    # The module's name of then, as in the published files.
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))


_CIFAR10_LABELS = ([i % 10 for i in range(20)], [i % 10 for i in range(10)])


def write_cifar10(data: Path, labels: tuple[Sequence[int], Sequence[int]] = _CIFAR10_LABELS) -> tuple[Bytes, Bytes]:
    """The six batches; the training and the test images (N, 3072)."""
    train, test = (random_images(len(part), 3072) for part in labels)
    folder = data / "cifar-10-batches-py"
    for index, part in enumerate(np.array_split(np.arange(len(train)), 5)):
        batch = {"data": train[part], "labels": [labels[0][i] for i in part], "batch_label": "one"}
        write_batch(folder / f"data_batch_{index + 1}", batch)
    write_batch(folder / "test_batch", {"data": test, "labels": list(labels[1])})
    return train, test


_CIFAR100_LABELS = ([i % 20 for i in range(40)], [i % 20 for i in range(20)])


def write_cifar100(
    data: Path, labels: tuple[Sequence[int], Sequence[int]] = _CIFAR100_LABELS, **changes: dict[str, Any]
) -> tuple[Bytes, Bytes]:
    """The two batches, whose fifth test image is their tenth training image; the images (N, 3072).

    Args:
        data: the data root.
        labels: coarse ones, of the training and of the test images.
        changes: `train` or `test`: what else the batch holds.
    """
    train, test = (random_images(len(part), 3072) for part in labels)
    test[4] = train[9]
    for name, images, coarse in (("train", train, labels[0]), ("test", test, labels[1])):
        fine = [(7 * i) % 100 for i in range(len(images))]
        batch = {"data": images, "fine_labels": fine, "coarse_labels": list(coarse)}
        write_batch(data / "cifar-100-python" / name, batch | changes.get(name, {}))
    return train, test


# -- trees of images ---------------------------------------------------------------------------------------------------


def picture(number: int, mode: str = "L", size: tuple[int, int] = (9, 7)) -> Image.Image:
    """An image that no other number gives."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))


def fill(folder: Path, count: int, first: int, mode: str = "L", suffix: str = ".png") -> None:
    """`count` images with numbers from `first` on, in names whose order is that of the numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture(number, mode).save(folder / f"{number:05d}{suffix}")


def unpack(dataset: str, top: Path, sizes: Sequence[int] = (3, 2, 1)) -> None:
    """A small tree as the archive has it: so many images of class 0 in train, test and val, of class c c more."""
    archive, mode = ARCHIVES[dataset], "RGB" if DATASETS[dataset].channels == 3 else "L"
    for part, size in zip(("train", *archive.test_parts), sizes, strict=False):
        for index, folder in enumerate(archive.folders):
            first = 1000 * index + 100 * ("train", "test", "val").index(part)
            fill(top / part / folder, size + index, first, mode)


def unpack_lung(top: Path, count: int) -> None:
    """LC25000's names, whose order by name is not that of the numbers; images 1, 10 and 100 of each class differ."""
    picture(0, "RGB", (4, 4)).save(top.parent / "other.jpeg")
    for index, folder in enumerate(ARCHIVES["lung_histopathology"].folders):
        (top / folder).mkdir(parents=True)
        for number in range(1, count + 1):
            path = top / folder / f"{folder.replace('_', '')}{number}.jpeg"
            if number in {1, 10, 100}:
                picture(1000 * index + number, "RGB", (4, 4)).save(path)
            else:
                path.hardlink_to(top.parent / "other.jpeg")
