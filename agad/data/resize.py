"""Resizing: the one place where pixels are changed. A change here must raise PREPARATION_VERSION."""

from __future__ import annotations

import numpy as np
from PIL import Image

from agad.data.source import Pixels


def fit(pixels: Pixels, size: int, channels: int) -> Pixels:
    """An image (H, W) or (H, W, 3) as (channels, size, size), uint8.

    The aspect ratio is not kept, as in the paper ("resized to 32x32"). Bilinear by Pillow, which computes in integers:
    the same bits on every machine, and averages over the covered pixels where an image is made smaller.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    fitted = np.asarray(image)
    return fitted[None] if channels == 1 else np.ascontiguousarray(fitted.transpose(2, 0, 1))
