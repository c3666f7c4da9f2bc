"""A tree of image files: all images below a folder, in a fixed order, without following links out of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agad.data.checks.masks import are_masks, images_below, stems_in
from agad.data.image import SUFFIXES, Seen, decode_all, is_grey
from agad.data.names import (
    are_of,
    doubles,
    is_called_mask,
    is_image_folder,
    mask_files,
    mask_folders,
    masked_folders,
    natural,
    one_line,
    split_parts,
)
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
        others: suffix -> number of files that are not images.
        links: number of links not followed: they lead out of the tree, or to a folder.
        broken: number of links to what is not there.
        masks: images left out as masks: in folders of such a name, or beside the image they belong to.
        mask_folders: folders of masks among those of classes.
        doubted: folders that are called as masks are, but are classes.
        doubles: images whose names are those of others beside them but for the suffix.
        beside: number of images beside the folders of classes, which are of no class.
        twins: folders that are named otherwise, but hold files of the same names as a folder of images beside them.
        hidden: number of images whose names begin with a dot; those that macOS makes beside others (`._`) are none.
    """

    top: Path
    root: Path
    others: Counter[str] = field(default_factory=Counter)
    links: int = 0
    broken: int = 0
    masks: list[str] = field(default_factory=list)
    mask_folders: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    beside: int = 0
    twins: list[str] = field(default_factory=list)
    hidden: int = 0
    _inside: tuple[Path, ...] = field(init=False)
    _prefix: str = field(init=False)

    def __post_init__(self) -> None:
        self._prefix = f"{self.top}{os.sep}"
        self._inside = (self.top.resolve(), self.root.resolve())

    def images(self, folder: Path) -> list[ImageFile]:
        """The image files below `folder`, at any depth, sorted by name (by code points, whatever the locale).

        Masks are left out and counted. Raises DataError if there is no image: a class without images is a mistake in
        the tree; and for a class that is itself split into train, test or validation.
        """
        before = (self.links, self.broken, len(self.masks), self.others.copy())
        found = sorted(self._walk(folder), key=lambda file: file.stamp.name)
        if not found:
            raise DataError(f"{folder} has no images{self._why_empty(*before)}")
        return found

    def leave_out(self, folder: Path) -> int:
        """Count the images below a folder of masks; their number."""
        images = [self._name(path) for path in images_below(folder)]
        self.masks += images
        return len(images)

    def pass_over(self, folder: Path) -> None:
        """Count the images that lie in a folder of folders itself."""
        self.beside += sum(Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file() for entry in scan(folder))

    def notes(self) -> tuple[str, ...]:
        """What was ignored, one sentence each."""
        notes = []
        if self.beside:
            notes.append(f"{self.beside} images beside the folders of classes are of no class, and not used")
        if self.others:
            which = _listed(self.others)
            notes.append(f"{self.others.total()} files that are no images are ignored ({which})")
        if self.hidden:
            notes.append(f"{self.hidden} images whose names begin with a dot are not used")
        if self.masks:
            which = f"the first: {one_line(min(self.masks))}"
            notes.append(
                f"{len(self.masks)} images are left out as masks, by the names of their folders or files ({which})"
            )
        said = "the folder {} is taken for a class, not for masks, by the names of its files"
        notes += map(said.format, self.doubted)
        if self.doubles:
            notes.append(
                f"{len(self.doubles)} images are named like another beside them but for the suffix, and all are used "
                f"(the first: {one_line(min(self.doubles))}): if they are masks or copies, move them out"
            )
        if self.twins:
            notes.append(
                f"the folder {one_line(min(self.twins))} has files of the same names as a folder of images beside it, "
                f"and its images are used{f' (so are {len(self.twins) - 1} others)' if len(self.twins) > 1 else ''}: "
                "if they are masks or other versions of these, move them out of the data set"
            )
        if self.links:
            notes.append(f"{self.links} links that lead out of the tree are not followed")
        if self.broken:
            notes.append(f"{self.broken} links are broken: what they lead to is not there")
        return tuple(notes)

    def _why_empty(self, links: int, broken: int, masks: int, others: Counter[str]) -> str:
        found = {
            "{} links lead out of the tree and are not followed": self.links - links,
            "{} links are broken: what they lead to is not there": self.broken - broken,
            "{} images are taken for masks, by the names of their folders or files": len(self.masks) - masks,
        }
        reasons = [text.format(count) for text, count in found.items() if count]
        if more := self.others - others:
            reasons.append(f"it has {_listed(more)} files; convert them to one of {', '.join(sorted(SUFFIXES))}")
        return f" ({'; '.join(reasons)})" if reasons else ""

    def _walk(self, folder: Path) -> Iterator[ImageFile]:
        entries = scan(folder, self._pass_hidden)
        folders = [entry.name for entry in entries if entry.is_dir()]
        if len(set((parts := split_parts(folders)).values())) > 1:
            raise DataError(
                f"{folder} has folders {' and '.join(sorted(parts))}; a split comes first: train/CLASS/ and test/CLASS/"
            )
        images, inner = {}, []
        for entry in entries:
            if entry.is_symlink() and not self._may_follow(entry):
                continue
            if entry.is_dir():
                inner.append(entry)
                continue
            stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - see _file
            if not _is_file(entry):
                self.others["pipe, socket or device"] += 1
            elif suffix.lower() in SUFFIXES:
                images[entry.name] = (stem, entry)
            else:
                self.others[suffix.lower() or "nameless"] += 1
        stems = {stem for stem, _ in images.values()}
        masks = mask_files(stems)
        self.masks += [self._name(Path(entry.path)) for stem, entry in images.values() if stem in masks]
        used = (name for name, (stem, _) in images.items() if stem not in masks)
        self.doubles += [self._name(folder / name) for name in doubles(used)]
        yield from (self._file(entry) for stem, entry in images.values() if stem not in masks)
        # Once for all folders here, for a class may have thousands of them.
        of_masks, owners = mask_folders(folders), masked_folders(folders)
        beside = next(filter(is_image_folder, folders), None)
        twin_of = stems_in(folder / beside) if beside else set()
        for path in (Path(entry.path) for entry in inner):
            if path.name in of_masks or (is_called_mask(path.name) and are_masks(path, stems, owners.get(path.name))):
                self.leave_out(path)
                continue
            if beside and not is_image_folder(path.name) and are_of(stems_in(path), twin_of):
                self.twins.append(self._name(path))
            yield from self._walk(path)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()

    def _pass_hidden(self, name: str) -> None:
        self.hidden += not name.startswith("._") and Path(name).suffix.lower() in SUFFIXES

    def _may_follow(self, entry: os.DirEntry[str]) -> bool:
        """Whether a link is followed; it is counted where it is not."""
        # A link to a folder may close a circle, or list the same images twice.
        path = Path(entry.path)
        if not path.exists():
            self.broken += 1
            return False
        target = path.resolve()
        if target.is_dir() or not any(target.is_relative_to(top) for top in self._inside):
            self.links += 1
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


def _listed(suffixes: Counter[str]) -> str:
    return ", ".join(
        f"{count} {one_line(suffix)}" for suffix, count in sorted(suffixes.items(), key=lambda of: (-of[1], of[0]))[:4]
    )


def scan(folder: Path, on_hidden: Callable[[str], None] = lambda _: None) -> list[os.DirEntry[str]]:
    """The entries of a folder except hidden ones and those that macOS archivers add; DataError if unreadable.

    `on_hidden` is called with the names of hidden ones.
    """
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}") from None
    for entry in found:
        if entry.name.startswith("."):
            on_hidden(entry.name)
    return [entry for entry in found if not entry.name.startswith(".") and entry.name != "__MACOSX"]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name as people count: 2 before 10."""
    return sorted((Path(entry.path) for entry in scan(folder) if entry.is_dir()), key=lambda path: natural(path.name))


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
