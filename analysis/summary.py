"""Summary: the numbers of each row of a table, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.run import EVAL_PROTOCOLS

from . import stats
from .paper import numbers as paper
from .paper.match import Match

HEADLINE = "auroc"

AUROC_COLUMNS = (HEADLINE, *(f"auroc_{name}" for name in EVAL_PROTOCOLS if name != "eval"), "auroc_oracle")
"""AUROCs of a run, in [0, 1]: the headline (eval, last update), the other protocols, the best curve point."""

CELL = ("class", "known")
"""Columns that together name a cell of a table row."""

STATUSES = ("ok", "failed", "pruned", "missing")
"""What can have become of a wanted run."""


def class_means(runs: pd.DataFrame, value: str = HEADLINE) -> pd.DataFrame:
    """`row`, `class`, `known`, `mean`, `sd` (ddof 1) and `n` of each cell that has a run."""
    return stats.class_means(runs, value, ["row"], of=CELL)


def class_averages(runs: pd.DataFrame, value: str) -> pd.Series[float]:
    """Row -> mean over its cells of the means over seeds; rows without a run are absent."""
    means: pd.Series[float] = stats.over_classes(class_means(runs, value), ["row"]).set_index("row")["avg"]
    return means


def runs_of_cells(runs: pd.DataFrame, value: str) -> dict[int, list[NDArray[np.float64]]]:
    """Row -> for each of its cells the values of its runs, without those that are missing."""
    of_row: dict[int, list[NDArray[np.float64]]] = {}
    for _, group in runs.dropna(subset=[value]).groupby(["row", *CELL]):
        of_row.setdefault(int(group["row"].iloc[0]), []).append(group[value].to_numpy(float))
    return of_row


def summarise(runs: pd.DataFrame, matches: Sequence[Match | None]) -> pd.DataFrame:
    """A line per table row, in the order of `matches`.

    Args:
        runs: see cells.Cells.
        matches: the paper's row for each table row.

    Returns:
        columns `avg` (mean over classes of the means over seeds, headline), `sd_classes` (ddof 0), `sd_seeds` (ddof 1,
        pooled), `avg_…` for every other AUROC, `low` and `high` (range of the runs), all in [0, 1]; `classes` (cells
        that have a run) and `classes_wanted`; runs: `ok`, `failed`, `pruned`, `missing`, `wanted`; of the paper:
        `paper_table`, `paper_avg` and `paper_sd` (percent), `paper_differences` (see match.Match), `difference` and
        `half_width` (percentage points), `verdict`.
    """
    summary = pd.DataFrame(index=pd.RangeIndex(len(matches), name="row"))
    means = class_means(runs)
    over = stats.over_classes(means, ["row"]).set_index("row")
    summary = summary.join(over[["avg", "sd_classes", "sd_seeds", "classes"]])
    others = [column for column in AUROC_COLUMNS if column != HEADLINE]
    of_class = runs.groupby(["row", *CELL])[others].mean()
    over_classes = of_class.groupby(level="row").mean()  # a class without the number is left out
    summary = summary.join(over_classes.rename(columns=lambda name: f"avg{name.removeprefix(HEADLINE)}"))
    groups = runs.groupby("row")
    summary["low"], summary["high"] = groups[HEADLINE].min(), groups[HEADLINE].max()
    summary["classes"] = summary["classes"].fillna(0).astype(int)
    summary["classes_wanted"] = runs.drop_duplicates(["row", *CELL]).groupby("row").size()
    status = runs["status"].fillna("missing")
    for name in STATUSES:
        summary[name] = (status == name).groupby(runs["row"]).sum()
    summary["wanted"] = groups.size()
    return summary.join(_paper_columns(runs, matches, means))


def _paper_columns(runs: pd.DataFrame, matches: Sequence[Match | None], means: pd.DataFrame) -> pd.DataFrame:
    of_row = {row: group.set_index("class") for row, group in means.groupby("row")}
    wanted = runs.groupby("row")["class"].unique()
    lines = []
    for index, match in enumerate(matches):
        classes = tuple(sorted(int(c) for c in wanted[index]))
        lines.append(_beside_paper(match, classes, of_row.get(index)))
    return pd.DataFrame(lines, index=pd.RangeIndex(len(lines), name="row"))


def _beside_paper(match: Match | None, classes: tuple[int, ...], means: pd.DataFrame | None) -> dict[str, Any]:
    avg = match.row.mean_of(classes) if match else None
    line: dict[str, Any] = {
        "paper_table": match.row.table if match else None,
        "paper_avg": avg,
        "paper_sd": match.row.sd_of(classes) if match and avg is not None else None,
        "paper_differences": ", ".join(match.differences) if match else "",
        "difference": None,
        "half_width": None,
        "verdict": None,
    }
    if match is None or avg is None or match.differences:
        return line
    of_class = means.reindex(list(classes)) if means is not None else pd.DataFrame(index=list(classes))
    of_class = of_class.reindex(columns=["mean", "sd", "n"])
    comparison = stats.compare(
        of_class["mean"].tolist(),
        of_class["sd"].tolist(),
        of_class["n"].fillna(0).astype(int).tolist(),
        avg,
        paper_runs=paper.RUNS_PER_CLASS,
        rounding=paper.ROUNDING,
    )
    line.update(difference=comparison.difference, half_width=comparison.half_width, verdict=comparison.verdict)
    return line
