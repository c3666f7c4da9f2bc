"""What people score: paths, images of Pillow's and arrays, as pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agad.data.image import Seen, decode, is_first_of_several, pixels_of
from agad.data.source import Damaged, Pixels
from agad.errors import DataError

Images = str | Path | Image.Image | NDArray[Any] | Iterable[Any]
"""One image or several: a path, an image of Pillow's, an array; or any iterable of these.

An array, or a tensor on the CPU, is uint8: (H, W) or (H, W, 3) is one image, (N, H, W), (N, H, W, 1) or (N, H, W, 3)
are several. Of three axes the last one decides: 3 means one image in colour; 1, 2 or 4 is refused, for it is one image
with channels, and not many that are so narrow. For a detector in colour an array (2, H, W), (3, H, W) or (4, H, W) is
refused as well: it may be one image with channels first, as torchvision reads it, or that many grey ones. (N, H, W, 1)
always means grey ones.

An image of Pillow's is scored by the frame (or page) that it stands at. It has to be as it was opened: a copy of a TIFF
with 16 bits whose zero is white (`copy`, `crop`) no longer says so, and has the scores of its negative.
"""

_CHANNELS = (2, 3, 4)
"""Grey with transparency, colour, colour with transparency: a first axis as long may be one of channels."""

_OF_BITS = " (of 16 bits the upper 8, x >> 8, as agad takes them of files: astype alone keeps the lower 8)"
_TO_BYTES = {"f": " (255 times as much where they go from 0 to 1)", "i": _OF_BITS, "u": _OF_BITS}
"""How pixels of other types become bytes: by a cast alone levels of 0 to 1 are black, and those of 16 bits noise."""


def each_pixels(images: Images, channels: int = 1, seen: Seen | None = None) -> Iterator[Pixels]:
    """The pixels of each image, (H, W) grey or (H, W, 3) RGB.

    Args:
        images: one or several.
        channels: of the detector, 1 or 3; one in colour takes no array that may be one image with channels first.
        seen: notes what is to be said of the images.

    Raises DataError, one line, for what is no image.
    """
    if isinstance(images, str | Path):
        found = decode(str(images), str(images), seen)
        if isinstance(found, Damaged):
            raise DataError(f"{found.name} cannot be read: {found.reason}")
        yield found
    elif isinstance(images, Image.Image):
        try:
            found = pixels_of(images, seen)
        except (OSError, ValueError) as error:
            raise DataError(f"the image cannot be read: {' '.join(str(error).split())}") from None
        if seen is not None:
            seen.at_first += is_first_of_several(images)
        yield found
    elif isinstance(images, np.ndarray):
        yield from _of_array(images, channels)
    elif hasattr(images, "__array__") and getattr(images, "ndim", 1) != 1:  # of one axis: a column of paths
        yield from _of_array(np.asarray(images), channels)
    elif isinstance(images, Iterable):
        for image in images:
            yield from each_pixels(image, channels, seen)
    else:
        raise DataError(f"{type(images).__name__} is no image; give a path, an image of Pillow's or an array of uint8")


def _of_array(array: NDArray[Any], channels: int) -> Iterator[Pixels]:
    if array.dtype != np.uint8:
        how = _TO_BYTES.get(array.dtype.kind, "")
        raise DataError(f"the pixels are {array.dtype}; give uint8, 0 to 255{how}: the detector does its own scaling")
    if isinstance(array, np.ma.MaskedArray):
        raise DataError("the pixels have a mask, which no score heeds; fill them first")
    is_colour = array.shape[-1:] == (3,)
    if array.ndim == 3 and array.shape[-1] in (1, 2, 4):
        raise DataError(
            f"an array of shape {array.shape} has {array.shape[-1]} channels; give grey (H, W) or (H, W, 3)"
        )
    if array.ndim == 3 and not is_colour and channels > 1 and len(array) in _CHANNELS:
        raise DataError(
            f"an array of shape {array.shape} may be one image with channels first or {len(array)} grey ones; give one "
            "as (H, W, 3), by permute(1, 2, 0), and grey ones as (N, H, W, 1)"
        )
    if array.ndim == 2 or (array.ndim == 3 and is_colour):
        several = array[None]
    elif array.ndim == 3 or (array.ndim == 4 and is_colour):
        several = array
    elif array.ndim == 4 and array.shape[-1] == 1:
        several = array[..., 0]
    else:
        raise DataError(f"an array of shape {array.shape} is no image; give (H, W), (H, W, 3) or (N, H, W[, 3])")
    if 0 in several.shape[1:]:
        raise DataError(f"an array of shape {array.shape} holds no pixels")
    yield from several
