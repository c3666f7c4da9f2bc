"""What is to be said of images that are scored: how they were decoded, and how they differ from those of training."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

from agad.data.image import Seen
from agad.data.source import Pixels
from agad.detector.content import Content

_SLACK = 1.1
"""Factor by which a width:height may leave that of the training normals without a note."""


class ImageWarning(UserWarning):
    """What is to be said of scored images, as `agad score` notes it."""


@dataclass(slots=True)
class Noted:
    """The images of one call or command, counted.

    Attributes:
        content: of the detector.
        seen: what their decoding has noted.
        count: number of images.
        converted: how many are grey for a detector in colour, or in colour for a grey one.
        small: how many are smaller than the detector's images.
        stretched: how many have another width:height than the training normals; those that have the detector's own
            size are taken as they are.
        low: least width:height of these.
        high: their greatest one.
    """

    content: Content
    seen: Seen = field(default_factory=Seen)
    count: int = 0
    converted: int = 0
    small: int = 0
    stretched: int = 0
    low: float = math.inf
    high: float = 0.0

    def add(self, pixels: Pixels) -> None:
        """Take an image into account."""
        height, width = pixels.shape[:2]
        self.take(is_colour=pixels.ndim == 3, shortest=min(height, width), aspect=width / height)

    def take(self, *, is_colour: bool, shortest: int, aspect: float) -> None:
        """The same of an image's colours, its shorter side in pixels and its width:height."""
        self.count += 1
        self.converted += is_colour == (self.content.channels == 1)
        self.small += shortest < self.content.spec.image_size
        known = self.content.preparation.get("aspects")  # older detectors do not know
        as_it_is = (shortest, aspect) == (self.content.spec.image_size, 1)
        if known and not as_it_is and not known[0] / _SLACK <= aspect <= known[1] * _SLACK:
            self.stretched += 1
            self.low, self.high = min(self.low, aspect), max(self.high, aspect)

    def differences(self) -> list[str]:
        """What differs from the images that the detector was trained on, a sentence each."""
        size, notes = self.content.spec.image_size, []
        if self.converted:
            kinds = ("in colour", "grey") if self.content.channels == 1 else ("grey", "in colour")
            notes.append(
                f"{self.converted} of {self.count} images are {kinds[0]}, the detector's are {kinds[1]}: converted"
            )
        if self.small:
            notes.append(f"{self.small} of {self.count} images are smaller than {size}x{size}: enlarged")
        if self.stretched:
            notes.append(
                f"{self.stretched} of {self.count} images have a width:height of {_span(self.low, self.high)}, the "
                f"training normals had {_span(*self.content.preparation['aspects'])}: made square, they are distorted "
                "otherwise"
            )
        return notes

    def warn(self, stacklevel: int) -> None:
        """Everything as warnings: one for each sentence, whatever the number of images."""
        for note in (*self.seen.notes(), *self.differences()):
            warnings.warn(note, ImageWarning, stacklevel=stacklevel + 1)


def _span(low: float, high: float) -> str:
    texts = dict.fromkeys(f"{value:.3g}" for value in (low, high))
    return " to ".join(texts)
