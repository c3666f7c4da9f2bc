"""The one-class split: which training images are normals, which are anomalies, and the labels of the test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agad.data.facts import DataFacts
from agad.errors import SpecError
from agad.spec.counts import draw_key, roles
from agad.spec.run import RunSpec


@dataclass(frozen=True, slots=True, eq=False)
class OneClassSplit:
    """The images of a run.

    Attributes:
        normal: indices of training images, (n,) int64, rising: all images of the normal classes that are not held out.
        anomaly: indices of training images, (a,) int64, in the order they were drawn: of draws at two gammas, the
            smaller is the beginning of the larger.
        test_class: class of each image of the whole official test set, (N,) int64.
        test_label: 0 normal, 1 anomalous, (N,) int64.
        drawn_anomaly_classes: classes that the training anomalies were drawn from; empty at gamma = 0.
        validation: indices of training images that are scored and never trained on, (v,) int64, normals first.
        validation_label: 0 normal, 1 anomalous, (v,) int64.
        validation_anomaly_classes: classes of the anomalous ones.
    """

    normal: NDArray[np.int64]
    anomaly: NDArray[np.int64]
    test_class: NDArray[np.int64]
    test_label: NDArray[np.int64]
    drawn_anomaly_classes: tuple[int, ...]
    validation: NDArray[np.int64]
    validation_label: NDArray[np.int64]
    validation_anomaly_classes: tuple[int, ...]


def one_class_split(prepared: DataFacts, spec: RunSpec) -> OneClassSplit:
    """Split a prepared data set for a run: all normals and a anomalies, gamma = a / (n + a) (AGAD, section 4.2.2).

    A validation, which the paper does not have, holds out some of the normals.

    Anomalies are drawn without replacement, each training image of the known anomaly classes being equally likely.
    The draw depends on data set, protocol, class, known classes and seed only, and is nested in gamma: it is the
    beginning of one permutation of the pool. That permutation sorts the raw output of PCG64, seeded by a SHA-256: numpy
    guarantees that stream for all versions, unlike that of Generator.permutation, and torch is not involved.

    The validation images of each class are the beginning of a permutation too, which does not depend on gamma either.
    Training draws as it would without a validation, and skips these images.

    Raises SpecError, one line: more anomalies than training images, or none at gamma > 0; a class that does not exist
    or has no training image; a test set without normals or without anomalies, where it is to be scored.
    """
    labels = prepared.train_labels
    parts = roles(spec, prepared.train_counts)
    test_label = (~np.isin(prepared.test_labels, parts.normal)).astype(np.int64)
    for label, kind in enumerate(("normal", "anomalous")):
        if spec.evaluate_test and label not in test_label:
            raise SpecError(f"{spec.dataset}: the test set has no {kind} image, so that nothing can be scored")
    normal = _images_of(labels, parts.normal)
    held_out = _shuffled(normal, draw_key(spec, "validation normals"))[: parts.validation_normals]
    set_apart = [
        _shuffled(_images_of(labels, (c,)), draw_key(spec, "validation anomalies", c))[:count]
        for c, count in parts.validation_anomalies.items()
    ]
    validation = np.concatenate([held_out, *set_apart])
    anomaly = np.empty(0, np.int64)
    if parts.drawn:
        order = _shuffled(_images_of(labels, parts.drawn), draw_key(spec, "training anomalies", parts.drawn))
        anomaly = _without(order, validation)[: parts.anomalies]
    return OneClassSplit(
        normal=_without(normal, validation),
        anomaly=anomaly,
        test_class=prepared.test_labels,
        test_label=test_label,
        drawn_anomaly_classes=parts.drawn,
        validation=validation,
        validation_label=(np.arange(len(validation)) >= len(held_out)).astype(np.int64),
        validation_anomaly_classes=tuple(parts.validation_anomalies),
    )


def _images_of(labels: NDArray[np.int64], classes: Sequence[int]) -> NDArray[np.int64]:
    """Indices of the images of some classes, rising."""
    return np.flatnonzero(np.isin(labels, classes)).astype(np.int64)


def _shuffled(pool: NDArray[np.int64], key: bytes) -> NDArray[np.int64]:
    """The pool in the order that the key decides."""
    raw = np.random.PCG64(int.from_bytes(key, "big")).random_raw(len(pool))
    return pool[np.argsort(raw, kind="stable")]


def _without(images: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """The images in their order, those of `others` left out."""
    return images[~np.isin(images, others)]
