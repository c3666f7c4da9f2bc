"""Interquartile mean over runs, and intervals of correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .crossed import LEVEL, NOISE, Interval, Runs
from .spread import aligned
from .ties import levelled_gains

BOOTSTRAP_FROM = 5
"""Fewest seeds for a percentile bootstrap: at 3 its 95% interval covers 87% (10 classes)."""

BOOTSTRAP_FROM_SHARED = 10
"""The same where all classes share their seeds, of which there are then fewer: at 5 it covers 79 to 88%."""


def iqm_interval(of_class: Sequence[NDArray[np.float64]], *, seed: int = 0, resamples: int = 2000) -> Interval:
    """Interquartile mean over all runs of all classes.

    Its interval is a bootstrap that resamples runs within each class (percentile, scipy), from BOOTSTRAP_FROM runs of
    each class on: with fewer, or where no class has runs that differ, it would claim a level that it does not hold.
    """
    from scipy import stats as distributions

    joined = np.concatenate(list(of_class))
    estimate = float(distributions.trim_mean(joined, 0.25))
    if min(map(len, of_class)) < BOOTSTRAP_FROM:
        return Interval(estimate, None, None, f"fewer than {BOOTSTRAP_FROM} seeds: no interval")
    if not any(np.ptp(one) for one in of_class):
        return Interval(estimate, None, None, "no spread among seeds was seen: no interval")

    def statistic(*samples: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(distributions.trim_mean(np.concatenate(samples, axis=-1), 0.25, axis=axis))

    result = distributions.bootstrap(
        tuple(of_class),
        statistic,
        n_resamples=resamples,
        confidence_level=LEVEL,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    ends = result.confidence_interval
    return Interval(estimate, float(ends.low), float(ends.high), "bootstrap of runs within classes, percentile")


def improvement_interval(
    a: Runs,
    b: Runs,
    class_of_cell: NDArray[Any] | None = None,
    *,
    shared: bool,
    seed: int = 0,
    resamples: int = 2000,
) -> Interval:
    """Probability that a run of B beats one of A on the same class, mean over classes, ties half (Agarwal et al. 2021).

    Of each class Mann-Whitney's U over its maximum, of one with several cells (what is known) the mean of theirs. The
    interval is a stratified bootstrap (percentile): seeds are drawn within each class, or, where the classes share
    them, for all at once; A's and B's run of a seed together, as they start from the same weights. None below
    BOOTSTRAP_FROM (BOOTSTRAP_FROM_SHARED) seeds of a cell, nor where in each cell B wins all pairs, none, or ties in
    all: a bootstrap would then say that it always does.

    Args:
        a: the runs of A by cell and seed (see crossed.Runs).
        b: those of B, alike.
        class_of_cell: (K,) the class of each cell; None: each is of another class.
        shared: whether a seed means the same initial weights and batches in every class.
        seed: of the bootstrap.
        resamples: of it.
    """
    distance = levelled_gains(b[:, :, None] - a[:, None, :])
    there = (~np.isnan(distance)).astype(float)
    wins = np.where(there > 0, (distance > 0) + 0.5 * (distance == 0), 0.0)
    names, place = np.unique(np.arange(len(a)) if class_of_cell is None else class_of_cell, return_inverse=True)
    classes, seeds = len(names), a.shape[1]
    estimate = float(_over_classes((wins.sum(axis=(1, 2)) / there.sum(axis=(1, 2)))[None], place)[0])
    fewest = BOOTSTRAP_FROM_SHARED if shared else BOOTSTRAP_FROM
    if (~np.isnan(a)).sum(axis=1).min() < fewest:
        return Interval(estimate, None, None, f"fewer than {fewest} seeds: no interval")
    if all(len(np.unique(one[pairs > 0])) == 1 for one, pairs in zip(wins, there, strict=True)):
        return Interval(estimate, None, None, "every pair falls the same way: no interval")
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=(resamples, 1 if shared else classes))
    count = np.broadcast_to(draws, (resamples, classes, seeds))[:, place].astype(float)
    won, of = (np.einsum("rki,kij,rkj->rk", count, values, count, optimize=True) for values in (wins, there))
    # A cell of which a draw took only missing runs is left out of it.
    means = _over_classes(np.divide(won, of, out=np.full_like(won, np.nan), where=of > 0), place)
    low, high = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(estimate, float(low), float(high), "bootstrap of seeds within classes, percentile")


def _over_classes(of_cells: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R,) mean over classes of the means over their cells, from (R, K) and the number of each cell's class."""
    rows, cells = of_cells.shape
    places = np.stack([np.tile(place, rows), np.repeat(np.arange(rows), cells)])
    means: NDArray[np.float64] = np.nanmean(aligned(places, of_cells.ravel(), places.max(axis=1) + 1), axis=0)
    return means


def fisher_interval(correlation: float, count: int) -> tuple[float, float] | None:
    """Interval of Pearson's correlation by Fisher's z, for values that are about normal.

    None below four pairs, and of a perfect correlation, of which z would be certain.
    """
    if count < 4 or _is_perfect(correlation):
        return None
    from scipy.special import ndtri

    half = float(ndtri((1 + LEVEL) / 2)) / float(np.sqrt(count - 3))
    z = np.arctanh(correlation)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def spearman_interval(correlation: float, count: int) -> tuple[float, float] | None:
    """Interval of Spearman's rank correlation by Fisher's z with Bonett and Wright's error; None as of Pearson's."""
    if count < 4 or _is_perfect(correlation):
        return None
    from scipy.special import ndtri

    half = float(ndtri((1 + LEVEL) / 2)) * float(np.sqrt((1 + correlation**2 / 2) / (count - 3)))
    z = np.arctanh(correlation)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _is_perfect(correlation: float) -> bool:
    return abs(correlation) > 1 - NOISE
