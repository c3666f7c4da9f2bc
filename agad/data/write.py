"""Preparation: raw images to uint8 arrays of one size, their digest, and notes on duplicates and damage."""

from __future__ import annotations

import collections
import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from agad.data import cache
from agad.data.checks.duplicates import Kind, count_duplicates
from agad.data.checks.levels import Levels, note_on_levels
from agad.data.checks.storage import Shape, told_by_storage
from agad.data.checks.verify import PARTS, combined, finish
from agad.data.class_names import check_declared
from agad.data.image import fit
from agad.data.names import one_line
from agad.data.source import Content, Damaged, Part
from agad.errors import DataError
from agad.spec.datasets import DATASETS


@dataclass(slots=True)
class _Written:
    """One part as it was written: labels, hashes and names of its images, their digest, and the images left out.

    `shapes` counts the images of each label by their shape before, `levels` are those of each label before.
    """

    labels: NDArray[np.int64]
    hashes: list[bytes]
    names: list[str]
    digest: str
    damaged: list[Damaged]
    shapes: collections.Counter[tuple[Shape, int]]
    levels: dict[int, Levels]


_MANY_REPEATS = 0.1
"""Share of the test images from which on there is a note: published sets have few, or none."""


def write_prepared(
    content: Content,
    folder: Path,
    dataset: str,
    image_size: int,
    *,
    cached_as: str = "",
    raw_files: str = "",
    code: str = "",
) -> None:
    """Write a data set's arrays, at image_size x image_size pixels, and meta.json into an existing folder.

    `cached_as` is the name that the folder will have in the cache: under another one it is not read. Empty: any.
    `raw_files` is the digest of the raw files, see raw.RawContent, and `code` that of the code, see find.code_of.

    Raises DataError for classes that are not those of DATASETS, labels beyond them, images that are not uint8, a class
    or part without an undamaged image, OSError where the disk is full.
    """
    must = "both must have the same names in the same order"
    check_declared(dataset, content.class_names, "its reader gives", must)
    parts = {"train": content.train, "test": content.test}
    for name, raw in parts.items():
        _check_labels(dataset, name, raw.labels, content.class_names)
    written = {name: _write_part(folder, name, part, content.channels, image_size) for name, part in parts.items()}
    for name, part in written.items():
        _check_classes(dataset, name, parts[name].labels, part, content.class_names)
    known = {"folder": cached_as, "raw_files": raw_files, "code": code}
    named = {key: value for key, value in known.items() if value}
    cache.write_meta(folder, _describe(content, written, dataset, image_size) | named)


def _write_part(folder: Path, name: str, part: Part, channels: int, image_size: int) -> _Written:
    """Stream a part's images to <name>_images.npy, so that no data set needs to fit into memory."""
    written, hashes, damaged = [], [], []
    shapes: collections.Counter[tuple[Shape, int]] = collections.Counter()
    running = hashlib.sha256()
    levels = collections.defaultdict[int, Levels](Levels)
    shape = (len(part.labels), channels, image_size, image_size)
    with (folder / f"{name}_images.npy").open("wb") as file:
        header = _write_header(file, shape)
        for index, image in enumerate(part.images()):
            if isinstance(image, Damaged):
                damaged.append(image)
                continue
            if image.dtype != np.uint8:
                raise DataError(f"the {name} images are {image.dtype}; a reader must give uint8, 0 to 255")
            pixels = fit(image, image_size, channels).tobytes()
            file.write(pixels)
            running.update(pixels)
            hashes.append(hashlib.blake2b(pixels, digest_size=16).digest())
            written.append(index)
            label = int(part.labels[index])
            levels[label].add(image)
            shapes[image.shape if channels > 1 else image.shape[:2], label] += 1
        file.seek(0)
        # numpy pads the header for a growing first axis, so that its length is the same with fewer images.
        end = _write_header(file, (len(written), *shape[1:]))
        assert end == header
    labels = part.labels[np.array(written, dtype=np.intp)]
    save_array(labels, folder / f"{name}_labels.npy")
    names = [part.names[index] if part.names else f"{name} image {index}" for index in written]
    return _Written(labels, hashes, names, finish(running, (len(written), *shape[1:]), labels), damaged, shapes, levels)


