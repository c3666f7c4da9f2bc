"""A digest of what a figure draws: its numbers and words, not its pixels, which other versions of libraries change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure

_DIGITS = 5
"""Of an artist's greatest number: less cannot be seen, and the last bits of a mean differ between machines."""


def digest(figure: Figure) -> str:
    """Of lines, areas, points, bars, images and words. Colours, sizes and places of legends are not in it."""
    found = hashlib.sha256()
    for axes in figure.axes:
        for text in [*_numbers(axes), *_words(axes)]:
            found.update(f"{text}\n".encode())
    for legend in figure.legends:
        found.update("".join(f"{text.get_text()}\n" for text in legend.get_texts()).encode())
    return found.hexdigest()[:16]


def _numbers(axes: Axes) -> Iterator[str]:
    for line in axes.lines:
        yield _rounded(line.get_xydata())
    for collection in axes.collections:
        # Versions of matplotlib go around an area in other orders, and through its first corner twice.
        yield _rounded(np.unique(_corners(collection), axis=0))
    for patch in axes.patches:
        yield _rounded(patch.get_patch_transform().transform_path(patch.get_path()).vertices)
    for image in axes.images:
        yield _rounded(image.get_array())


def _corners(collection: Collection) -> np.ndarray[Any, Any]:
    """Of a scatter its points, of areas and of many lines their corners."""
    if isinstance(collection, PathCollection):
        return np.asarray(collection.get_offsets(), float)
    return np.concatenate([np.zeros((0, 2)), *(path.vertices for path in collection.get_paths())])


def _words(axes: Axes) -> Iterator[str]:
    yield from (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
    legend = axes.get_legend()
    for text in [*axes.texts, *(legend.get_texts() if legend else ())]:
        yield text.get_text()


def _rounded(numbers: Any) -> str:
    """As whole numbers of a unit that follows from the greatest one; gaps stay."""
    # A part of pi: AUROCs are fractions, of which many would lie just where rounding up begins.
    parts = np.ma.filled(np.ma.asarray(numbers, float), np.nan) / np.pi
    there = np.isfinite(parts)
    greatest = float(np.abs(parts[there]).max(initial=0.0))
    unit = 10.0 ** (np.floor(np.log10(greatest)) + 1 - _DIGITS) if greatest else 1.0
    whole = np.rint(np.where(there, parts, 0.0) / unit).astype(np.int64)
    texts = np.where(there, whole.astype(str), parts.astype(str)).ravel().tolist()
    return f"{parts.shape} {unit:g} {' '.join(texts)}"
