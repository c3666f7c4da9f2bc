"""Whether size and colours of the files alone tell a class: a detector may then learn how images were stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agad.data.names import one_line

Shape = tuple[int, ...]
"""Of an image as it was read: (H, W), or (H, W, 3) in colour."""

TELLING = 0.75
"""AUROC from which on a class counts as told."""


def told_by_storage(shapes: Mapping[tuple[Shape, int], int], class_names: tuple[str, ...]) -> str | None:
    """A note on the class that is told best by its images' shapes; None where none is told.

    An image's score is the share of the class among the other images of its shape; of an image whose shape is no
    other's, its share among all. So a data set of which each image has a size of its own is not noted.

    Args:
        shapes: (shape, label) -> number of images.
        class_names: by label.
    """
    places = {shape: place for place, shape in enumerate(sorted({shape for shape, _ in shapes}))}
    if len(places) < 2:
        return None
    counts = np.zeros((len(places), len(class_names)), np.int64)
    for (shape, label), count in shapes.items():
        counts[places[shape], label] = count
    areas = [_auroc(counts, label) for label in range(len(class_names))]
    best = int(np.argmax(areas))
    if areas[best] < TELLING:
        return None
    kinds = list(places)
    of = (counts[:, best], counts.sum(1) - counts[:, best])
    own, others = (f"{_named(kinds[int(np.argmax(one))])} ({one.max()} of {one.sum()})" for one in of)
    return one_line(
        f"STORED OTHERWISE: size and colours of the files alone tell class {class_names[best]} from the others with an "
        f"AUROC of {areas[best]:.2f}, and a detector may learn them; most often it has {own}, the others {others}"
    )


def _auroc(counts: NDArray[np.int64], label: int) -> float:
    from sklearn.metrics import roc_auc_score

    own, total = counts[:, label], counts.sum(1)
    if not 0 < own.sum() < total.sum():
        return 0.0
    chance = own.sum() / total.sum()
    labels, scores, weights = [], [], []
    for is_own, images in ((1, own), (0, total - own)):
        labels += [is_own] * len(own)
        scores += np.where(total > 1, (own - is_own) / np.maximum(total - 1, 1), chance).tolist()
        weights += images.tolist()
    return float(roc_auc_score(labels, scores, sample_weight=weights))


def _named(shape: Shape) -> str:
    return f"{shape[1]}x{shape[0]} {'in colour' if len(shape) > 2 else 'in grey'}"
