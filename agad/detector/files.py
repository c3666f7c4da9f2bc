"""Scoring of files: which they are, their scores in order, and the CSV; a damaged file stops nothing."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.checks.left_out import LeftOut
from agad.data.image import Seen, decode
from agad.data.names import split_parts
from agad.data.source import Damaged, Pixels
from agad.data.tree import Tree, subfolders
from agad.detector.detector import Detector
from agad.detector.noted import Noted
from agad.errors import DataError
from agad.outputs import recorded

_CHUNK = 64
"""Images decoded at once: what bounds the memory."""
_THREADS = min(8, os.cpu_count() or 1)

COLUMNS = ("path", "score", "percentile", "verdict")
ANOMALOUS, ORDINARY, DAMAGED = "anomalous", "normal", "damaged"


@dataclass(frozen=True, slots=True)
class Scored:
    """One file.

    Attributes:
        path: as it was given, or found below a folder that was.
        score: None where it is damaged.
        percentile: of held-out normals that do not exceed the score, in [0, 100].
        verdict: ANOMALOUS, ORDINARY or DAMAGED.
        reason: why a damaged one cannot be read; else empty.
        is_colour: whether the file is in colour.
        shortest: its shorter side, in pixels.
        aspect: its width:height.
    """

    path: str
    score: float | None
    percentile: float | None
    verdict: str
    reason: str = ""
    is_colour: bool = False
    shortest: int = 0
    aspect: float = 1.0


OnImages = Callable[[Sequence[str], Sequence[Pixels], Sequence[float], NDArray[np.float32]], None]
"""Called with paths, pixels, scores and heat maps (B, S, S) of each chunk of readable files."""


def files_at(paths: Iterable[Path]) -> tuple[list[str], tuple[str, ...]]:
    """The image files at some paths, a folder's in the order of their names, and notes on what was passed over.

    Raises DataError for a path that is not there, for a folder without images, and where nothing is left to score.
    """
    found: list[str] = []
    notes: list[str] = []
    left_out = LeftOut()  # of the files that are named themselves, as `maps/*.png` names heat maps
    written = cache(recorded)
    for path in paths:
        if path.is_dir():
            parts = split_parts(folder.name for folder in subfolders(path))
            if len(parts) > 1:
                raise DataError(f"{path} is split into {' and '.join(sorted(parts))}; name one of them")
            tree = Tree(path, path)
            found += [file.path for file in tree.images(path)]
            notes += tree.notes()
        elif not (path.exists() or path.is_symlink()):
            raise DataError(f"{path}: there is no such file or folder")
        elif path in (written(path.parent) or ()):
            left_out.written.append(str(path))
        else:
            found.append(str(path))
    if not found:
        raise DataError(f"there is nothing to score{left_out.why_empty(Counter())}; name other images")
    return list(dict.fromkeys(found)), (*notes, *left_out.notes())


def scored(
    detector: Detector,
    files: Sequence[str],
    threshold: float,
    on_images: OnImages | None = None,
    seen: Seen | None = None,
) -> Iterator[Scored]:
    """The files one after the other, in their order. `on_images` gets the readable ones, where heat maps are wanted.

    `seen` notes what is to be said of the images.
    """
    seen = seen or Seen()
    for start in range(0, len(files), _CHUNK):
        chunk = files[start : start + _CHUNK]
        with ThreadPoolExecutor(_THREADS) as pool:
            read = list(pool.map(_decoded, chunk))
        images = [image for image, _ in read]
        for _, own in read:
            seen.add(own)
        sound = [(path, image) for path, image in zip(chunk, images, strict=True) if not isinstance(image, Damaged)]
        scores: Iterator[float] = iter(())
        if sound:
            pixels = [image for _, image in sound]
            values, maps = detector.score_prepared(pixels, maps=on_images is not None)
            scores = iter(values.tolist())
            if on_images is not None and maps is not None:
                on_images([path for path, _ in sound], pixels, values.tolist(), maps)
        for path, image in zip(chunk, images, strict=True):
            if isinstance(image, Damaged):
                yield Scored(path, None, None, DAMAGED, image.reason)
            else:
                yield _judged(detector, path, next(scores), threshold, image)


def _judged(detector: Detector, path: str, score: float, threshold: float, image: Pixels) -> Scored:
    percentile = float(detector.percentile(np.array([score], np.float32))[0])
    verdict = ANOMALOUS if score > threshold else ORDINARY
    height, width = image.shape[:2]
    return Scored(path, score, percentile, verdict, "", image.ndim == 3, min(height, width), width / height)


def _decoded(path: str) -> tuple[Pixels | Damaged, Seen]:
    seen = Seen()
    try:
        return decode(path, path, seen), seen
    except DataError as error:  # of the disk, for this file: the others are not lost for it
        return Damaged(path, str(error).removeprefix(f"{path}: ")), seen


def to_csv(rows: Iterable[Scored], header: bool = True) -> str:
    """COLUMNS of each file, below their names.

    Score and percentile of a damaged one are empty, its reason stands behind the verdict.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    for row in rows:
        verdict = f"{row.verdict}: {row.reason}" if row.reason else row.verdict
        writer.writerow(
            ["" if value is None else value for value in (_safe(row.path), row.score, row.percentile, verdict)]
        )
    return text.getvalue()


def writable(path: str) -> str:
    """A path in characters that can be written: bytes of its name that are no text are shown by their number."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _safe(path: str) -> str:
    """The same path, written so that a spreadsheet takes it for no formula, and in characters that can be written."""
    plain = writable(path)
    return f"./{plain}" if plain.lstrip()[:1] in tuple("=+-@\t\r") or plain[:1].isspace() else plain


def notes_on(detector: Detector, rows: Sequence[Scored]) -> list[str]:
    """What differs from the images that the detector was trained on, a sentence each."""
    noted = Noted(detector.content)
    for row in rows:
        if row.score is not None:
            noted.take(is_colour=row.is_colour, shortest=row.shortest, aspect=row.aspect)
    return noted.differences()
