"""Whether images use few of the levels of 8 bits: they were scaled for something else, or one part was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agad.data.names import one_line
from agad.data.source import Pixels

_FEW = 128
"""Levels of 256 up to which there is a note, as of 16 bits: whole data sets use all of them, or nearly."""


_SOME = 5
"""Images from which on their levels tell how they were scaled: one image may well have few."""


@dataclass(slots=True)
class Levels:
    """The least and the greatest level in `count` images, as they were read; `low` > `high`: of none."""

    low: int = 255
    high: int = 0
    count: int = 0

    def add(self, image: Pixels) -> None:
        """Take an image into account."""
        self.count += 1
        if image.size:
            self.low, self.high = min(self.low, int(image.min())), max(self.high, int(image.max()))

    def are_few(self) -> bool:
        """Whether at most half of the 256 levels lie between them."""
        return self.high - self.low < _FEW


def note_on_levels(train: Mapping[int, Levels], test: Mapping[int, Levels], class_names: Sequence[str]) -> str | None:
    """A note where training or test images use few levels; None where both use most of them.

    Anomalies may be darker and brighter than all that was trained on. So the images of one class are compared, that
    which both parts have most of. Where they have no class with some images in common, test images may well use more
    levels, but not fewer.

    Args:
        train: label -> levels of the training images.
        test: likewise.
        class_names: of the labels.
    """
    fewest = {label: min(train[label].count, test[label].count) for label in train.keys() & test.keys()}
    label = max((one for one, count in fewest.items() if count >= _SOME), key=lambda one: fewest[one], default=None)
    of_all = _joined(train.values()), _joined(test.values())
    here, there = of_all if label is None else (train[label], test[label])
    is_other = here.are_few() != there.are_few() and (label is not None or there.are_few())
    if is_other and min(here.count, there.count) >= _SOME:
        of_class = "" if label is None else f" of class {one_line(class_names[label])}"
        return f"SCALED OTHERWISE: {_used(here, there, of_class)}; scale both alike"
    if all(levels.are_few() for levels in of_all):
        return f"FEW LEVELS: {_used(*of_all)}; if 255 is not the greatest level of their kind, scale them up to it"
    return None


def _joined(parts: Iterable[Levels]) -> Levels:
    found = Levels()
    for one in parts:
        found = Levels(min(found.low, one.low), max(found.high, one.high), found.count + one.count)
    return found


def _used(train: Levels, test: Levels, of_class: str = "") -> str:
    return (
        f"training images{of_class} use the levels {train.low} to {train.high} of 0 to 255, test images {test.low} to "
        f"{test.high}"
    )
