"""Test sets in files, as an audit's score function receives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.data.class_names import named_class, notes_on_normal
from agad.data.names import one_line, split_parts
from agad.data.prepared import Prepared, open_prepared
from agad.data.readers.npz import open_npz
from agad.data.tree import subfolders
from agad.errors import AuditError

Arguments = dict[str, Any]
"""images, labels, classes and train_images of agad.audit."""


class Read(NamedTuple):
    """A test set as it was read.

    Attributes:
        arguments: of agad.audit.
        notes: what a reader of the audit's result must know of the data, a sentence each.
        normal: the class that was taken for the normal one, in words; None: labels were 0 and 1 already.
    """

    arguments: Arguments
    notes: tuple[str, ...] = ()
    normal: str | None = None


def read_data(text: str, normal: str | None, image_size: int | None, data_root: Path) -> Read:
    """A test set, its training normals where it has some, and what was taken for normal.

    Args:
        text: a file .npz with `images` and `labels`, or `test_images` and `test_labels` and the same for training; a
            folder with a folder for each class, in train/ and test/ or not; or the name of a data set of agad's.
        normal: the normal class by its name, or by its index where none is called so, as in `agad fit`; of a file .npz
            its label. None: labels are 0 and 1 already.
        image_size: height and width to which the images of folders and of agad's data sets are resized.
        data_root: where agad's data sets are looked for.

    Images of bytes become float32 tensors (N, C, H, W) in [0, 1]; other arrays stay as they are, as tensors. Training
    images are those of the normal class. Raises AuditError or DataError, one line, for what cannot be read.
    """
    path = Path(text).expanduser()
    if path.suffix == ".npz":
        if image_size is not None:
            raise AuditError(f"--image-size has no effect on {path}: its images are audited at the size that they have")
        found, notes = _of_npz(path, normal)
        return Read(found, notes, None if normal is None else f"class {int(normal)}")
    if image_size is None:
        raise AuditError(f"--data {text}: give --image-size, the size that your model takes")
    if not path.is_dir():
        return _of_prepared(text, normal, image_size, data_root, is_split=True)
    is_split = bool(split_parts(part.name for part in subfolders(path)))
    return _of_prepared(f"folder:{path.resolve().name}", normal, image_size, path.resolve().parent, is_split=is_split)


def _of_prepared(name: str, normal: str | None, image_size: int, data_root: Path, *, is_split: bool) -> Read:
    """The test images, and the training normals; of images that nobody has split all, and no training images."""
    data = open_prepared(name, image_size, data_root=data_root)
    number = _class_number(normal, data.class_names, name)
    notes = (*data.served, *data.notes, *notes_on_normal(data.class_names, number, normal))
    taken = f"{one_line(data.class_names[number])} (class {number})"
    return Read(_arguments(data, number, is_split=is_split), notes, taken)


def _arguments(data: Prepared, number: int, *, is_split: bool) -> Arguments:
    """The test images, and the training images of the class of that number."""
    if not is_split:
        classes = np.concatenate([data.test_labels, data.train_labels])
        images = torch.cat([data.test_images, data.train_images])
        return {"images": _scaled(images), "labels": (classes != number).astype(np.int64), "classes": classes}
    return {
        "images": _scaled(data.test_images),
        "labels": (data.test_labels != number).astype(np.int64),
        "classes": data.test_labels,
        "train_images": _scaled(data.train_images[torch.from_numpy(data.train_labels == number)]),
    }


def _class_number(normal: str | None, names: tuple[str, ...], what: str) -> int:
    if normal is None:
        raise AuditError(f"--data {what}: say by --normal which class is normal: {', '.join(names)}")
    return named_class(normal, names, f"--data {what}")


def _of_npz(path: Path, normal: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments, and what a reader must know of them."""
    with open_npz(path) as file:
        arrays = {name: file.read(name) for name in file.names}
    prefix = "test_" if "test_images" in arrays else ""
    missing = [name for name in (f"{prefix}images", f"{prefix}labels") if name not in arrays]
    if missing:
        raise AuditError(
            f"{path} lacks {' and '.join(missing)}; it needs images and labels, or test_images and test_labels, and "
            f"has: {', '.join(arrays) or 'nothing'}"
        )
    labels = arrays[f"{prefix}labels"]
    found: dict[str, Any] = {"images": _tensor(path, arrays[f"{prefix}images"]), "labels": labels}
    if "classes" in arrays:
        found["classes"] = arrays["classes"]
    train = arrays.get("train_images")
    if normal is not None:
        if not normal.lstrip("-").isdecimal():
            raise AuditError(f"--normal {normal}: the classes of {path} are numbers")
        found["classes"], found["labels"] = labels, (labels != int(normal)).astype(np.int64)
    if train is not None and "train_labels" in arrays:
        of_train = arrays["train_labels"].reshape(-1)
        if len(of_train) != len(train):
            raise AuditError(f"{path}: {len(train)} train_images, but {len(of_train)} train_labels")
        train = train[of_train == (0 if normal is None else int(normal))]
    if train is None or not len(train):
        return found, ()
    found["train_images"] = _tensor(path, train)
    if "train_labels" in arrays:
        return found, ()
    return found, (f"{path.name} has no train_labels: all of its {len(train)} train_images are taken for normal ones",)


def _tensor(path: Path, images: NDArray[np.generic]) -> Tensor:
    if images.dtype.kind not in "iufb":
        raise AuditError(f"{path}: images are {images.dtype}; they must be numbers")
    if images.dtype != np.uint8:
        return torch.from_numpy(np.ascontiguousarray(images))
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3) and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    return _scaled(torch.from_numpy(np.ascontiguousarray(images)))


def _scaled(images: Tensor) -> Tensor:
    return images.to(torch.float32).div_(255)
