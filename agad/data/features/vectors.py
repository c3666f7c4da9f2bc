"""Vectors: of images from a file. An image finds its own by its pixels: no order, batch or subset can mix them up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.errors import DataError

_APART = 0.01
"""Share of its length by which vectors of equal images may differ: nets round otherwise in another batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The vectors of a data set's images.

    Attributes:
        features: as in RunSpec, `file:NAME`.
        path: of the file.
        rows: (n, d) float32, on the CPU.
        row_of: digest of an image's pixels -> index of its vector, the first where the image is there several times.
        digest: SHA-256 of the vectors.
        notes: what a reader of results should know, one sentence each.
    """

    features: str
    path: Path
    rows: Tensor
    row_of: Mapping[bytes, int]
    digest: str
    notes: tuple[str, ...] = ()

    def of(self, x: Tensor) -> Tensor:
        """The vectors (B, d) float32, on x's device, of images x (B, C, H, W) in [-1, 1] as ImagePool gives them.

        Raises DataError for an image that is none of the data set's.
        """
        pixels = ((x + 1) * 127.5).round().to(torch.uint8).cpu().contiguous().numpy()
        found = [self.row_of.get(_key(image)) for image in pixels]
        if None in found:
            raise DataError(f"{self.path} has no vector of an image: it is none of the data set's")
        return self.rows[torch.tensor(found, dtype=torch.int64)].to(x.device)

    def summary(self, dataset: str) -> list[str]:
        """Lines to print: length, digest and file, then each note."""
        length, digest = self.rows.shape[1], self.digest[:12]
        head = f"{dataset} {self.features}: vectors of {length} numbers, digest {digest}, {self.path}"
        return [head, *(f"  note: {note}" for note in self.notes)]


def rows_by_pixels(path: Path, images: Iterable[NDArray[np.uint8]], rows: Tensor, advice: str) -> dict[bytes, int]:
    """Vectors.row_of for images in the order of their vectors, rows (n, d).

    Raises DataError where images have the same pixels and different vectors: then these are not in the images' order.
    """
    first: dict[bytes, int] = {}
    owner = np.array([first.setdefault(_key(image), index) for index, image in enumerate(images)])
    repeated = np.flatnonzero(owner != np.arange(len(owner)))
    one, other = rows[torch.from_numpy(owner[repeated])], rows[torch.from_numpy(repeated)]
    far = (one - other).norm(dim=1) > _APART * torch.maximum(one.norm(dim=1), other.norm(dim=1))
    if far.any():
        raise DataError(
            f"{path}: {int(far.sum())} images have the pixels of another and a different vector: vectors are in "
            f"another order than the images, or depend on more than pixels; {advice}"
        )
    return first


def _key(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()