def save_array(array: NDArray[Any], target: Path) -> None:
    """As np.save does, which on a full disk says how many items it could write, and not that the disk is full."""
    content = io.BytesIO()
    np.save(content, array)
    target.write_bytes(content.getbuffer())


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> int:
    """Write the header of an .npy file of uint8 at the file's position; the position after it."""
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.tell()


def _check_labels(dataset: str, part: str, labels: NDArray[np.int64], class_names: tuple[str, ...]) -> None:
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise DataError(
            f"{dataset}: {part} labels go from {labels.min()} to {labels.max()}; "
            f"with {len(class_names)} classes they must lie in 0..{len(class_names) - 1}"
        )


def _check_classes(
    dataset: str, part: str, before: NDArray[np.int64], written: _Written, class_names: tuple[str, ...]
) -> None:
    lost = sorted(set(before.tolist()) - set(written.labels.tolist()))
    if lost:
        first = f"; the first: {written.damaged[0].name} ({written.damaged[0].reason})"
        raise DataError(f"{dataset}: every {part} image of class {one_line(class_names[lost[0]])} is damaged{first}")
    if not len(written.labels):
        raise DataError(f"{dataset}: there is no {part} image")


def _describe(content: Content, written: dict[str, _Written], dataset: str, image_size: int) -> dict[str, Any]:
    counts = {n: np.bincount(p.labels, minlength=len(content.class_names)).tolist() for n, p in written.items()}
    damaged = [d for part in written.values() for d in part.damaged]
    scaled = note_on_levels(written["train"].levels, written["test"].levels, content.class_names)
    told = told_by_storage(written["train"].shapes + written["test"].shapes, content.class_names)
    duplicates, examples = count_duplicates(*((of.hashes, of.labels, of.names) for of in written.values()))
    return {
        "preparation_version": cache.PREPARATION_VERSION,
        "dataset": dataset,
        "image_size": image_size,
        "channels": content.channels,
        "class_names": list(content.class_names),
        "digest": combined([written[name].digest for name in PARTS]),
        "train_counts": counts["train"],
        "test_counts": counts["test"],
        "aspects": _aspects(written["train"].shapes, len(content.class_names)),
        "duplicates": duplicates,
        "damaged": [[d.name, d.reason] for d in damaged],
        "notes": [
            *content.notes,
            *content.late_notes(),
            *_notes(dataset, counts, damaged, duplicates, examples),
            *(note for note in (scaled, told) if note),
        ],
    }


def _aspects(shapes: Mapping[tuple[Shape, int], int], classes: int) -> list[tuple[float, float] | None]:
    """Of each class the least and the greatest width:height among its images; None where it has none."""
    found: list[tuple[float, float] | None] = [None] * classes
    for (height, width, *_), label in shapes:
        low, high = found[label] or (math.inf, 0.0)
        found[label] = (min(low, width / height), max(high, width / height))
    return found


def _notes(
    dataset: str,
    counts: dict[str, list[int]],
    damaged: list[Damaged],
    duplicates: dict[str, int],
    examples: dict[Kind, str],
) -> list[str]:
    notes = []
    if damaged:
        by_reason = collections.Counter(d.reason for d in damaged)
        reasons = ", ".join(f"{count} {reason}" for reason, count in by_reason.most_common(3))
        named = ", ".join(d.name for d in damaged[:3]) + (", ..." if len(damaged) > 3 else "")
        notes.append(f"{len(damaged)} damaged images left out ({reasons}): {named}")
    if leaked := duplicates["test_in_train"]:
        notes.append(
            f"{leaked} of {sum(counts['test'])} test images have the same pixels as a training image; "
            f"the first: {examples['test_in_train']}"
        )
    if mixed := duplicates["across_classes"]:
        notes.append(
            f"LABELS CONTRADICT: {mixed} images have the same pixels as one of another class; "
            f"the first: {examples['across_classes']}"
        )
    repeated, tests = duplicates["within_test"], sum(counts["test"])
    if repeated >= _MANY_REPEATS * tests:
        notes.append(
            f"{repeated} of {tests} test images repeat another, pixel for pixel: {tests - repeated} are different, but "
            "intervals take all for images of their own"
        )
    facts = DATASETS.get(dataset)
    if facts and facts.train_counts and tuple(counts["train"]) != facts.train_counts:
        notes.append(
            f"training images per class are {', '.join(map(str, counts['train']))}; "
            f"{facts.title} has {', '.join(map(str, facts.train_counts))}"
        )
    return notes
