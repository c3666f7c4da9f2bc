"""A source: the raw files of one data set, found but not yet read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agad.errors import DataError

Pixels = NDArray[np.uint8]
"""One image: (H, W) grey or (H, W, 3) RGB."""


class SourceAbsentError(DataError):
    """The raw files are missing; data prepared earlier may still be used."""


class Stamp(NamedTuple):
    """What is known of a raw file without reading it: name below the data root, size in bytes, time in nanoseconds."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """An image that cannot be decoded: the file's name and the reason, in a few words."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """The training or the test images.

    Attributes:
        labels: class index of each image, (N,).
        images: yields the N images in the order of `labels`, with Damaged in place of a damaged one.
    """

    labels: NDArray[np.int64]
    images: Callable[[], Iterator[Pixels | Damaged]]


@dataclass(frozen=True, slots=True)
class Content:
    """What a source holds once its labels are read.

    Attributes:
        channels: 1 (grey) or 3 (RGB); images of the other kind are converted.
        class_names: one name per class index.
        train: the images that training normals and anomalies come from.
        test: the whole test set.
        notes: what a reader of results should know, one sentence each.
    """

    channels: int
    class_names: tuple[str, ...]
    train: Part
    test: Part
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Raw files and the way to read them.

    Attributes:
        stamps: those of every file that the content depends on, sorted by name.
        read: reads the content; raises DataError for files that are truncated or not what they should be.
    """

    stamps: tuple[Stamp, ...]
    read: Callable[[], Content]


def stamp(path: Path, root: Path) -> Stamp:
    """The stamp of one file; SourceAbsentError where the file is missing."""
    try:
        status = path.stat()
    except OSError as error:
        raise SourceAbsentError(f"{path}: {error.strerror}") from None
    return Stamp(path.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns)


def array_part(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Part:
    """A part whose images, (N, H, W) or (N, H, W, 3), are in memory."""
    return Part(labels, lambda: iter(images))
