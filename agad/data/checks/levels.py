"""Whether images use few of the levels of 8 bits: they were scaled for something else, or one part was."""

from __future__ import annotations

from dataclasses import dataclass

from agad.data.source import Pixels

_FEW = 128
"""Levels of 256 up to which there is a note, as of 16 bits: whole data sets use all of them, or nearly."""


@dataclass(slots=True)
class Levels:
    """The least and the greatest level in the images of a part, as they were read; `low` > `high`: of none."""

    low: int = 255
    high: int = 0

    def add(self, image: Pixels) -> None:
        """Take an image into account."""
        if image.size:
            self.low, self.high = min(self.low, int(image.min())), max(self.high, int(image.max()))

    def are_few(self) -> bool:
        """Whether at most half of the 256 levels lie between them."""
        return self.high - self.low < _FEW


def note_on_levels(train: Levels, test: Levels) -> str | None:
    """A note where training or test images use few levels; None where both use most of them."""
    used = (
        f"training images use the levels {train.low} to {train.high} of 0 to 255, test images {test.low} to {test.high}"
    )
    if train.are_few() != test.are_few():
        return f"SCALED OTHERWISE: {used}; scale both alike"
    if train.are_few():
        return f"FEW LEVELS: {used}; if 255 is not the greatest level of their kind, scale them up to it"
    return None
