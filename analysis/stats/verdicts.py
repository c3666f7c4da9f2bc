"""Verdicts: whether a mean of ours is inside, above or below a margin around a printed one, families corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .crossed import LEVEL, Runs, Spread, spread, student

INSIDE, ABOVE, BELOW, UNDECIDED, NOT_ENOUGH = "inside", "above", "below", "undecided", "not enough runs"
"""Verdicts on a class mean: where ours lies beside the paper's margin; UNDECIDED: the interval crosses its edge."""

VERDICTS = (INSIDE, ABOVE, BELOW, UNDECIDED, NOT_ENOUGH)

MARGIN = 1.0
"""Percentage points within which a mean counts as the paper's, unless set."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A class mean of ours beside the paper's.

    Attributes:
        difference: ours minus the paper's, in percentage points; None where ours is missing.
        half_width: of the 95% interval around it, over seeds, the paper's rounding included; None likewise.
        p_value: of the verdict that the difference suggests, two-sided, not corrected; None of one seed, or equal ones.
        suggests: INSIDE, ABOVE or BELOW, or NOT_ENOUGH.
    """

    difference: float | None
    half_width: float | None
    p_value: float | None
    suggests: str

    def verdict(self, corrected: float | None) -> str:
        """The verdict once p is corrected for its family."""
        if self.p_value is None or corrected is None:
            return NOT_ENOUGH
        return self.suggests if corrected <= 1 - LEVEL else UNDECIDED


def compare(
    runs: Runs | None,
    classes: int,
    paper_avg: float,
    *,
    shared: bool,
    paper_runs: int = 3,
    rounding: float = 0.05,
    margin: float = MARGIN,
) -> Comparison:
    """Compare the mean over classes with the paper's, as if both were means over samples of the same runs.

    The paper prints no spread among seeds, so ours serves for both. Three hypotheses divide the line: below the
    margin, inside, above. Each verdict is a one-sided test at half the level against its neighbours: INSIDE is two
    one-sided tests (Schuirmann 1987), that is, the whole interval lies within the margin; BELOW and ABOVE that it lies
    beyond it. All three together are the three-sided test of Goeman, Solari and Stijnen (2010).

    Args:
        runs: of ours (see crossed.Runs); None where there is none.
        classes: of the paper's average; NOT_ENOUGH where ours has fewer.
        paper_avg: in percent.
        shared: whether a seed means the same initial weights and batches in every class.
        paper_runs: runs of each class behind the paper's number.
        rounding: half a unit of the paper's last digit, in percentage points.
        margin: of equivalence, in percentage points.
    """
    if runs is None or len(runs) < classes:
        return Comparison(None, None, None, NOT_ENOUGH)
    ours = spread(runs, shared=shared)
    difference = 100 * ours.mean - paper_avg
    error = _error(ours, runs, paper_runs)
    if error is None:
        return Comparison(difference, None, None, NOT_ENOUGH)
    half_width = student(ours.degrees) * error + rounding
    inside = _tail(margin - rounding - abs(difference), error, ours.degrees)
    outside = _tail(abs(difference) - margin - rounding, error, ours.degrees)
    if inside <= outside:
        return Comparison(difference, half_width, min(1.0, 2 * inside), INSIDE)
    return Comparison(difference, half_width, min(1.0, 2 * outside), ABOVE if difference > 0 else BELOW)


def _error(ours: Spread, runs: Runs, paper_runs: int) -> float | None:
    """Standard error of the difference in points: the paper's mean varies as ours would with its number of runs."""
    if ours.variance is None:
        return None
    per_class = len(runs) / float(np.sum(1 / (~np.isnan(runs)).sum(axis=1)))
    return 100 * float(np.sqrt(ours.variance * (1 + per_class / paper_runs)))


def _tail(distance: float, error: float, degrees: float) -> float:
    """One-sided p of a distance beyond an edge, in points."""
    from scipy.special import stdtr

    return float(stdtr(degrees, -distance / error))


def holm_of(p_values: Sequence[float | None], family: int | None = None) -> list[float | None]:
    """Holm's correction where some tests of the family have no p (yet): they count as 1.

    Args:
        p_values: of the family's tests, None where one could not be made.
        family: how many tests the family has, if more than are given.
    """
    missing = max(0, (family or 0) - len(p_values))
    corrected = holm([1.0 if p is None else p for p in p_values] + [1.0] * missing)
    return [None if p is None else found for p, found in zip(p_values, corrected, strict=False)]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for their number (Holm's step-down), in the order given."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return [float(value) for value in corrected]
