"""Images: decoded from files, and resized to the size of a run."""

from __future__ import annotations

import functools
import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from agad.data.source import Damaged, Pixels
from agad.errors import DataError

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Suffixes of image files; all other files are ignored."""

_FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
"""What files may be, whatever their suffix. Pillow would also start other programs, such as Ghostscript for EPS."""

_WHITE_IS_ZERO, _PHOTOMETRIC = 0, 262
"""TIFF's tag PhotometricInterpretation, and its value for images whose zero is white."""

_SAMPLE_FORMAT, _SIGNED = 339, 2
"""TIFF's tag SampleFormat, and its value for whole numbers with a sign."""

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})
_DAMAGE = (
    OSError,  # Pillow's own: no image, or a truncated one
    SyntaxError,  # Pillow's: a broken PNG
    ValueError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,  # more pixels than Pillow's limit allows
    Image.DecompressionBombWarning,
)


_NO_FILE = "a pipe, a socket or a device, and no file"

_SEQUENCES = frozenset({"AVIF", "GIF", "PNG", "TIFF", "WEBP"})
"""Formats that may hold several images. Of MPO, a camera's JPEG, the others are views of the first."""


@dataclass(slots=True)
class Seen:
    """What a reader of results should know of the images that were decoded with it.

    Attributes:
        low: least level of those of 16 bits, of 0 to 65535.
        high: their greatest level; less than `low`: there was none of 16 bits.
        deep: number of images of 16 bits.
        dim: how many of them lie within so few levels that at most _DIM of 256 are left of each.
        several: number of files that hold several images, of which the first was taken.
        at_first: number of images of Pillow's that stand at the first of several.
    """

    low: int = 65535
    high: int = 0
    deep: int = 0
    dim: int = 0
    several: int = 0
    at_first: int = 0

    def levels(self, values: NDArray[np.uint16]) -> None:
        """Take the levels of an image of 16 bits into account."""
        if values.size:
            self._take(int(values.min()), int(values.max()))

    def upper_levels(self, pixels: Pixels) -> None:
        """The same of an image of which the upper 8 bits are left."""
        if pixels.size:
            self._take(int(pixels.min()) << 8, int(pixels.max()) << 8 | 255)

    def _take(self, low: int, high: int) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.deep += 1
        self.dim += _left(low, high) <= _DIM

    def add(self, other: Seen) -> None:
        """Take in what was seen of other images."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.deep += other.deep
        self.dim += other.dim
        self.several += other.several
        self.at_first += other.at_first

    def notes(self) -> tuple[str, ...]:
        """A sentence where images are left out, and where few of 256 grey levels are left of 16 bits.

        All images of 16 bits together keep at most half of the levels, or some of them next to none: one bright pixel
        in one image says nothing of the others.
        """
        notes = []
        if self.several:
            notes.append(f"{self.several} files hold several images (frames or pages): of each the first alone is used")
        if self.at_first:
            notes.append(
                f"{self.at_first} images of Pillow's stand at the first of several frames or pages, which alone is used"
            )
        if self.deep and (left := _left(self.low, self.high)) <= _HALF:
            used = f"{self.low} to {self.high} of 0 to 65535"
            notes.append(
                f"images of 16 bits use the levels {used}; their upper 8 bits are taken, which leaves {left} of 256"
            )
        elif self.dim:
            notes.append(
                f"{self.dim} of {self.deep} images of 16 bits use few of their levels; their upper 8 bits are taken, "
                f"which leaves at most {_DIM} of 256 in each of these"
            )
        return tuple(notes)


_HALF, _DIM = 128, 32
"""Levels of 256 up to which there is a note: of all images of 16 bits together, and of one of them."""


def _left(low: int, high: int) -> int:
    """How many of 256 levels are left of those from low to high, of 0 to 65535."""
    return (high >> 8) - (low >> 8) + 1


def decode(path: str, name: str, seen: Seen | None = None) -> Pixels | Damaged:
    """The pixels of an image file, (H, W) grey or (H, W, 3) RGB; Damaged, under `name`, if it cannot be decoded.

    Transparency is dropped, of 16 bits the upper 8 remain, of several frames the first is taken; an EXIF orientation
    is not applied. `seen` notes what is to be said of the image. Raises DataError where the disk, and not the image, is
    at fault.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a Path for each of 84,000 files takes its time
            return Damaged(name, _NO_FILE)  # reading a pipe would wait for a writer, for ever
        with Image.open(path, formats=_formats()) as image:
            pixels = pixels_of(image, seen)
            if seen is not None:
                seen.several += _holds_several(image)
            return pixels
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{path}: {error.strerror}") from None
        return Damaged(name, _reason(error))


