"""Effect: what a claim is about, as a number with its interval and its p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import stats
from ..stats.crossed import spread
from ..stats.paired import WILCOXON_FROM
from .claim import Beats, Gains

FEWEST_SEEDS = 3
"""Seeds from which the interval over seeds decides; with fewer the classes do, as they are, and n says so."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a claim is about, measured under one protocol.

    Attributes:
        interval: of the effect, in points of AUROC or the measure's own unit.
        over: `seeds` or `classes`.
        p_value: two-sided, of no effect (or, of a claim `within`, of a larger one); None where nothing can be said.
        classes: number of classes.
        seeds: number of seeds.
        runs: how many there are, or pairs of runs, of a class and seed each.
        right: whether the estimate is on the claim's side.
    """

    interval: stats.Interval
    over: str
    p_value: float | None
    classes: int
    seeds: int
    runs: int
    right: bool

    @property
    def outcome(self) -> bool | None:
        """True: borne out; False: the opposite is; None: neither."""
        return self.right if self.p_value is not None and self.p_value <= 1 - stats.LEVEL else None


def effect_of(gains: NDArray[np.float64], test: Beats | Gains, *, shared: bool) -> Effect:
    """The mean of gains by class and seed, its interval and p: over seeds where there are enough, else over classes.

    Neither where there are enough seeds and no interval over them: without a spread, or in the middle of another seed.
    """
    classes, seeds = gains.shape
    count = classes, seeds, int(np.count_nonzero(~np.isnan(gains)))
    of_class = np.nanmean(gains, axis=1)
    few = classes < WILCOXON_FROM
    by_seeds = spread(gains, shared=shared)
    over_classes = stats.class_interval(of_class)
    assert over_classes is not None  # a class at least
    if by_seeds.error is None and seeds >= FEWEST_SEEDS:
        return Effect(by_seeds.interval(), "seeds", None, *count, right=False)
    if by_seeds.error is not None and (seeds >= FEWEST_SEEDS or few):
        interval, over = by_seeds.interval(), "seeds"
        error, degrees = by_seeds.error, by_seeds.degrees
        p_values: list[float | None] = [_p_value(interval.estimate - edge, error, degrees) for edge in test.edges]
    else:
        interval, over = over_classes, "classes"
        p_values = [stats.mean_wilcoxon(of_class - edge) for edge in test.edges]
    # Of two edges the nearer counts: inside, both must be far enough (two one-sided tests); beyond, the one crossed.
    p_value = None if None in p_values else max(p for p in p_values if p is not None)
    return Effect(interval, over, p_value, *count, test.says(interval.estimate))


def _p_value(distance: float, error: float, degrees: float) -> float:
    """Two-sided p of Student's t."""
    from scipy.special import stdtr

    return 2 * float(stdtr(degrees, -abs(distance) / error))
