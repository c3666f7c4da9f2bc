"""How well heat maps find what masks mark: pixel AUROC and per-region overlap (Bergmann et al. 2020, 2021)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agad.data.image import SUFFIXES, decode
from agad.data.names import is_called_normal
from agad.data.source import Damaged
from agad.errors import DataError

LARGEST = 256
"""Masks are compared at their own size, or at this many pixels of the longer side where they are larger."""
RATE_LIMIT = 0.3
"""Per-region overlap is averaged over false positive rates up to this, as in MVTec AD's own evaluation."""

_TOP, _DROPPED = 2.0, 13
_BINS = (int(np.float32(_TOP).view(np.uint32)) >> _DROPPED) + 1
"""Heat in [0, 2] is counted in bins, so that images need not stay in memory: by its bits but for the last 13, which is
to a thousandth of itself. Bins of one width would be too wide for a detector that reconstructs well."""

_GROUND_TRUTH = "ground_truth"

_NUMBERS = 32
"""A mask whose levels are all below it holds numbers of kinds: one that was drawn has marks far above."""


@dataclass(slots=True)
class Localisation:
    """Counts over images with masks.

    Attributes:
        images: number of images, normal ones included.
        regions: number of connected regions (8 neighbours) in all masks.
    """

    images: int = 0
    regions: int = 0
    _clear: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))
    _marked: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))
    _by_region: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_BINS))

    def add(self, heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """A map (S, S) and its mask (H, W); the map is stretched to the mask, bilinearly."""
        from scipy.ndimage import label

        size = (mask.shape[1], mask.shape[0])
        stretched = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR))
        bins = (np.clip(stretched, 0, _TOP) + np.float32(0)).view(np.uint32) >> _DROPPED  # of -0 as of 0
        self.images += 1
        self._clear += np.bincount(bins[~mask], minlength=_BINS)
        self._marked += np.bincount(bins[mask], minlength=_BINS)
        numbered, count = label(mask, np.ones((3, 3)))
        sizes, inside = np.bincount(numbered.reshape(-1)), numbered[mask]
        self._by_region += np.bincount(bins[mask], 1 / sizes[inside], _BINS)
        self.regions += count

    def pixel_auroc(self) -> float | None:
        """Area under the ROC curve of single pixels, ties counted half; None without marked or clear pixels."""
        if not self._clear.sum() or not self._marked.sum():
            return None
        rates, hits = _falling(self._clear), _falling(self._marked)
        return float(np.trapezoid(hits, rates))

    def region_overlap(self) -> float | None:
        """Mean share of a region that is found, averaged over false positive rates from 0 to RATE_LIMIT; in [0, 1]."""
        if not self._clear.sum() or not self.regions:
            return None
        rates, found = _falling(self._clear), _falling(self._by_region)
        grid = np.append(rates[rates < RATE_LIMIT], RATE_LIMIT)
        overlap = np.append(found[rates < RATE_LIMIT], np.interp(RATE_LIMIT, rates, found))
        return float(np.trapezoid(overlap, grid) / RATE_LIMIT)


