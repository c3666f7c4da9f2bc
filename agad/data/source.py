"""A source: the raw files of one data set, found but not yet read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
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
    """What is known of a raw file without reading it.

    Attributes:
        name: below the data root, or the data set's own folder.
        size: in bytes.
        mtime_ns: time of the last change of its content, in nanoseconds; copying tools set it.
        ctime_ns: time of the last change of any kind; no program can set it where the file system keeps it itself.
        inode: its number in its file system.
        path: where it is.
        device: number of its file system, on this machine and until the next mount.
    """

    name: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    path: str
    device: int = 0

    @classmethod
    def of(cls, name: str, path: str, status: os.stat_result) -> Stamp:
        """The stamp of the file at `path` that has this status."""
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return cls(name, status.st_size, *times, status.st_ino, path, status.st_dev)


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
        names: a name of each image, for notes; empty where they have none.
    """

    labels: NDArray[np.int64]
    images: Callable[[], Iterator[Pixels | Damaged]]
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """What a source holds once its labels are read.

    Attributes:
        channels: 1 (grey) or 3 (RGB); images of the other kind are converted.
        class_names: one name per class index.
        train: the images that training normals and anomalies come from.
        test: the whole test set.
        notes: what a reader of results should know, one sentence each.
        late_notes: returns such sentences once every image has been read.
    """

    channels: int
    class_names: tuple[str, ...]
    train: Part
    test: Part
    notes: tuple[str, ...] = ()
    late_notes: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True, slots=True)
class Source:
    """Raw files and the way to read them.

    Attributes:
        stamps: those of every file that the content depends on, sorted by name.
        read: reads the content; raises DataError for files that are truncated or not what they should be.
        notes: those of the content that depend on what lies beside these files, such as images that are left out.
        layout: what stands for the classes and parts that the files are sorted into, where the reader finds these by
            rules that may change; part of what prepared data are known by.
    """

    stamps: tuple[Stamp, ...]
    read: Callable[[], Content]
    notes: tuple[str, ...] = ()
    layout: str = ""


def stamp(path: Path, root: Path) -> Stamp:
    """The stamp of one file; SourceAbsentError where the file is missing."""
    try:
        status = path.stat()
    except OSError as error:
        raise SourceAbsentError(missing(path, error)) from None
    return Stamp.of(path.relative_to(root).as_posix(), str(path), status)


def missing(path: Path, error: OSError) -> str:
    """Why a file cannot be found or read: the broken link that it is, or what lies there in its stead, or the error."""
    if path.is_symlink() and not path.exists():
        return f"{path} is a link to {path.readlink()}, which is not there"
    if path.with_name(f"{path.name}.gz").is_file():
        return f"{path} is there as {path.name}.gz only: unpack it (gunzip --keep)"
    return f"{path}: {error.strerror}"


def array_part(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Part:
    """A part whose images, (N, H, W) or (N, H, W, 3), are in memory."""
    return Part(labels, lambda: iter(images))
