"""The area under the ROC curve, and its interval over test images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Of every interval."""


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


def auroc_interval(auroc: float, normals: int, anomalies: int) -> tuple[float, float]:
    """The interval of an AUROC at LEVEL over fresh test images, of one trained detector (Newcombe 2006, method 5).

    The variance is Hanley and McNeil's with the mean size in place of both; the ends are the AUROCs that lie 1.96 of
    their own standard errors from the estimate, so that they stay within [0, 1] and have a width at 1.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z, extra = float(ndtri((1 + LEVEL) / 2)), (normals + anomalies) / 2 - 1

    def distance(true: float) -> float:
        spread = 1 + extra * ((1 - true) / (2 - true) + true / (1 + true))
        return (auroc - true) ** 2 - z**2 * true * (1 - true) * spread / (normals * anomalies)

    # The ends 0 and 1 solve the equation trivially where the estimate is there: its root inside is meant.
    low = 0.0 if auroc == 0 else float(brentq(distance, 0, min(auroc, 1 - 1e-9)))
    high = 1.0 if auroc == 1 else float(brentq(distance, max(auroc, 1e-9), 1))
    return low, high
