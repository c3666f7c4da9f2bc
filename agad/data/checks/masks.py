"""Folders of masks beside those of images or classes: by their names, and by what their files are called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from agad.data.checks.mask_files import Images, are_of
from agad.data.image import SUFFIXES
from agad.data.names import (
    called_like_masks,
    is_bare_mask,
    is_called_mask,
    is_image_folder,
    mask_folders,
    masked_folders,
)


class Sorted(NamedTuple):
    """Of the folders where classes are.

    Attributes:
        masks: those of masks, which are no classes.
        doubted: classes that are called as masks are, but are none for certain.
    """

    masks: list[Path]
    doubted: list[Path]


def sort_out(folders: Sequence[Path]) -> Sorted:
    """Find the masks among folders beside each other that may all be classes.

    `scratch_mask` beside `scratch`, or `torn_label` beside `original`, holds masks where its files are named like those
    in the other; so does `targets` beside `images`. Where those of a further class are named so too, as by numbers,
    they say nothing about `original`.
    """
    names = [path.name for path in folders]
    of_masks, owners = mask_folders(names), masked_folders(names)
    images = next((path for path in folders if is_image_folder(path.name)), None)
    found = Sorted([], [])
    for path in folders:
        owner = path.with_name(owners[path.name]) if path.name in owners else None
        is_masks = path.name in of_masks
        may_be = is_masks or is_called_mask(path.name)
        if owner is None and (not may_be or images is None or is_bare_mask(path.name)):
            if is_masks:
                found.masks.append(path)
            continue
        rivals = [] if owner else [other for other in folders if other not in (path, images) and _is_plain(other)]
        (found.masks if _are_masks(path, owner or images or path, rivals) else found.doubted).append(path)
    left = [path.name for path in folders if path not in found.masks]
    doubted = {path.name for path in found.doubted}.union(called_like_masks(left))
    return Sorted(found.masks, [path for path in folders if path.name in doubted])


def images_below(folder: Path) -> Iterator[Path]:
    """The files below a folder that are called as images are; without hidden ones."""
    below = (Path(top, name) for top, _, names in os.walk(folder) for name in names if not name.startswith("."))
    return (path for path in below if path.suffix.lower() in SUFFIXES)


def stems_in(folder: Path) -> set[str]:
    """The names of the images below a folder, without suffix."""
    return {path.stem for path in images_below(folder)}


def are_masks(folder: Path, *images: Images) -> bool:
    """Whether a folder's files are named like one of these sets of images, or like masks of them."""
    stems = stems_in(folder)
    return any(are_of(stems, of) for of in images)


def _is_plain(folder: Path) -> bool:
    return not is_called_mask(folder.name) and not mask_folders([folder.name])


def _are_masks(folder: Path, images: Path, rivals: Sequence[Path]) -> bool:
    """Whether a folder holds masks of the images in another; one without images (YOLO's texts) is no class either."""
    stems = stems_in(folder)
    if not stems:
        return True
    known = Images(stems_in(images))
    return are_of(stems, known) and not any(are_of(stems_in(rival), known) for rival in rivals)
