"""What is averaged over what: means over seeds of each class, means over classes, and two spreads.

AUROCs are in [0, 1], as arguments and as results. Two spreads are distinguished: the SD among classes (ddof 0, as in
the paper's own rows) measures how unequal the classes are; the SD among seeds (ddof 1) how far a run may be off. Only
the second one measures uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .crossed import Runs


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


def crossed_runs(frame: pd.DataFrame, value: str, of: Sequence[str] = ("class",)) -> Runs | None:
    """One number for each class and seed (see crossed.Runs); None where there is no run.

    Args:
        frame: columns `of`, `seed` and `value`; at most one line for each class and seed.
        value: column; a missing value is no run.
        of: columns that distinguish the classes.
    """
    places = numbered(frame, of)
    return trimmed(aligned(places, frame[value].to_numpy(float), places.max(axis=1, initial=-1) + 1))


def class_of_cell(frame: pd.DataFrame, of: Sequence[str]) -> NDArray[np.int64]:
    """(K,) the class of each cell that `of` distinguishes, in the order of `numbered`."""
    cells: NDArray[np.int64] = np.unique(frame[list(of)].to_numpy(), axis=0)[:, list(of).index("class")]
    return cells


def numbered(frame: pd.DataFrame, of: Sequence[str]) -> NDArray[np.int64]:
    """(2, N) the number of each run's class and of its seed, both in their order: where it is in `aligned`."""
    cell = np.unique(frame[list(of)].to_numpy(), axis=0, return_inverse=True)[1].reshape(-1)
    return np.stack([cell, np.unique(frame["seed"].to_numpy(), return_inverse=True)[1]])


def aligned(places: NDArray[np.int64], numbers: NDArray[np.float64], shape: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K, S) = `shape`: each number at its place, NaN where there is none. Of equal shape they can be subtracted."""
    cell, seed = places[:, there := ~np.isnan(numbers)]
    # By hand: pandas' pivot_table was half of a large report's time.
    total, count = np.zeros((2, *shape))
    np.add.at(total, (cell, seed), numbers[there])
    np.add.at(count, (cell, seed), 1)
    # Two runs of one class and seed (scored at other updates) count as one.
    means: NDArray[np.float64] = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return means


def by_class(matrix: NDArray[np.float64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K', S) means over the rows of one class, by class: runs of a class and seed are one draw, whatever they know.

    They have the same initial weights and batches: nine pairs with one known anomaly class each are no nine classes.

    Args:
        matrix: (K, S); NaN where there is no run.
        of: (K,) the class of each row.

    A class's mean over seeds is the mean of its rows' means over seeds, and a seed is off it by how far the rows that
    have a number there are off their own: rows of other levels that a seed has begun with, or lacks, move nothing.
    """
    classes = np.unique(of)
    if len(classes) == len(of):
        return matrix
    return np.stack([_of_class(matrix[of == one]) for one in classes])


def _of_class(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S,) of the rows of one class."""
    there = ~np.isnan(rows)
    rows, there = rows[there.any(axis=1)], there[there.any(axis=1)]
    found = np.full(there.shape[1], np.nan)
    seeds = there.any(axis=0)
    if not seeds.any():
        return found
    levels = np.nanmean(rows, axis=1, keepdims=True)
    off = np.nanmean((rows - levels)[:, seeds], axis=0)
    found[seeds] = levels.mean() + off - off.mean()
    return found


def trimmed(matrix: NDArray[np.float64]) -> Runs | None:
    """Without the classes and seeds that have no run; None where none has one."""
    there = ~np.isnan(matrix)
    if not there.any():
        return None
    # In the order of its rows, whatever numpy makes of an index: sums of other orders differ in their last bits.
    return np.ascontiguousarray(matrix[np.ix_(there.any(axis=1), there.any(axis=0))])
