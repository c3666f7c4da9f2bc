"""Intervals over fresh seeds from runs that are crossed: each class with each seed.

The classes are fixed, the seeds are drawn. Two models say how the runs of one seed belong together.

Shared seeds: the runs of one seed have the same initial weights and the same order of batches in every class, so that
all classes move together: y_ks = mu_k + b_s + e_ks. The variance of the mean over classes is that of the seed means; a
seed more or less counts, a class does not. Without missing cells the interval is Student's t of the seed means.

Own seeds: each class draws its own. Then the variance is the mean over classes of s_k^2 / n_k over K, each class with
a variance of its own, and Welch's degrees of freedom.

docs/statistics.md says which is used when; `python -m benchmarks.coverage` measures whether they hold their level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Level of every interval."""

NOISE = 1e-12
"""A spread that rounding alone makes: less was not seen. Two runs that differ at all are further apart."""

_UNSEEN = "no spread among seeds was seen: no interval over seeds"

Runs = NDArray[np.float64]
"""(K, S) a number for each class and seed; NaN where there is no run. Each class and each seed has one at least."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval at LEVEL; `low` and `high` are None where too few runs hold the level.

    Attributes:
        estimate: of the scores' own unit.
        low: lower end.
        high: upper end.
        method: how the ends were found, or why there are none, in words.
    """

    estimate: float
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a mean over classes of means over seeds may be off.

    Attributes:
        mean: the mean over classes of the means over seeds.
        variance: of it, over fresh seeds; None where it cannot be estimated.
        degrees: of freedom of the variance's estimate; 0 where there is none.
        method: in words.
    """

    mean: float
    variance: float | None
    degrees: float
    method: str

    @property
    def unseen(self) -> bool:
        """Whether seeds are there, and no spread among them, as at an AUROC of 1."""
        return self.method == _UNSEEN

    @property
    def error(self) -> float | None:
        """Standard error of the mean."""
        return None if self.variance is None else float(np.sqrt(self.variance))

    def interval(self) -> Interval:
        """The mean with its interval over fresh seeds."""
        if self.error is None:
            return Interval(self.mean, None, None, self.method)
        half = student(self.degrees) * self.error
        return Interval(self.mean, self.mean - half, self.mean + half, self.method)


def student(degrees: float) -> float:
    """Student's t at which two tails leave LEVEL between them; scipy.special, as scipy.stats takes a second to load."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def mean_interval(runs: Runs, *, shared: bool) -> Interval:
    """Mean over classes of the means over seeds, with its interval over fresh seeds; no ends of seeds without a spread.

    Args:
        runs: see Runs.
        shared: whether a seed means the same initial weights and batches in every class.
    """
    return spread(runs, shared=shared).interval()


def spread(runs: Runs, *, shared: bool) -> Spread:
    """The mean over classes of the means over seeds, and its variance over fresh seeds.

    Args:
        runs: see Runs.
        shared: whether a seed means the same initial weights and batches in every class.
    """
    mean = float(np.nanmean(runs, axis=1).mean())
    there = ~np.isnan(runs)
    if there.shape[1] < 2:
        return Spread(mean, None, 0, "one seed: no interval over seeds")
    if why := _too_few(there, shared=shared):
        return Spread(mean, None, 0, f"{why}: no interval over seeds")
    found = _shared(runs, there) if shared else _own(runs, there)
    if found[0] < NOISE**2:  # as at the ceiling: that other seeds would differ by nothing does not follow
        return Spread(mean, None, 0, _UNSEEN)
    words = "seeds shared by the classes" if shared else "seeds of each class"
    return Spread(mean, *found, f"t over {words}, {found[1]:.1f} degrees of freedom")


MOST_MISSING = 0.1
"""Share of the runs up to which intervals were measured to hold their level where seeds are shared."""
MOST_SINGLE = 0.2
"""Share of the classes with one run, likewise where they are not: these take the spread of the others."""


def _too_few(there: NDArray[np.bool_], *, shared: bool) -> str:
    """Why the runs that are there give no interval, as in the middle of a second seed; empty where they do."""
    if shared and (~there).mean() > MOST_MISSING:
        return "more than a tenth of the runs are missing"
    if (there.sum(axis=1) == 1).mean() > MOST_SINGLE:
        return "more than a fifth of the classes have one seed"
    return ""


def sum_of_squares(runs: Runs) -> tuple[float, float, int, int]:
    """Two-way analysis of variance: squares of seeds (adjusted for classes), of the rest, degrees of freedom of each.

    Least squares of y_ks = mu_k + b_s over the cells that there are (Henderson's third method).
    """
    there = ~np.isnan(runs)
    centred = np.where(there, runs - np.nanmean(runs, axis=1, keepdims=True), 0.0)
    # Normal equations of the seeds, the classes swept out; singular by one (the seeds' mean).
    sweep = np.diag(there.sum(axis=0).astype(float)) - (there / there.sum(axis=1, keepdims=True)).T @ there
    right = centred.sum(axis=0)
    of_seeds = float(right @ np.linalg.pinv(sweep) @ right)
    total = float((centred**2).sum())
    rank = int(np.linalg.matrix_rank(sweep))
    return of_seeds, max(0.0, total - of_seeds), rank, int(there.sum()) - len(runs) - rank


