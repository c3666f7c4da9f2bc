"""How often 95% intervals over seeds cover the truth: simulated runs of every kind that a table can have.

    python -m benchmarks.coverage [--repetitions 4000]

A run is mu_k + b_s + e_ks: class k, seed s. `shared` is the share of a run's mean variance that all classes of a seed
have in common; 0 where each class draws seeds of its own. `pooled` is what tables had before: Student's t with the SD
among seeds pooled over classes, as if all runs were independent. A tenth of the cells is taken out at random where
`missing` is 10%.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from analysis.stats import crossed

SHARES = (0.0, 0.1, 0.3)
CLASSES = (10, 20)
SEEDS = (2, 3, 5, 10)
MISSING = (0.0, 0.1)
SPREADS = {"equal": 1.0, "unequal": 8.0}
"""Words -> the largest class SD over the smallest; spaced evenly in the logarithm between."""


@dataclass(frozen=True)
class Setting:
    """A kind of row: how many classes and seeds, how equal the classes, how much they share, what is missing."""

    classes: int
    seeds: int
    ratio: float
    shared: float
    missing: float

    def draw(self, rng: Generator) -> NDArray[np.float64]:
        """Runs whose true mean over classes is 0, (classes, seeds); a class or seed without any run is left out."""
        sds = np.geomspace(1, self.ratio, self.classes)
        sds /= np.sqrt(np.mean(sds**2))
        common = rng.normal(0, np.sqrt(self.shared), self.seeds)
        runs = np.sqrt(1 - self.shared) * sds[:, None] * rng.normal(size=(self.classes, self.seeds)) + common
        out = rng.permutation(runs.size)[: round(self.missing * runs.size)]
        runs.flat[out] = np.nan
        there = ~np.isnan(runs)
        whole: NDArray[np.float64] = runs[there.any(axis=1)][:, there.any(axis=0)]
        return whole


@dataclass(frozen=True)
class Coverage:
    """Share of intervals that cover the truth: of the mean, as before, and of the SD; and the mean one's width."""

    mean: float
    pooled: float
    sd: float
    half_width: float
    given: float


def measure(setting: Setting, repetitions: int, rng: Generator) -> Coverage:
    """Draw `repetitions` tables of a setting and count."""
    found = np.array([_covers(setting, setting.draw(rng)) for _ in range(repetitions)])
    mean, pooled, sd, half, given = np.nanmean(found, axis=0)
    return Coverage(float(mean), float(pooled), float(sd), float(half), float(given))


def _covers(setting: Setting, runs: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    """Whether each interval covers the truth (NaN: there is none), half the first one's width, whether it is given."""
    shared = setting.shared > 0
    interval, sd = crossed.mean_interval(runs, shared=shared), crossed.sd_interval(runs, shared=shared)
    covers_sd = float("nan") if sd is None or sd.low is None or sd.high is None else float(sd.low <= 1 <= sd.high)
    if interval.low is None or interval.high is None:
        return float("nan"), _pooled(runs), covers_sd, float("nan"), 0.0
    half = (interval.high - interval.low) / 2
    return float(interval.low <= 0 <= interval.high), _pooled(runs), covers_sd, half, 1.0


def _pooled(runs: NDArray[np.float64]) -> float:
    """Whether t(N - K) s_pooled sqrt(sum 1 / n_k) / K covers 0; NaN where a class has one run, as before."""
    count = (~np.isnan(runs)).sum(axis=1)
    if count.min() < 2:
        return float("nan")
    degrees = float((count - 1).sum())
    pooled = np.sqrt(np.nansum((runs - np.nanmean(runs, axis=1, keepdims=True)) ** 2) / degrees)
    half = crossed.student(degrees) * pooled * np.sqrt((1 / count).sum()) / len(count)
    return float(abs(np.nanmean(runs, axis=1).mean()) <= half)


def settings() -> Iterator[Setting]:
    """Every combination, in the table's order."""
    for shared, classes, seeds, ratio, missing in itertools.product(SHARES, CLASSES, SEEDS, SPREADS.values(), MISSING):
        yield Setting(classes, seeds, ratio, shared, missing)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or " ").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=4000)
    options = parser.parse_args(arguments)
    words = {ratio: word for word, ratio in SPREADS.items()}
    print("| shared | classes | seeds | class SDs | missing | mean, % | half width | pooled, % | SD, % | given, % |")
    print("|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|")
    worst = []
    for number, one in enumerate(settings()):
        of = measure(one, options.repetitions, np.random.default_rng(number))
        worst.append(of.mean)
        print(
            f"| {one.shared:.0%} | {one.classes} | {one.seeds} | {words[one.ratio]} | {one.missing:.0%} "
            f"| {100 * of.mean:.1f} | {of.half_width:.2f} | {100 * of.pooled:.1f} | {100 * of.sd:.1f} "
            f"| {100 * of.given:.0f} |",
            flush=True,
        )
    print(f"\nCoverage of the mean: {100 * min(worst):.1f}% to {100 * max(worst):.1f}%, nominal 95%.")


if __name__ == "__main__":
    main()
