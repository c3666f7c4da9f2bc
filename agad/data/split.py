"""The one-class split: which training images are normals, which are anomalies, and how the test set is labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agad.data.prepared import Prepared
from agad.datasets import draw_key, roles
from agad.errors import SpecError
from agad.spec import RunSpec


@dataclass(frozen=True, slots=True, eq=False)
class OneClassSplit:
    """The images of a run.

    Attributes:
        normal: indices of training images, (n,) int64, rising: all images of the normal classes.
        anomaly: indices of training images, (a,) int64, in the order they were drawn: at another gamma, one is the
            beginning of the other.
        test_class: class of each image of the whole official test set, (N,) int64.
        test_label: 0 normal, 1 anomalous, (N,) int64.
        drawn_anomaly_classes: classes that the training anomalies were drawn from; empty at gamma = 0.
    """

    normal: NDArray[np.int64]
    anomaly: NDArray[np.int64]
    test_class: NDArray[np.int64]
    test_label: NDArray[np.int64]
    drawn_anomaly_classes: tuple[int, ...]


def one_class_split(prepared: Prepared, spec: RunSpec) -> OneClassSplit:
    """Split a prepared data set as `spec` says: gamma = a / (n + a), all normals kept (AGAD, section 4.2.2).

    Anomalies are drawn without replacement, each training image of the known anomaly classes being equally likely.
    The draw depends on data set, protocol, class, known classes and seed only, and is nested in gamma: it is the
    beginning of one permutation of the pool. That permutation sorts the raw output of PCG64, seeded by a SHA-256: numpy
    promises that stream for all versions, unlike that of Generator.permutation, and torch has no part in it.

    Raises SpecError, one line: more anomalies than there are, or none at gamma > 0; a class that does not exist or has
    no training image; a test set without normals or without anomalies.
    """
    labels = prepared.train_labels
    parts = roles(spec, prepared.train_counts)
    test_label = (~np.isin(prepared.test_labels, parts.normal)).astype(np.int64)
    for label, kind in enumerate(("normal", "anomalous")):
        if label not in test_label:
            raise SpecError(f"{spec.dataset}: the test set has no {kind} image, so that nothing can be scored")
    anomaly = np.empty(0, np.int64)
    if parts.drawn:
        pool = np.flatnonzero(np.isin(labels, parts.drawn)).astype(np.int64)
        seed = int.from_bytes(draw_key(spec, "training anomalies", parts.drawn), "big")
        order = np.argsort(np.random.PCG64(seed).random_raw(len(pool)), kind="stable")
        anomaly = pool[order[: parts.anomalies]]
    return OneClassSplit(
        normal=np.flatnonzero(np.isin(labels, parts.normal)).astype(np.int64),
        anomaly=anomaly,
        test_class=prepared.test_labels,
        test_label=test_label,
        drawn_anomaly_classes=parts.drawn,
    )