def _shared(runs: Runs, there: NDArray[np.bool_]) -> tuple[float, float]:
    """Variance and degrees: components of seeds and of the rest; without gaps that of the seed means, S - 1."""
    of_seeds, rest, seed_degrees, rest_degrees = sum_of_squares(runs)
    weight = there / there.sum(axis=1, keepdims=True) / len(runs)
    by_seed, by_run = float((weight.sum(axis=0) ** 2).sum()), float((weight**2).sum())
    # E[squares of seeds] = seed_degrees var(e) + (N - K) var(b).
    share = by_seed * seed_degrees / (int(there.sum()) - len(runs))
    seeds = share * of_seeds / seed_degrees
    gaps = (by_run - share) * rest / rest_degrees if rest_degrees else 0.0
    return seeds + max(0.0, gaps), float(seed_degrees)  # gaps take nothing away: measured, the level holds so


def _own(runs: Runs, there: NDArray[np.bool_]) -> tuple[float, float]:
    """Variance and degrees of classes with seeds and variances of their own; one without a spread has the mean one."""
    count = there.sum(axis=1)
    known = count > 1
    squares = np.nanvar(runs[known], axis=1, ddof=1)
    borrowed = float((1 / count[~known]).sum()) / len(squares)
    coefficients = (1 / count[known] + borrowed) / len(runs) ** 2
    parts = coefficients * squares
    return float(parts.sum()), welch(parts, count[known] - 1)


def welch(parts: NDArray[np.float64], degrees: NDArray[np.int64]) -> float:
    """Degrees of freedom of a sum of independent variance estimates of few degrees each.

    Satterthwaite's (sum v)^2 / sum(v^2 / d) with both sums made unbiased for chi-square v: the plain formula at one
    degree each finds a third of the degrees that there are (Welch 1947).
    """
    squares = parts**2 / (degrees + 2)  # E[v^2] = E[v]^2 (d + 2) / d
    if not squares.sum():
        return float(degrees.sum())
    found = (float(parts.sum()) ** 2 - 2 * float(squares.sum())) / float(squares.sum())
    return float(np.clip(found, degrees.min(), degrees.sum()))


def satterthwaite(parts: tuple[float, ...], degrees: tuple[int, ...]) -> float:
    """Degrees of freedom of a sum of variance estimates: (sum v)^2 / sum(v^2 / d)."""
    below = sum(part**2 / degree for part, degree in zip(parts, degrees, strict=True))
    return sum(parts) ** 2 / below if below else float(sum(degrees))


def sd_interval(runs: Runs, *, shared: bool) -> Interval | None:
    """SD among the seeds of a class (ddof 1, pooled over classes) with its interval (chi-square); None of one seed.

    An SD of 0 has no ends: the chi-square of a spread that was not seen would be certain of it.
    The degrees of freedom are fewer than N - K where the classes move together or have unequal variances.
    """
    from scipy.special import chdtri

    there = ~np.isnan(runs)
    count = there.sum(axis=1)
    if not np.any(count > 1):
        return None
    squares = np.nansum((runs - np.nanmean(runs, axis=1, keepdims=True)) ** 2, axis=1)[count > 1]
    all_degrees = int((count - 1).sum())
    sd = float(np.sqrt(squares.sum() / all_degrees))
    if sd < NOISE:
        return Interval(0.0, None, None, "no spread among seeds was seen: no interval")
    degrees = welch(squares, count[count > 1] - 1)
    if shared:
        of_seeds, rest, seed_degrees, rest_degrees = sum_of_squares(runs)
        together = satterthwaite((of_seeds, rest), (seed_degrees, max(rest_degrees, 1)))
        degrees = min(degrees, together)
    tails = (1 - LEVEL) / 2
    # chdtri(v, p): the x that chi-square exceeds with probability p.
    low, high = (float(sd * np.sqrt(degrees / chdtri(degrees, p))) for p in (tails, 1 - tails))
    return Interval(sd, low, high, f"chi-square, {degrees:.1f} degrees of freedom")


def class_interval(values: NDArray[np.float64]) -> Interval | None:
    """Mean of one value per class, with its interval over classes (t); None without a value, no ends for one alone.

    Nor for values that are all the same: that other classes would have it too does not follow.

    It takes the classes for a sample of such classes; it does not cover other seeds.
    """
    if not len(values):
        return None
    estimate = float(values.mean())
    if len(values) < 2:
        return Interval(estimate, None, None, "one class: no interval")
    if np.ptp(values) < NOISE:
        return Interval(estimate, None, None, "no spread among classes was seen: no interval")
    half = student(len(values) - 1) * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return Interval(estimate, estimate - half, estimate + half, "t, SD among classes")