def _falling(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares at or above a threshold that falls through the bins, from 0 to 1."""
    shares: NDArray[np.float64] = np.append(0.0, np.cumsum(counts[::-1])) / counts.sum()
    return shares


@dataclass(slots=True)
class Masks:
    """The masks beside a test folder: MVTec AD's `ground_truth/KIND/NAME_mask.png` for `test/KIND/NAME.png`.

    Images may lie deeper (`test/KIND/LOT/NAME.png`); their masks then lie as deep.

    Attributes:
        normal: name of the normal kind; one that is called good or the like is normal too.
        kinds: number of masks so far with several levels of marks, which all count as marked.
        soft: number of masks so far with noise or soft edges, of which the upper half of the levels counts.
        missing: number of anomalies so far without a mask, beside a folder of masks.
        read: number of masks so far that mark something.
        mostly: number of masks so far of which most pixels are marked.
    """

    normal: str
    kinds: int = 0
    soft: int = 0
    missing: int = 0
    read: int = 0
    mostly: int = 0

    def of(self, path: str) -> NDArray[np.bool_] | None:
        """The mask of an image (H, W); None where an anomaly has none, or where no masks lie beside the folder.

        A normal image without a mask is all clear, also where a folder for such masks stands there, empty or not. Of
        anomalies that nobody marked nothing is counted: their pixels are not clear.

        Every level above 0 is a mark, but of a mask with noise or soft edges only those from half of its highest on.

        Raises DataError for a mask that cannot be read, for one of anomalies that marks nothing, and for one whose
        height and width are in another proportion than its image's: it is of another.
        """
        image = Path(path).absolute()
        place = _place_of(image)
        if place is None:
            return None
        truth, inner = place
        is_normal = inner.parts[0] == self.normal or is_called_normal(inner.parts[0])
        found = _file_of(image, truth / inner)
        if found is None:
            self.missing += not is_normal
            return np.zeros(_bounded(_size(path)), bool) if is_normal else None
        pixels = _levels(found, _size(path))
        is_soft = _is_soft(pixels)
        self.soft += is_soft
        self.kinds += not is_soft and len(np.unique(pixels[pixels > 0])) > 1
        mask = _reduced(_marked(pixels) if is_soft else pixels > 0)
        if not (is_normal or mask.any()):
            raise DataError(f"the mask {found} marks no pixel (of 16 bits the upper 8 count)")
        self.read += bool(mask.any())
        self.mostly += bool(mask.mean() > 0.5)
        return mask

    def notes(self) -> tuple[str, ...]:
        """A sentence where masks seem inverted, had several levels, and how those were taken, or are not there."""
        notes = []
        if 2 * self.mostly > self.read:
            notes.append(f"most pixels of {self.mostly} of {self.read} masks are marked: are they inverted?")
        if self.soft:
            notes.append(
                f"{self.soft} masks have noise or soft edges, as JPEG and resizing leave them: marks are the pixels of "
                "at least half of a mask's highest level"
            )
        if self.kinds:
            notes.append(f"{self.kinds} masks have several levels, as for several kinds: all above 0 count as marked")
        if self.missing:
            notes.append(f"anomalies without a mask, in none of the numbers of masks: {self.missing}")
        return tuple(notes)


def _place_of(image: Path) -> tuple[Path, Path] | None:
    """The folder of masks, and the image's folder within the test folder beside it; None where there is no such."""
    for test in image.parent.parents:
        truth = test.parent / _GROUND_TRUTH
        if truth.is_dir():
            return truth, image.parent.relative_to(test)
    return None


def _file_of(image: Path, folder: Path) -> Path | None:
    """The file of an image's mask in the folder of its kind; None where there is none."""
    stems = (f"{image.stem}_mask", image.stem)
    files = (folder / f"{stem}{suffix}" for stem in stems for suffix in sorted(SUFFIXES))
    return next((file for file in files if file.is_file()), None)


def _levels(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The levels (H, W) in a mask's file, of an image of (H, W) pixels; of colours the strongest channel."""
    pixels = decode(str(path), str(path))
    if isinstance(pixels, Damaged):
        raise DataError(f"the mask {path} cannot be read: {pixels.reason}")
    (high, wide), (height, width) = pixels.shape[:2], size
    if abs(high * width - wide * height) > max(height, width):  # more than a pixel's rounding apart
        raise DataError(f"the mask {path} has another shape ({wide}x{high}) than its image ({width}x{height})")
    return pixels.max(2) if pixels.ndim == 3 else pixels


def _is_soft(pixels: NDArray[np.uint8]) -> bool:
    """Whether the levels of a mask come of a lossy file, of resizing or of probabilities, and not of kinds of defects.

    A kind that somebody marked fills a square of 3 x 3 pixels somewhere. Of the levels that noise and soft edges have,
    most never do. Two levels are neither, and levels that are all small are numbers, however thin a region is.
    """
    levels = np.unique(pixels)
    if len(levels) <= 2 or levels[-1] < _NUMBERS:
        return False
    return not set(levels[levels > 0]) <= set(_filling(pixels))


def _filling(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The levels that fill a square of 3 x 3 pixels somewhere."""
    from scipy.ndimage import maximum_filter, minimum_filter

    is_flat = minimum_filter(pixels, 3) == maximum_filter(pixels, 3)
    return np.unique(pixels[is_flat])


def _marked(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels of at least half of the highest level."""
    marked: NDArray[np.bool_] = pixels >= pixels.max() / 2
    return marked


def _reduced(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask of at most LARGEST pixels of the longer side."""
    from scipy.ndimage import label

    height, width = _bounded(marked.shape)
    covered = np.asarray(Image.fromarray(marked).convert("L").resize((width, height), Image.Resampling.BOX))
    mask = covered >= 128
    # A region too thin to cover half of any pixel stays, wherever it was: else it would count as clear.
    regions, _ = label(covered > 0, np.ones((3, 3)))
    seen = np.isin(regions, regions[mask])
    return mask | ((covered > 0) & ~seen)


def _size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width


def _bounded(shape: tuple[int, ...]) -> tuple[int, int]:
    factor = min(1.0, LARGEST / max(shape))
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))
