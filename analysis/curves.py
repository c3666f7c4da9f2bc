"""Curves and scores: the list columns of the rows, as frames."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.run import EVAL_PROTOCOLS

from . import load
from .load import Results

if TYPE_CHECKING:
    import pyarrow as pa

ROUGH_FROM = 12
"""Points from which on a curve says how smooth it is; the default one has six, each twice as far as the one before."""

TUKEY = 1.5
"""Interquartile ranges beyond the quartiles at which Figure 4 leaves scores out."""


def read(results: Results, run_ids: Iterable[str]) -> pd.DataFrame:
    """The learning curves of some runs, one line per run, protocol and point.

    Returns:
        columns `run_id`, `protocol`, `update` and `auroc` in [0, 1]; points that were not scored are absent.
    """
    names = [f"curve_auroc_{protocol}" for protocol in EVAL_PROTOCOLS]
    table = load.read(results, ["run_id", "curve_update", *names], run_ids)
    parts = [_flat(table, protocol) for protocol in EVAL_PROTOCOLS]
    return pd.concat([part for part in parts if len(part)] or [parts[0]], ignore_index=True)


def _flat(table: pa.Table, protocol: str) -> pd.DataFrame:
    import pyarrow.compute as pc

    values = table[f"curve_auroc_{protocol}"].combine_chunks()
    updates = table["curve_update"].combine_chunks()
    same_length = pc.equal(pc.list_value_length(values), pc.list_value_length(updates))
    whole = pc.indices_nonzero(pc.fill_null(same_length, False))
    values, updates, run_ids = values.take(whole), updates.take(whole), table["run_id"].take(whole)
    frame = pd.DataFrame(
        {
            "run_id": run_ids.combine_chunks().take(pc.list_parent_indices(updates)).to_pandas(),
            "protocol": protocol,
            "update": pc.list_flatten(updates).to_numpy(zero_copy_only=False).astype(int),
            "auroc": pc.list_flatten(values).to_numpy(zero_copy_only=False).astype(float),
        }
    )
    return frame.dropna(subset=["auroc"])


def rough(points: pd.DataFrame) -> pd.Series[float]:
    """(run_id, protocol) -> how far a point lies off the line through its two neighbours, mean over points, in AUROC.

    What UNet++'s curves are said to have less of (B.1). 0 of a straight line; a slow rise or fall counts for next to
    nothing on a dense curve, noise of SD s for .98 s. It depends on how far apart the points are, so that only curves
    with the same points may be compared (see `same_points`). NaN of fewer than ROUGH_FROM points.
    """
    curve = ["run_id", "protocol"]
    ordered = points.sort_values([*curve, "update"])
    groups = ordered.groupby(curve)[["update", "auroc"]]
    before, after = groups.shift(1), groups.shift(-1)
    slope = (after["auroc"] - before["auroc"]) / (after["update"] - before["update"])
    line = before["auroc"] + slope * (ordered["update"] - before["update"])
    off = ordered.assign(off=(ordered["auroc"] - line).abs()).groupby(curve)["off"].agg(["mean", "size"])
    return off["mean"].where(off["size"] >= ROUGH_FROM)


def same_points(points: pd.DataFrame) -> pd.Series[float]:
    """run_id -> a number that is the same for runs whose curve has the same updates."""
    updates = points[["run_id", "update"]].drop_duplicates().sort_values("update")
    return updates.groupby("run_id")["update"].agg(lambda of: float(zlib.crc32(of.to_numpy("int64").tobytes())))


def read_scores(results: Results, run_ids: Iterable[str]) -> dict[str, Scores]:
    """run_id -> headline scores of some runs that have them. 10,000 test images cost 60 kB a run."""
    columns = ["run_id", "test_label", "scores_eval"]
    table = load.read(results, columns, run_ids)
    found: dict[str, Scores] = {}
    for batch in table.to_batches():
        for number, run_id in enumerate(batch["run_id"].to_pylist()):
            label, score = batch["test_label"][number], batch["scores_eval"][number]
            if label.is_valid and score.is_valid:
                found[run_id] = (label.values.to_numpy(), score.values.to_numpy(zero_copy_only=False))
    return found


Scores = tuple[NDArray[np.int8], NDArray[np.float32]]
"""(N,) labels (0 normal, 1 anomalous) and (N,) scores, higher is more anomalous."""


def read_known_split(results: Results, known: Mapping[str, int | list[int]]) -> pd.DataFrame:
    """AUROC against anomalies of the classes that are known and against those of all others.

    Args:
        results: a results folder.
        known: run_id -> the known anomaly class, or classes.

    Returns:
        columns `run_id`, `seen` and `unseen`, in [0, 1]; NaN where the test set has no such anomaly.
    """
    columns = ["run_id", "test_class", "test_label", "scores_eval"]
    table = load.read(results, columns, set(known))
    lines = []
    for batch in table.to_batches():
        for number, run_id in enumerate(batch["run_id"].to_pylist()):
            lists = [batch[name][number] for name in columns[1:]]
            if all(values.is_valid for values in lists):
                of_class, label, score = (values.values.to_numpy(zero_copy_only=False) for values in lists)
                normal = label == 0
                seen = np.isin(of_class, np.atleast_1d(known[run_id])) & ~normal
                lines.append((run_id, _auroc(score, normal, seen), _auroc(score, normal, ~normal & ~seen)))
    return pd.DataFrame(lines, columns=["run_id", "seen", "unseen"])


def _auroc(scores: NDArray[np.float32], normal: NDArray[np.bool_], anomalous: NDArray[np.bool_]) -> float:
    """Share of pairs in which the anomalous score is higher, ties half (Mann-Whitney's U over its maximum)."""
    from scipy.stats import rankdata

    a, n = int(anomalous.sum()), int(normal.sum())
    if not a or not n:
        return float("nan")
    ranks = rankdata(np.concatenate([scores[anomalous], scores[normal]]))
    return float((ranks[:a].sum() - a * (a + 1) / 2) / (a * n))


def box(values: NDArray[np.float32]) -> dict[str, float | list[float]]:
    """Five numbers of a box plot as matplotlib's `bxp` takes them; whiskers end at the last score within TUKEY."""
    q1, median, q3 = (float(q) for q in np.percentile(values, (25, 50, 75)))
    reach = TUKEY * (q3 - q1)
    inside = values[(values >= q1 - reach) & (values <= q3 + reach)]
    return {
        "q1": q1,
        "med": median,
        "q3": q3,
        "whislo": float(inside.min()),
        "whishi": float(inside.max()),
        "fliers": [],
    }
