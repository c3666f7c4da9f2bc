"""The area under the ROC curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def auroc(scores: NDArray[np.floating[Any]], label: NDArray[np.integer[Any]]) -> float:
    """The share of pairs of a normal and an anomaly in which the anomaly has the higher score; a tie counts half.

    That is the area under the ROC curve (Mann and Whitney's U over the number of pairs). Pairs are counted, so the
    result is rounded once. Not scikit-learn's: its import takes as long as the rest of a worker's start but torch.

    Args:
        scores: (N,) finite, higher is more anomalous.
        label: (N,) 0 normal, 1 anomalous.

    Returns:
        In [0, 1]; NaN where there is no pair.
    """
    normals, anomalies = np.sort(scores[label == 0]), scores[label == 1]
    pairs = len(normals) * len(anomalies)
    if not pairs:
        return float("nan")
    below = np.searchsorted(normals, anomalies, "left").sum()
    equal_or_below = np.searchsorted(normals, anomalies, "right").sum()
    return (int(below) + int(equal_or_below)) / (2 * pairs)
