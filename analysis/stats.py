"""Statistics over runs: what is averaged over what, and how sure it is.

AUROCs are in [0, 1], as arguments and as results. Two spreads are distinguished: the SD among classes (ddof 0, as in
the paper's own rows) measures how unequal the classes are; the SD among seeds (ddof 1) how far a run may be off. Only
the second one measures uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVEL = 0.95
"""Level of every interval."""

BOOTSTRAP_FROM = 5
"""Fewest seeds for a percentile bootstrap: at 3 its 95% interval covers 87% (10 classes)."""

INSIDE, ABOVE, BELOW, NOT_ENOUGH = "inside", "above", "below", "not enough runs"
"""Verdicts on a class mean: where ours lies beside the paper's interval."""


def class_means(frame: pd.DataFrame, value: str, by: Sequence[str], of: Sequence[str] = ("class",)) -> pd.DataFrame:
    """Mean, SD (ddof 1) and number of the runs of each class.

    Args:
        frame: one row per run that counts and is ok.
        value: column of AUROCs; a missing value is no run.
        by: columns that distinguish the rows of a table.
        of: columns that distinguish the classes, or whatever else is averaged over in the end.

    Returns:
        columns `by`, `of`, `mean`, `sd` (NaN at one run) and `n`; classes without a run are absent.
    """
    groups = frame.groupby([*by, *of], sort=True, observed=True)[value]
    stats = groups.agg(mean="mean", sd="std", n="count").reset_index()
    return stats[stats["n"] > 0].reset_index(drop=True)


def over_classes(means: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """What the paper prints of each table row, from `class_means`.

    Returns:
        columns `by`; `avg`, mean over classes of the means over seeds; `sd_classes`, their SD with ddof 0, NaN of one
        class; `sd_seeds`, the SD among seeds with ddof 1, pooled over classes by degrees of freedom, NaN without a
        second seed; `classes`, how many have a run; `runs`.
    """
    degrees = means["n"] - 1
    work = means.assign(_ss=(means["sd"].fillna(0.0) ** 2) * degrees, _df=degrees)
    groups = work.groupby(list(by), sort=True, observed=True)
    result = groups.agg(avg=("mean", "mean"), classes=("mean", "size"), runs=("n", "sum"), ss=("_ss", "sum"))
    result["sd_classes"] = groups["mean"].std(ddof=0).where(result["classes"] > 1)
    freedom = groups["_df"].sum()
    result["sd_seeds"] = np.sqrt(result.pop("ss") / freedom.where(freedom > 0))
    return result.reset_index()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A class mean of ours beside the paper's.

    Attributes:
        difference: ours minus the paper's, in percentage points; None where ours is missing.
        half_width: of the interval around the difference, the paper's rounding included; None at `not enough runs`.
        verdict: INSIDE, ABOVE, BELOW or NOT_ENOUGH.
    """

    difference: float | None
    half_width: float | None
    verdict: str


def _t(degrees: float) -> float:
    """Student's t at which two tails leave LEVEL between them; scipy.special, as scipy.stats takes a second to load."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def compare(
    means: Sequence[float],
    sds: Sequence[float],
    runs: Sequence[int],
    paper_avg: float,
    *,
    paper_runs: int = 3,
    rounding: float = 0.05,
) -> Comparison:
    """Compare the mean over classes with the paper's, as if both were means over samples of the same runs.

    The paper prints no spread among seeds, so ours serves for both: the half width is t(df) s_pooled
    sqrt(sum(1 / n_k) / K^2 + 1 / (paper_runs K)) + rounding, with df = sum(n_k - 1). With n runs of each class and of
    the paper's this is t(K (n - 1)) s_pooled sqrt(2 / (n K)) + rounding. A class with one run has no spread: then, and
    for a single class, there is no verdict.

    Args:
        means: of each class of the paper's average, in [0, 1]; NaN where there is no run.
        sds: among the seeds of each class, ddof 1.
        runs: of each class.
        paper_avg: in percent.
        paper_runs: runs of each class behind the paper's number.
        rounding: half a unit of the paper's last digit, in percentage points.
    """
    n = np.asarray(runs, float)
    if len(n) == 0 or not np.all(n >= 1):
        return Comparison(None, None, NOT_ENOUGH)
    difference = 100 * float(np.mean(means)) - paper_avg
    if len(n) < 2 or np.any(n < 2):
        return Comparison(difference, None, NOT_ENOUGH)
    degrees = float(np.sum(n - 1))
    pooled = 100 * float(np.sqrt(np.sum((n - 1) * np.asarray(sds, float) ** 2) / degrees))
    error = pooled * float(np.sqrt(np.sum(1 / n) / len(n) ** 2 + 1 / (paper_runs * len(n))))
    half_width = _t(degrees) * error + rounding
    if abs(difference) <= half_width:
        return Comparison(difference, half_width, INSIDE)
    return Comparison(difference, half_width, ABOVE if difference > 0 else BELOW)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval at LEVEL; `low` and `high` are None where too few runs hold the level.

    Attributes:
        estimate: of the scores' own unit.
        low: lower end.
        high: upper end.
        method: how the ends were found, in words.
    """

    estimate: float
    low: float | None
    high: float | None
    method: str


def mean_interval(of_class: Sequence[NDArray[np.float64]]) -> Interval:
    """Mean over classes of the means over seeds, with its interval over fresh seeds.

    From the SD among seeds, pooled over classes: t(df) s_pooled sqrt(sum(1 / n_k)) / K. It holds its level at 3 seeds.

    Args:
        of_class: the runs' AUROCs of each class, at least one of each.
    """
    n = np.array([len(runs) for runs in of_class], float)
    estimate = float(np.mean([runs.mean() for runs in of_class]))
    if np.any(n < 2):
        return Interval(estimate, None, None, "a class with one run: no interval")
    degrees = float(np.sum(n - 1))
    pooled = float(np.sqrt(sum(float(((runs - runs.mean()) ** 2).sum()) for runs in of_class) / degrees))
    half = _t(degrees) * pooled * float(np.sqrt(np.sum(1 / n))) / len(n)
    return Interval(estimate, estimate - half, estimate + half, "t, SD among seeds pooled over classes")


def class_interval(values: NDArray[np.float64]) -> Interval | None:
    """Mean of one value per class, with its interval over classes (t); None without a value, no ends for one alone.

    It takes the classes for a sample of such classes; it does not cover other seeds.
    """
    if not len(values):
        return None
    estimate = float(values.mean())
    if len(values) < 2:
        return Interval(estimate, None, None, "one class: no interval")
    half = _t(len(values) - 1) * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return Interval(estimate, estimate - half, estimate + half, "t, SD among classes")


def iqm_interval(of_class: Sequence[NDArray[np.float64]], *, seed: int = 0, resamples: int = 2000) -> Interval:
    """Interquartile mean over all runs of all classes.

    Its interval is a bootstrap that resamples runs within each class (percentile, scipy), from BOOTSTRAP_FROM runs of
    each class on: with fewer it would claim a level that it does not hold.
    """
    from scipy import stats as distributions

    joined = np.concatenate(list(of_class))
    estimate = float(distributions.trim_mean(joined, 0.25))
    if min(map(len, of_class)) < BOOTSTRAP_FROM:
        return Interval(estimate, None, None, f"fewer than {BOOTSTRAP_FROM} seeds: no interval")
    if np.ptp(joined) == 0:
        return Interval(estimate, estimate, estimate, "all scores equal")

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


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Variant B minus variant A on the same classes, seeds and draws.

    Attributes:
        difference: mean over classes of the mean over seeds, with its interval, in [0, 1].
        improvement: probability that a run of B beats one of A, mean over classes; ties count half.
        p_value: two-sided, of no difference (Wilcoxon over the classes' mean differences); None below 6 classes,
            where it cannot fall below .05.
        pairs: pairs (class, seed) that both variants have.
        classes: classes with a pair.
    """

    difference: Interval
    improvement: float
    p_value: float | None
    pairs: int
    classes: int


