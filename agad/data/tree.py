"""A tree of image files: all images below a folder, in a fixed order, without following links out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agad.data.image import SUFFIXES, decode_all, is_grey
from agad.data.source import Content, Part, Source, Stamp
from agad.errors import DataError


class ImageFile(NamedTuple):
    """An image file: where it is, and its stamp, named below the data set's own folder."""

    path: str
    stamp: Stamp


@dataclass(slots=True)
class Tree:
    """The folder of a data set, and counts of what was ignored in it.

    Attributes:
        top: the data set's folder; it may itself be a link.
        root: the data root. Links are followed where they stay below `top` or `root`.
        others: number of files that are not images.
        links: number of links not followed: they lead out of the tree, or to a folder.
    """

    top: Path
    root: Path
    others: int = 0
    links: int = 0
    _inside: tuple[Path, ...] = field(init=False)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"{self.top}{os.sep}"
        self._inside = (self.top.resolve(), self.root.resolve())

    def images(self, folder: Path) -> list[ImageFile]:
        """The image files below `folder`, at any depth, sorted by name (by code points, whatever the locale).

        Raises DataError if there is none: a class without images is a mistake in the tree.
        """
        links = self.links
        found = sorted(self._walk(folder), key=lambda file: file.stamp.name)
        if not found:
            skipped = self.links - links
            why = f" ({skipped} links lead out of the tree and are not followed)" if skipped else ""
            raise DataError(f"{folder} has no images{why}")
        return found

    def notes(self) -> tuple[str, ...]:
        """What was ignored, one sentence each."""
        notes = []
        if self.others:
            notes.append(f"{self.others} files that are no images are ignored")
        if self.links:
            notes.append(f"{self.links} links that lead out of the tree are not followed")
        return tuple(notes)

    def _walk(self, folder: Path) -> Iterator[ImageFile]:
        for entry in scan(folder):
            if entry.is_symlink() and not self._may_follow(entry):
                self.links += 1
            elif entry.is_dir():
                yield from self._walk(Path(entry.path))
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - see _file
                yield self._file(entry)
            else:
                self.others += 1

    def _may_follow(self, entry: os.DirEntry[str]) -> bool:
        # A link to a folder may close a circle, or list the same images twice.
        target = Path(entry.path).resolve()
        return not target.is_dir() and target.exists() and any(target.is_relative_to(top) for top in self._inside)

    def _file(self, entry: os.DirEntry[str]) -> ImageFile:
        try:
            status = entry.stat()
        except OSError as error:
            raise DataError(f"{entry.path}: {error.strerror}") from None
        # No Path per file, for speed: every opening lists the tree, and the retinal images are 84,000 files.
        name = entry.path[len(self._prefix) :].replace(os.sep, "/")
        return ImageFile(entry.path, Stamp(name, status.st_size, status.st_mtime_ns))


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder except hidden ones and those that macOS archivers add; DataError if unreadable."""
    try:
        with os.scandir(folder) as entries:
            return [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from None


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name."""
    return sorted(Path(entry.path) for entry in scan(folder) if entry.is_dir())


def tree_source(
    train: Sequence[Sequence[ImageFile]],
    test: Sequence[Sequence[ImageFile]],
    class_names: tuple[str, ...],
    channels: int | None,
    notes: tuple[str, ...],
) -> Source:
    """The source of image files that are given per class. Images are decoded as they are read, never all at once.

    Without `channels` they are RGB if any image is stored in colour, grey otherwise.
    """
    files = [file for part in (train, test) for images in part for file in images]

    def read() -> Content:
        # By the headers, and not before reading; the first coloured image ends the search.
        known = channels or (1 if all(is_grey(file.path) for file in files) else 3)
        return Content(known, class_names, _part(train), _part(test), notes)

    return Source(tuple(sorted(file.stamp for file in files)), read)


def _part(classes: Sequence[Sequence[ImageFile]]) -> Part:
    files = [(file.path, _printable(file.stamp.name)) for images in classes for file in images]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(images) for images in classes])
    return Part(labels, lambda: decode_all(files))


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]  # messages are one line, whatever the file's name
