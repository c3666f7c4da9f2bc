"""Whether the arrays of a prepared folder are those that were written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "test")
_CHUNK = 1 << 24
"""Bytes hashed at a time: an array may be larger than the memory."""


_verified: set[tuple[object, ...]] = set()
"""Folders that this process has verified, with the state of their files then."""


def is_verified(folder: Path, meta: dict[str, Any]) -> bool:
    """Whether the arrays are those that were prepared; read at the first call in this process."""
    try:
        states = [(folder / name).stat() for name in sorted(meta["file_sizes"])]
    except OSError:
        return False
    key = (folder.absolute(), meta["digest"], *((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in states))
    if key not in _verified and matches_digest(folder, meta):
        _verified.add(key)
    return key in _verified


def matches_digest(folder: Path, meta: dict[str, Any]) -> bool:
    """Whether the folder's images and labels give the `digest` of its meta.json, which rows carry. Reads all of them.

    That digest is in every folder, also in older ones. A file that cannot be read as the array that it was is a
    difference like any other.
    """
    try:
        return combined([_of_folder(folder, part) for part in PARTS]) == str(meta["digest"])
    except Exception:  # noqa: BLE001 - numpy's reader of a damaged header raises nearly anything
        return False


def combined(parts: list[str]) -> str:
    """The digest of a data set from those of its parts, training images first: 64 hexadecimal digits."""
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def finish(pixels: hashlib._Hash, shape: tuple[int, ...], labels: NDArray[np.int64]) -> str:
    """The digest of a part from a SHA-256 of its pixels, its shape (N, C, H, W) and its labels (N,)."""
    pixels.update(repr(tuple(map(int, shape))).encode())
    pixels.update(labels.astype("<i8").tobytes())
    return pixels.hexdigest()


def _of_folder(folder: Path, part: str) -> str:
    images = np.load(folder / f"{part}_images.npy", mmap_mode="r")
    labels = np.load(folder / f"{part}_labels.npy")
    if images.dtype != np.uint8 or images.ndim != 4 or not images.flags.c_contiguous:
        raise ValueError("not (N, C, H, W) of uint8")
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError("not one label an image")
    running, flat = hashlib.sha256(), images.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        running.update(flat[start : start + _CHUNK])
    return finish(running, images.shape, labels)
