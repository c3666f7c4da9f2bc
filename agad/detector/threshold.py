"""Thresholds from held-out normals, and how sure rates are: order statistics, without a model of the scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agad.errors import SpecError
from agad.scoring.auroc import LEVEL

Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score above which an image is called anomalous.

    Attributes:
        value: the threshold.
        quantile: q: of new normals a share of at least q is expected at or below it.
        low: lower end of the interval of the normals' true q-quantile, at LEVEL; None: too few images for one.
        high: upper end.
        held_out: number of held-out normals that it comes from.
    """

    value: float
    quantile: float
    low: float | None
    high: float | None
    held_out: int

    @property
    def name(self) -> str:
        """`q=0.95`: with as many digits as tell it from 1."""
        short = f"{self.quantile:.3g}"
        return f"q={short if float(short) < 1 else f'{self.quantile:.9g}'}"

    @property
    def nominal_rate(self) -> float:
        """The false positive rate that it is meant to have, 1 - q."""
        return 1 - self.quantile


def highest_quantile(count: int) -> float:
    """The largest q that `count` held-out normals allow, n / (n + 1)."""
    return count / (count + 1)


def threshold_of(held_out: Scores, quantile: float) -> Threshold:
    """The ceil((n + 1) q)-th smallest of n scores, of which a new normal exceeds it with probability 1 - q at most.

    That holds for any distribution of scores, over the draw of the held-out normals and of the new one (split conformal
    prediction; Vovk, Gammerman and Shafer 2005). The interval is that of order statistics, from the binomial.

    Args:
        held_out: (n,) scores, sorted.
        quantile: q in (0, 1).

    Raises SpecError where n is too small for q.
    """
    count = len(held_out)
    if not 0 < quantile < 1:
        raise SpecError(f"q={quantile:g} is no quantile: it must be between 0 and 1")
    rank = _rank(count, quantile)
    if rank > count:
        raise SpecError(
            f"q={quantile:g} needs {math.ceil(quantile / (1 - quantile) - 1e-9)} held-out normals, the detector has "
            f"{count}: take q={math.floor(highest_quantile(count) * 1000) / 1000:g} at most, or fit with more images"
        )
    low, high = _ranks(count, quantile)
    return Threshold(
        value=float(held_out[rank - 1]),
        quantile=quantile,
        low=None if low is None else float(held_out[low - 1]),
        high=None if high is None else float(held_out[high - 1]),
        held_out=count,
    )


def _rank(count: int, quantile: float) -> int:
    return math.ceil((count + 1) * quantile - 1e-9)


def _ranks(count: int, quantile: float) -> tuple[int | None, int | None]:
    """Ranks, from 1, between which the true quantile lies at LEVEL, half of the rest on either side."""
    from scipy.special import bdtr

    tail = (1 - LEVEL) / 2
    at_most = bdtr(np.arange(count), count, quantile)  # P(at most k of the scores lie below the true quantile)
    low = int(np.searchsorted(at_most, tail, side="right"))  # number of k with P <= tail: the rank itself
    high = int(np.searchsorted(at_most, 1 - tail)) + 1
    return (low or None), (high if high <= count else None)


def percentiles(held_out: Scores, scores: Scores) -> NDArray[np.float64]:
    """Of each score, the percentage of held-out normals (sorted) that do not exceed it; NaN of a score that is none."""
    shares = 100 * np.searchsorted(held_out, scores, side="right") / len(held_out)
    return np.where(np.isnan(scores), np.nan, shares)


def rate_interval(hits: int, count: int) -> tuple[float, float]:
    """The interval of a rate, hits of count, at LEVEL (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, tail))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1 - tail))
    return low, high


def excess_p_value(hits: int, count: int, held_out: int, quantile: float) -> float:
    """Probability that so many of `count` new normals, or more, exceed the threshold for q of `held_out` ones.

    If all are of one kind, each order of them is as likely as any other, and the hits are beta-binomial: the threshold
    is as random as the hits are. Equal scores only make hits rarer.
    """
    from scipy.special import betaln, gammaln

    below = _rank(held_out, quantile)
    above = held_out + 1 - below
    k = np.arange(hits, count + 1)
    ways = gammaln(count + 1) - gammaln(k + 1) - gammaln(count - k + 1)
    return min(1.0, float(np.exp(ways + betaln(k + above, count - k + below) - betaln(above, below)).sum()))
