"""What is printed about a prepared data set, from its meta.json alone: no array is read, and no torch is needed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agad.data.names import one_line

_WIDTH = 118
_MOST_CLASSES = 40
"""Classes that are listed; of more the number is said."""


def summary_lines(meta: Mapping[str, Any], folder: Path) -> list[str]:
    """Name, counts, digest and folder; each class with its index, training and test images; then each note.

    Args:
        meta: `dataset`, `image_size`, `digest`, `class_names`, `train_counts`, `test_counts` and `notes` of meta.json.
        folder: where it lies.
    """
    train, test = sum(meta["train_counts"]), sum(meta["test_counts"])
    size = meta["image_size"]
    head = f"{meta['dataset']} {size}x{size}: {train} training and {test} test images, digest {meta['digest'][:12]}"
    counted = list(zip(meta["class_names"], meta["train_counts"], meta["test_counts"], strict=True))
    classes = [f"{index} {one_line(name)} {of[0]}+{of[1]}" for index, (name, *of) in enumerate(counted[:_MOST_CLASSES])]
    if len(counted) > _MOST_CLASSES:
        classes.append(f"and {len(counted) - _MOST_CLASSES} more")
    listed = textwrap.wrap(
        f"classes (training+test): {', '.join(classes)}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f"{head}, {folder}", *listed, *(f"  note: {note}" for note in meta["notes"])]