def fisher_interval(correlation: float, count: int) -> tuple[float, float] | None:
    """Interval of Pearson's correlation by Fisher's z, for values that are about normal; None below four pairs."""
    if count < 4:
        return None
    from scipy.special import ndtri

    half = float(ndtri((1 + LEVEL) / 2)) / float(np.sqrt(count - 3))
    if abs(correlation) >= 1:
        return correlation, correlation
    z = np.arctanh(correlation)
    return float(np.tanh(z - half)), float(np.tanh(z + half))


WILCOXON_FROM = 6
"""Classes from which on an exact two-sided Wilcoxon test can fall below .05 (2 / 2^6 = .03)."""


def paired(
    a: pd.DataFrame, b: pd.DataFrame, value: str = "auroc", of: Sequence[str] = ("class",)
) -> PairedComparison | None:
    """Compare two variants pair by pair; None where no pair is complete.

    Args:
        a: rows with the columns `of`, `seed` and `value`; at most one for each class and seed.
        b: likewise.
        value: column that is compared.
        of: columns that distinguish the classes.
    """
    from scipy import stats as distributions

    pair = [*of, "seed"]
    joined = a[[*pair, value]].merge(b[[*pair, value]], on=pair, suffixes=("_a", "_b"))
    joined = joined.dropna()
    if joined.empty:
        return None
    joined["gain"] = joined[f"{value}_b"] - joined[f"{value}_a"]
    gains_of_class = [group.to_numpy(float) for _, group in joined.groupby(list(of))["gain"]]
    wins = [_wins(group[f"{value}_b"], group[f"{value}_a"]) for _, group in joined.groupby(list(of))]
    gains = np.array([values.mean() for values in gains_of_class])
    p_value = None
    if len(gains) >= WILCOXON_FROM and np.any(gains != 0):
        p_value = float(distributions.wilcoxon(gains).pvalue)
    return PairedComparison(
        difference=mean_interval(gains_of_class),
        improvement=float(np.mean(wins)),
        p_value=p_value,
        pairs=len(joined),
        classes=len(gains),
    )


def _wins(b: pd.Series[float], a: pd.Series[float]) -> float:
    """Share of the pairs of a run of each in which B's is higher, ties half: Mann-Whitney's U over its maximum."""
    distances = np.subtract.outer(b.to_numpy(float), a.to_numpy(float))
    return float(np.mean((distances > 0) + 0.5 * (distances == 0)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm's step-down), in the order given."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return [float(value) for value in corrected]
