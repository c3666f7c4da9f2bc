"""Heat maps: smoothed, and laid over the image that they belong to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agad.data.source import Pixels

LONGEST = 512
"""Pixels of the longer side of an overlay, at most; a smaller image is enlarged to a quarter of that at least."""

_STRONGEST = 0.75
"""Opacity of the strongest colour."""

Maps = NDArray[np.float32]


def default_smoothing(image_size: int) -> float:
    """Standard deviation of the Gaussian in pixels: one at 32x32."""
    return image_size / 32


def smoothed(maps: Maps, sigma: float) -> Maps:
    """Maps (N, S, S), each smoothed by a Gaussian; edges are mirrored, so that a flat map stays as it is."""
    from scipy.ndimage import gaussian_filter

    return maps if sigma == 0 else np.asarray(gaussian_filter(maps, (0, sigma, sigma), mode="reflect"), np.float32)


def overlay(pixels: Pixels, heat: Maps, scale: float) -> Image.Image:
    """An image in grey under its map (S, S): clear where there is no error, yellow, then red from `scale` on.

    The same scale for all images of a detector makes their colours comparable.
    """
    ground = shown(pixels).convert("L")
    stretched = Image.fromarray(heat).resize(ground.size, Image.Resampling.BILINEAR)
    strength = np.clip(np.asarray(stretched) / max(scale, 1e-6), 0, 1)[..., None]
    colour = np.concatenate([np.full_like(strength, 255), 255 * np.minimum(1, 2 - 2 * strength), 0 * strength], 2)
    opacity = _STRONGEST * np.minimum(1, 2 * strength)
    grey = np.asarray(ground, np.float32)[..., None]
    return Image.fromarray(np.round(grey * (1 - opacity) + colour * opacity).astype(np.uint8))


def shown(pixels: Pixels) -> Image.Image:
    """An image at a size for people, its aspect ratio kept."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    longer = max(image.size)
    factor = min(1.0, LONGEST / longer) if longer > LONGEST / 4 else LONGEST / 4 / longer
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image if factor == 1 else image.resize((size[0], size[1]), Image.Resampling.BICUBIC)
