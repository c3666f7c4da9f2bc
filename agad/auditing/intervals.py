"""AUROC over test images, and the difference between two on the same images, each with its interval.

DeLong, DeLong and Clarke-Pearson (1988), equations 3 to 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agad.scoring.auroc import auroc_interval

_DEVIATE = 1.959963984540054
"""The normal deviate of agad.scoring.auroc.LEVEL, two-sided."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval over test images; `low` and `high` are None where too few images hold it."""

    value: float
    low: float | None
    high: float | None

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low is not None and self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Whether the whole interval is below zero."""
        return self.high is not None and self.high < 0


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """Where each image stands among those of the other label; their mean is the AUROC.

    Attributes:
        of_anomalies: (A,) share of normals with a lower score, ties half.
        of_normals: (M,) share of anomalies with a higher score, ties half.
    """

    of_anomalies: NDArray[np.float64]
    of_normals: NDArray[np.float64]

    @classmethod
    def of(cls, labels: NDArray[np.int64], scores: NDArray[np.float64]) -> Placements:
        """The placements of scores (N,), finite, under labels (N,) 0 normal, 1 anomalous; both occur."""
        anomalies, normals = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
        return cls(_share_below(scores[labels == 1], normals), 1 - _share_below(scores[labels == 0], anomalies))

    @classmethod
    def mean(cls, several: Sequence[Placements]) -> Placements:
        """The mean over several scorings of the same images."""
        return cls(
            np.mean([one.of_anomalies for one in several], axis=0), np.mean([one.of_normals for one in several], axis=0)
        )

    def __sub__(self, other: Placements) -> Placements:
        return Placements(self.of_anomalies - other.of_anomalies, self.of_normals - other.of_normals)

    def auroc(self) -> Estimate:
        """The AUROC with its interval, both in [0, 1].

        At 0 and 1 no placement varies, which is no certainty: there the interval is Newcombe's.
        """
        found = self.estimate()
        if found.low is None or found.high is None:
            return found
        if found.value in (0.0, 1.0):
            return Estimate(found.value, *auroc_interval(found.value, len(self.of_normals), len(self.of_anomalies)))
        return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))

    def estimate(self) -> Estimate:
        """The AUROC, or the difference of two, with its interval by their variance alone."""
        value = float(self.of_anomalies.mean())
        if min(len(self.of_anomalies), len(self.of_normals)) < 2:
            return Estimate(value, None, None)
        variance = sum(float(part.var(ddof=1)) / len(part) for part in (self.of_anomalies, self.of_normals))
        reach = _DEVIATE * math.sqrt(variance)
        return Estimate(value, value - reach, value + reach)


def _share_below(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each score the share of `others`, sorted, that are lower, ties half."""
    below = np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")
    return np.asarray(below / (2 * len(others)), dtype=np.float64)
