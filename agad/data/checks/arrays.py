"""The arrays of a data set in memory: whether they are images and their classes, and whether they were written to."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agad.errors import DataError
from agad.spec.datasets import DATASETS, title

if TYPE_CHECKING:
    import torch

    from agad.data.prepared import Prepared

_AXES = 4
SAMPLED = 64
"""Images of a part that are read again each time: little beside a run, and enough for a change of the whole part."""


def check_arrays(data: Prepared) -> None:
    """Raise DataError, one line, for images that are no pixels of the set's size, and labels of none of its classes."""
    for part, images, labels in _parts(data):
        dtype, shape = str(getattr(images, "dtype", type(images).__name__)), tuple(getattr(images, "shape", ()))
        if dtype != "torch.uint8" or len(shape) != _AXES:
            raise DataError(
                f"{data.dataset}: {part}_images are {dtype} of shape {shape}; give a tensor (N, C, S, S) of uint8, 0 "
                "to 255: a run does its own scaling"
            )
        if shape[1:] != (data.channels, data.image_size, data.image_size):
            raise DataError(
                f"{data.dataset}: {part}_images are {'x'.join(map(str, shape[1:]))}, the data set's are "
                f"{data.channels}x{data.image_size}x{data.image_size}"
            )
        found = labels if isinstance(labels, np.ndarray) else np.array(None)  # of objects
        if found.shape != shape[:1] or found.dtype.kind not in "iu":
            raise DataError(
                f"{data.dataset}: {part}_labels are {found.dtype} of shape {found.shape}; give an array of numpy's, "
                f"a whole number for each of {shape[0]} images"
            )
        if len(found) and not 0 <= found.min() <= found.max() < len(data.class_names):
            raise DataError(f"{data.dataset}: {part}_labels lie outside 0..{len(data.class_names) - 1}, the classes")


def notes_on_name(dataset: str) -> tuple[str, ...]:
    """A note where arrays in memory bear the name of a data set that others know."""
    if dataset not in DATASETS:
        return ()
    return (f"these arrays were given in memory under the name of {title(dataset)}; its files were not read",)


def marks(data: Prepared) -> tuple[int, ...]:
    """Numbers that change where somebody writes to the arrays: torch counts that, labels are few enough to be read.

    What is written to the memory of a tensor otherwise (through numpy, through `.data`) is seen where it changes one of
    SAMPLED images of a part.
    """
    return tuple(number for _, images, labels in _parts(data) for number in _marks(images, labels))


def _marks(images: torch.Tensor, labels: NDArray[Any]) -> tuple[int, int, int]:
    sample = images[:: max(1, len(images) // SAMPLED)].cpu().numpy()
    version = 0 if images.is_inference() else images._version
    return version, zlib.crc32(np.asarray(labels).tobytes()), zlib.crc32(sample.tobytes())


def digest_of(*arrays: torch.Tensor | NDArray[np.generic]) -> str:
    """SHA-256 of their types, shapes and contents."""
    found = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        found.update(f"{array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _parts(data: Prepared) -> tuple[tuple[str, Any, Any], ...]:
    return (("train", data.train_images, data.train_labels), ("test", data.test_images, data.test_labels))