def decode_all(files: Sequence[tuple[str, str]], seen: Seen | None = None) -> Iterator[Pixels | Damaged]:
    """Decode each (path, name) in order, some in advance in threads: Pillow decodes outside Python's lock."""
    _formats()  # before the threads, each of which would load the plugins otherwise
    threads = min(8, _cores())

    def decode_one(path: str, name: str) -> tuple[Pixels | Damaged, Seen]:
        own = Seen()
        return decode(path, name, own), own

    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[tuple[Pixels | Damaged, Seen]]] = deque()
        try:
            for path, name in files:
                ahead.append(pool.submit(decode_one, path, name))
                if len(ahead) > 2 * threads:  # bounds the memory: one image may be 100 MB
                    yield _merged(ahead.popleft(), seen)
            while ahead:
                yield _merged(ahead.popleft(), seen)
        finally:
            for future in ahead:
                future.cancel()


def _merged(future: Future[tuple[Pixels | Damaged, Seen]], seen: Seen | None) -> Pixels | Damaged:
    image, own = future.result()
    if seen is not None:
        seen.add(own)
    return image


def is_first_of_several(image: Image.Image) -> bool:
    """Whether an image of Pillow's stands at the first of the images that its file holds."""
    return image.tell() == 0 and _holds_several(image)


def _holds_several(image: Image.Image) -> bool:
    """Whether the file holds further images behind that which was read; one that cannot be found is none."""
    try:
        return image.format in _SEQUENCES and bool(getattr(image, "is_animated", False))
    except (*_DAMAGE, AttributeError):  # the last of a file that its user has closed
        return False


def is_grey(path: Path | str) -> bool:
    """Whether a file is stored as a grey image, by its header alone; a damaged file counts as grey."""
    if not Path(path).is_file():
        return True
    try:
        with Image.open(path, formats=_formats()) as image:
            return image.mode in _GREY_MODES or image.mode.startswith("I;16")
    except _DAMAGE:
        return True


def fit(pixels: Pixels, size: int, channels: int) -> Pixels:
    """An image, (H, W) grey or (H, W, 3) RGB, as (channels, size, size) uint8.

    This is the one place where pixels are changed; a change here must raise PREPARATION_VERSION. The aspect ratio is
    not preserved, as in the paper ("resized to 32x32"). Pillow's bilinear filter computes in integers, so that every
    machine gives the same bits, and averages over the covered pixels where an image is made smaller.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    fitted = np.asarray(image)
    return fitted[None] if channels == 1 else np.ascontiguousarray(fitted.transpose(2, 0, 1))


def as_pixels(image: NDArray[np.uint8]) -> Pixels:
    """An image (C, H, W), as nets take it and `fit` returns it, as (H, W) grey or (H, W, 3) RGB."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def pixels_of(image: Image.Image, seen: Seen | None = None) -> Pixels:
    """The pixels of an image of Pillow's, (H, W) grey or (H, W, 3) RGB, as in `decode`; ValueError: no known range."""
    seen = Seen() if seen is None else seen
    is_deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # none of an image in memory
    image.load()
    pixels = _pixels_of(image, seen)
    if is_deep and not image.mode.startswith("I"):
        seen.upper_levels(pixels)  # in colour, Pillow itself has dropped the lower 8 bits
    return pixels


def _pixels_of(image: Image.Image, seen: Seen) -> Pixels:
    # Pillow scales PGM files of more than 8 bits to 0..65535, in mode I.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PPM", "PNG"}):
        deep = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # type: ignore[attr-defined]
            deep = 65535 - deep  # Pillow does so for fewer bits only
        seen.levels(deep)
        return (deep >> 8).astype(np.uint8)  # convert("L") would clip at 255
    if image.format == "TIFF" and _SIGNED in image.tag_v2.get(_SAMPLE_FORMAT, ()):  # type: ignore[attr-defined]
        raise ValueError("pixels with a sign have no known range")  # Pillow takes 8 bits of them for unsigned
    if image.mode in {"I", "F"}:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    if image.mode in _GREY_MODES:
        return np.asarray(image.convert("L"))
    if image.mode == "P":
        image = image.convert("RGBA")  # Pillow warns on the direct way if the palette has transparent colours
    return np.asarray(image.convert("RGB"))


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of _FORMATS that this Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split())[:100] or type(error).__name__


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
