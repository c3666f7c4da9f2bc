"""A tree of image files: all images below a folder, in a fixed order, without following links out of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agad.data.checks.left_out import LeftOut
from agad.data.checks.mask_files import Images, are_of, mask_files
from agad.data.checks.masks import are_masks, images_below, stems_in
from agad.data.image import SUFFIXES, Seen, decode_all, is_grey
from agad.data.names import (
    called_like_masks,
    doubles,
    is_called_mask,
    is_image_folder,
    mask_folders,
    masked_folders,
    natural,
    one_line,
    split_parts,
)
from agad.data.source import Content, Part, Source, Stamp
from agad.errors import DataError
from agad.outputs import recorded


class ImageFile(NamedTuple):
    """An image file: where it is, and its stamp, named below the data set's own folder."""

    path: str
    stamp: Stamp


@dataclass(slots=True)
class Tree:
    """The folder of a data set, and what was left out of it.

    Attributes:
        top: the data set's folder; it may itself be a link.
        root: the data root. Links are followed where they stay below `top` or `root`.
        left_out: what was passed over so far.
    """

    top: Path
    root: Path
    left_out: LeftOut = field(default_factory=LeftOut)
    _written: set[str] = field(default_factory=set)
    _inside: tuple[Path, ...] = field(init=False)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"{self.top}{os.sep}"
        self._inside = (self.top.resolve(), self.root.resolve())

    def images(self, folder: Path) -> list[ImageFile]:
        """The image files below `folder`, at any depth, sorted by name (by code points, whatever the locale).

        Masks, and images that agad itself wrote, are left out and counted. Raises DataError if there is no image: a
        class without images is a mistake in the tree; and for a class that is itself split into train, test or
        validation.
        """
        before = self.left_out.counts()
        found = sorted(self._walk(folder), key=lambda file: file.stamp.name)
        if not found:
            raise DataError(f"{folder} has no images{self.left_out.why_empty(before)}")
        self._doubt_apart([file.stamp.name for file in found])
        return found

    def leave_out(self, folder: Path) -> int:
        """Count the images below a folder of masks; their number."""
        images = [self._name(path) for path in images_below(folder)]
        self.left_out.masks += images
        return len(images)

    def leave_out_written(self, folder: Path) -> bool:
        """Whether agad itself wrote all images in a folder, such as one of heat maps, which are counted then."""
        written = recorded(folder)
        images = [] if written is None else list(images_below(folder))
        if not images or not (written or set()).issuperset(images):
            return False
        self.left_out.written += map(self._name, images)
        return True

    def pass_over(self, folder: Path) -> None:
        """Count the images that lie in a folder of folders itself, and the hidden ones there."""
        entries = scan(folder, self._pass_hidden)
        self.left_out.beside += sum(
            Path(entry.name).suffix.lower() in SUFFIXES and _is_file(entry) for entry in entries
        )

    def notes(self) -> tuple[str, ...]:
        """What was left out, one sentence each."""
        return self.left_out.notes()

    def _doubt_apart(self, names: Sequence[str]) -> None:
        """Note those of a class's files that are named like masks of images in its other folders."""
        places = {name: name.rpartition("/") for name in names}
        if len({top for top, _, _ in places.values()}) == 1:
            return
        stems = {name: file.rpartition(".")[0] for name, (_, _, file) in places.items()}
        self.left_out.note_twins((top, stems[name]) for name, (top, _, _) in places.items())
        found = mask_files(stems.values())
        noted = set(self.left_out.doubted_files)
        self.left_out.doubted_files += [
            name for name, stem in stems.items() if stem in found.masks | found.doubted and name not in noted
        ]

    def _walk(self, folder: Path) -> Iterator[ImageFile]:
        entries = scan(folder, self._pass_hidden)
        folders = [entry.name for entry in entries if _is_folder(entry)]
        if len(set((parts := split_parts(folders)).values())) > 1:
            raise DataError(
                f"{folder} has folders {' and '.join(sorted(parts))}; a split comes first: train/CLASS/ and test/CLASS/"
            )
        self._written.update(map(str, recorded(folder) or ()))
        images = dict(self._images_of(entries))
        stems = {stem for stem, _ in images.values()}
        masks, doubted = mask_files(stems)
        self.left_out.masks += [self._name(Path(entry.path)) for stem, entry in images.values() if stem in masks]
        self.left_out.doubted_files += [self._name(folder / name) for name, of in images.items() if of[0] in doubted]
        used = (name for name, (stem, _) in images.items() if stem not in masks)
        self.left_out.doubles += [self._name(folder / name) for name in doubles(used)]
        yield from (self._file(entry) for stem, entry in images.values() if stem not in masks)
        for path in self._inner(folder, folders, Images(stems)):
            yield from self._walk(path)

    def _images_of(self, entries: Sequence[os.DirEntry[str]]) -> Iterator[tuple[str, tuple[str, os.DirEntry[str]]]]:
        """Name, and name without suffix with the entry, of the images among a folder's entries; others are counted."""
        for entry in entries:
            if entry.is_symlink() and not self._may_follow(entry):
                continue
            if _is_folder(entry):
                continue
            stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - see _file
            if not _is_file(entry):
                self.left_out.others["pipe, socket or device"] += 1
            elif suffix.lower() not in SUFFIXES:
                self.left_out.others[suffix.lower() or "nameless"] += 1
            elif entry.path in self._written:
                self.left_out.written.append(self._name(Path(entry.path)))
            else:
                yield entry.name, (stem, entry)

    def _inner(self, folder: Path, folders: Sequence[str], images: Images) -> Iterator[Path]:
        """Those of the folders in one that are no masks, nor agad's own.

        Args:
            folder: the folder.
            folders: the names of those in it.
            images: the names of the images in it, beside these.
        """
        # Once for all folders here, for a class may have thousands of them.
        of_masks, owners = mask_folders(folders), masked_folders(folders)
        beside = next(filter(is_image_folder, folders), None)
        twin_of = Images(stems_in(folder / beside) if beside else set())
        used = list[str]()
        for name in folders:
            path = folder / name
            if path.is_symlink() or self.leave_out_written(path):
                continue
            owner = [Images(stems_in(folder / owners[name]))] if name in owners else []
            if name in of_masks or ((owner or is_called_mask(name)) and are_masks(path, images, twin_of, *owner)):
                self.leave_out(path)
                continue
            if beside and not is_image_folder(name) and are_of(stems_in(path), twin_of):
                self.left_out.twins.append(self._name(path))
            used.append(name)
            yield path
        called = called_like_masks(used, has_images=bool(images.stems))
        self.left_out.doubted += [self._name(folder / name) for name in called]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()

    def _pass_hidden(self, entry: os.DirEntry[str]) -> None:
        if entry.is_dir(follow_symlinks=False):
            self.left_out.hidden += sum(1 for _ in images_below(Path(entry.path)))
        else:
            self.left_out.hidden += not entry.name.startswith("._") and Path(entry.name).suffix.lower() in SUFFIXES

    def _may_follow(self, entry: os.DirEntry[str]) -> bool:
        """Whether a link is followed; it is counted where it is not."""
        # A link to a folder may close a circle, or list the same images twice.
        path = Path(entry.path)
        if not path.exists():
            self.left_out.broken += 1
            return False
        target = path.resolve()
        if target.is_dir() or not any(target.is_relative_to(top) for top in self._inside):
            self.left_out.links += 1
            return False
        return True

    def _file(self, entry: os.DirEntry[str]) -> ImageFile:
        try:
            status = entry.stat()
        except OSError as error:
            raise DataError(f"{entry.path}: {error.strerror}") from None
        # No Path per file, for speed: every opening lists the tree, and the retinal images are 84,000 files.
        name = entry.path[len(self._prefix) :].replace(os.sep, "/")
        return ImageFile(entry.path, Stamp.of(name, entry.path, status))


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it can be read as a file: reading a pipe waits for a writer."""
    try:
        return entry.is_file()
    except OSError:
        return True  # its reading says what is wrong


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def scan(folder: Path, on_hidden: Callable[[os.DirEntry[str]], None] = lambda _: None) -> list[os.DirEntry[str]]:
    """The entries of a folder except hidden ones and those that macOS archivers add; DataError if unreadable.

    `on_hidden` is called with the hidden ones.
    """
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from None
    for entry in found:
        if entry.name.startswith("."):
            on_hidden(entry)
    return [entry for entry in found if not entry.name.startswith(".") and entry.name != "__MACOSX"]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name as people count: 2 before 10."""
    found = (Path(entry.path) for entry in scan(folder) if _is_folder(entry))
    return sorted(found, key=lambda path: natural(path.name))


