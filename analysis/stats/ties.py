"""Ties: equal AUROCs that differ in their last bits are equal to every test of signs and ranks.

An AUROC is a sum of ratios, so two score vectors that order as many pairs rightly can give .8 and the number beside it,
and differences of such numbers more so. Of small test sets and few classes these last bits would decide the ranks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .crossed import NOISE


def levelled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same numbers, those within NOISE of each other made one: the least of them; NaN stays.

    Not rounded to a grid: two equal numbers can lie on either side of the middle between its points, as .5 / 1024 does.
    """
    if not len(values):
        return values
    order = np.argsort(values)
    rising = values[order]
    is_first = np.append(True, ~(np.diff(rising) <= NOISE))
    found = np.empty_like(rising)
    found[order] = rising[is_first][np.cumsum(is_first) - 1]
    return found


def levelled_gains(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same differences, 0 where rounding alone makes them, and equal amounts up and down the same number."""
    amounts = levelled(np.append(0.0, np.abs(gains).ravel()))[1:].reshape(gains.shape)
    return np.sign(gains) * amounts
