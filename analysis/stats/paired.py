"""Two variants on the same classes, seeds and draws, and what fixed classes alone can say."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .crossed import NOISE, Interval, mean_interval
from .robust import improvement_interval
from .spread import by_class, class_of_cell, crossed_runs
from .ties import levelled_gains

WILCOXON_FROM = 6
"""Classes from which on an exact two-sided Wilcoxon test can fall below .05 (2 / 2^6 = .03)."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Variant B minus variant A on the same classes, seeds and draws.

    Attributes:
        difference: mean over classes of the mean over seeds, with its interval over seeds, in [0, 1].
        improvement: probability that a run of B beats one of A, mean over classes, ties half; with its interval (see
            improvement_interval).
        p_value: two-sided, of no difference (Wilcoxon over the classes' mean differences); None below 6 classes,
            where it cannot fall below .05; 1 where it speaks for the other side (see mean_wilcoxon).
        pairs: pairs of runs that both variants have.
        classes: classes with a pair.
    """

    difference: Interval
    improvement: Interval
    p_value: float | None
    pairs: int
    classes: int


def paired(
    a: pd.DataFrame, b: pd.DataFrame, value: str = "auroc", of: Sequence[str] = ("class",), *, shared: bool = True
) -> PairedComparison | None:
    """Compare two variants pair by pair; None where no pair is complete.

    Args:
        a: rows with the columns `of`, `seed` and `value`; at most one for each class and seed.
        b: likewise.
        value: column that is compared.
        of: columns that distinguish what has a run of each seed: `class`, and `known` where classes have several such
            cells. These are averaged by class, as tables do (see spread.by_class).
        shared: whether a seed means the same initial weights and batches in every class (see crossed).
    """
    pair = [*of, "seed"]
    joined = a[[*pair, value]].merge(b[[*pair, value]], on=pair, suffixes=("_a", "_b"))
    joined = joined.dropna()
    if joined.empty:
        return None
    joined["gain"] = joined[f"{value}_b"] - joined[f"{value}_a"]
    classes = class_of_cell(joined, of)
    gains = crossed_runs(joined, "gain", of)
    runs = [crossed_runs(joined, f"{value}_{name}", of) for name in ("a", "b")]
    assert gains is not None  # joined is not empty
    assert runs[0] is not None
    assert runs[1] is not None
    gains = by_class(gains, classes)
    return PairedComparison(
        difference=mean_interval(gains, shared=shared),
        improvement=improvement_interval(runs[0], runs[1], classes, shared=shared),
        p_value=mean_wilcoxon(np.nanmean(gains, axis=1)),
        pairs=len(joined),
        classes=len(gains),
    )


def wilcoxon(gains: NDArray[np.float64]) -> float | None:
    """Two-sided p of no difference, signed ranks of one gain per class; None of fewer than WILCOXON_FROM, or all 0.

    It takes the classes as they are: that they share a test set does not matter, that a seed moves them together does.
    Gains that differ by rounding alone are tied (see ties).
    """
    from scipy import stats as distributions

    gains = levelled_gains(gains)
    if len(gains) < WILCOXON_FROM or not np.any(gains != 0):
        return None
    moved = gains[gains != 0]
    if len(moved) > _MOST_EXACT:
        return float(distributions.wilcoxon(gains).pvalue)
    # Exact, ties or not; of ties scipy does the same through a general permutation test, in .2 s each.
    ranks = distributions.rankdata(np.abs(moved))
    distance = np.abs(_signs(len(moved)) @ ranks)
    return float(np.mean(distance >= abs(float(np.sign(moved) @ ranks)) - 1e-9))


def mean_wilcoxon(gains: NDArray[np.float64]) -> float | None:
    """The same where it speaks of the mean: 1 where the signed ranks point to another side than the mean does.

    Of many classes that lose a little and two that win much, the ranks say that most lose, and the mean that they win:
    neither bears the other out.
    """
    from scipy import stats as distributions

    p = wilcoxon(gains)
    gains = levelled_gains(gains)
    moved = gains[gains != 0]
    ranks = float(np.sign(moved) @ distributions.rankdata(np.abs(moved)))
    if p is None or ranks * _unless_rounding(float(gains.mean())) > 0:
        return p
    return 1.0


def _unless_rounding(mean: float) -> float:
    """The mean, 0 where only the rounding of its sum keeps it off."""
    return 0.0 if abs(mean) <= NOISE else mean


_MOST_EXACT = 13
"""Classes that move up to which all their signs are tried, as scipy does."""


@functools.cache
def _signs(count: int) -> NDArray[np.float64]:
    """All ways to sign so many numbers, (2^count, count)."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=count)))


def sign_test(gains: NDArray[np.float64]) -> float | None:
    """Two-sided p of as many classes up as down, ties left out (see ties); None where all are ties."""
    gains = levelled_gains(gains)
    up, down = int((gains > 0).sum()), int((gains < 0).sum())
    at_most = sum(math.comb(up + down, count) for count in range(min(up, down) + 1))
    return min(1.0, 2 * at_most / 2 ** (up + down)) if up + down else None