def tree_source(
    train: Sequence[Sequence[ImageFile]],
    test: Sequence[Sequence[ImageFile]],
    class_names: tuple[str, ...],
    channels: int | None,
    notes: tuple[str, ...],
) -> Source:
    """The source of image files that are given per class. Images are decoded as they are read, never all at once.

    Without `channels` they are RGB if any image is stored in colour, grey otherwise. Raises DataError for a class whose
    name is not UTF-8.
    """
    _check_names(class_names)
    files = [file for part in (train, test) for images in part for file in images]

    def read() -> Content:
        # By the headers, and not before reading; the first coloured image ends the search.
        known = channels or (1 if all(is_grey(file.path) for file in files) else 3)
        seen = Seen()
        return Content(known, class_names, _part(train, seen), _part(test, seen), notes, seen.notes)

    return Source(tuple(sorted(file.stamp for file in files)), read, notes, _layout(train, test, class_names))


def _layout(
    train: Sequence[Sequence[ImageFile]], test: Sequence[Sequence[ImageFile]], class_names: tuple[str, ...]
) -> str:
    """A digest of which file is in which class and part."""
    parts = [[[file.stamp.name for file in images] for images in part] for part in (train, test)]
    return hashlib.sha256(json.dumps([class_names, parts]).encode()).hexdigest()


def _check_names(class_names: tuple[str, ...]) -> None:
    """Refuse names that no row, table or detector can hold, before anything is trained."""
    for name in class_names:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise DataError(f"the name of the class folder {one_line(shown)} is not UTF-8: rename the folder") from None


def _part(classes: Sequence[Sequence[ImageFile]], seen: Seen) -> Part:
    files = [(file.path, one_line(file.stamp.name)) for images in classes for file in images]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(images) for images in classes])
    return Part(labels, lambda: decode_all(files, seen), [name for _, name in files])
