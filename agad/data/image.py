"""Images: decoded from files, and resized to the size of a run."""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from agad.data.source import Damaged, Pixels
from agad.errors import DataError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Suffixes of image files; all other files are ignored."""

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


def decode(path: str, name: str) -> Pixels | Damaged:
    """The pixels of an image file, (H, W) grey or (H, W, 3) RGB; Damaged, under `name`, if it cannot be decoded.

    Transparency is dropped, of 16 bits the upper 8 remain, of several frames the first is taken; an EXIF orientation
    is not applied. Raises DataError where the disk, and not the image, is at fault.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return _pixels(image)
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{path}: {error.strerror}") from None
        return Damaged(name, _reason(error))


def decode_all(files: Sequence[tuple[str, str]]) -> Iterator[Pixels | Damaged]:
    """Decode each (path, name) in order, some in advance in threads: Pillow decodes outside Python's lock."""
    Image.init()  # before the threads, each of which would load the plugins otherwise
    threads = min(8, _cores())
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Pixels | Damaged]] = deque()
        try:
            for path, name in files:
                ahead.append(pool.submit(decode, path, name))
                if len(ahead) > 2 * threads:  # bounds the memory: one image may be 100 MB
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def is_grey(path: Path | str) -> bool:
    """Whether a file is stored as a grey image, by its header alone; a damaged file counts as grey."""
    try:
        with Image.open(path) as image:
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


def _pixels(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)  # convert("L") would clip at 255
    if image.mode in {"I", "F"}:
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    if image.mode in _GREY_MODES:
        return np.asarray(image.convert("L"))
    if image.mode == "P":
        image = image.convert("RGBA")  # Pillow warns on the direct way if the palette has transparent colours
    return np.asarray(image.convert("RGB"))


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split())[:100] or type(error).__name__


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
