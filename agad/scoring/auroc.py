"""The area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auroc(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Area under the ROC curve, in [0, 1].

    The bits of scikit-learn's `roc_auc_score`, without its import: that takes a worker as long as torch's.

    Args:
        labels: 1 for anomalies, 0 for normals (N); both must occur.
        scores: higher for anomalies, finite (N).
    """
    order = np.argsort(scores)[::-1]
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each group of equal scores
    hits = np.cumsum(labels[order], dtype=np.float64)[ends]
    alarms = 1 + ends - hits
    if len(ends) > 2:  # corners only: what lies on a straight line changes the sum's rounding, and nothing else
        corners = np.concatenate(([True], (np.diff(alarms, 2) != 0) | (np.diff(hits, 2) != 0), [True]))
        hits, alarms = hits[corners], alarms[corners]
    return float(np.trapezoid(np.append(0.0, hits / hits[-1]), np.append(0.0, alarms / alarms[-1])))
