"""What is known of a prepared data set beside its images, from small files: nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agad.data.cache import RAW_DIGITS
from agad.data.summary import summary_lines


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataFacts:
    """A data set at one size, without its images.

    Attributes:
        dataset: its name, as in RunSpec.
        image_size: height and width in pixels.
        train_labels: (N,) int64 class indices.
        test_labels: likewise, of the whole test set.
        channels: 1 (grey) or 3 (RGB).
        class_names: one name per class index.
        digest: SHA-256 of images and labels; equal data have equal digests on every machine.
        duplicates: `test_in_train`: number of test images whose pixels equal a training image's; `across_classes`:
            number of images that also occur under another label; `within_train` and `within_test`: number of images
            that repeat an earlier one. Empty where nothing is known.
        damaged: (file, reason) of every image that could not be decoded and was left out.
        notes: what a reader of results should know about these data, one sentence each.
        folder: the folder of the arrays.
        served: how it was opened, where that is not the usual way: without raw data, or as other code prepared it.
        aspects: of each class the least and the greatest width:height of its training images before they were resized,
            None where it has none; empty where nothing is known.
    """

    dataset: str
    image_size: int
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]
    channels: int
    class_names: tuple[str, ...]
    digest: str
    duplicates: dict[str, int]
    damaged: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    folder: Path
    served: tuple[str, ...] = ()
    aspects: tuple[tuple[float, float] | None, ...] = ()

    @property
    def raw_digest(self) -> str | None:
        """Of the raw files, their notes and classes, and of the code, whatever the image size; None of data in memory.

        It is the end of the folder's name, see cache.folder_of.
        """
        return self.folder.name[-RAW_DIGITS:] or None

    @property
    def train_counts(self) -> tuple[int, ...]:
        """Training images per class."""
        return tuple(np.bincount(self.train_labels, minlength=len(self.class_names)).tolist())

    @property
    def test_counts(self) -> tuple[int, ...]:
        """Test images per class."""
        return tuple(np.bincount(self.test_labels, minlength=len(self.class_names)).tolist())

    def summary(self) -> list[str]:
        """Lines to print: name, counts, digest and folder, the classes with their counts, then each note."""
        known = {
            "dataset": self.dataset,
            "image_size": self.image_size,
            "digest": self.digest,
            "class_names": self.class_names,
            "train_counts": self.train_counts,
            "test_counts": self.test_counts,
            "notes": (*self.served, *self.notes),
        }
        return summary_lines(known, self.folder)
