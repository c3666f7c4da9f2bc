"""Summary: the numbers of each row of a table, ours and the paper's."""

from __future__ import annotations

from typing import Any

import pandas as pd

from . import stats
from .cells import AUROC_COLUMNS, HEADLINE, Cells
from .paper import numbers as paper

STATUSES = ("ok", "failed", "pruned", "missing")
"""What can have become of a run that is wanted."""


def summarise(cells: Cells) -> pd.DataFrame:
    """One line per row of `cells`, in its order.

    Returns:
        columns `avg` (mean over classes of the means over seeds, headline), `sd_classes` (ddof 0), `sd_seeds` (ddof 1,
        pooled), `avg_…` for every other AUROC, `low` and `high` (range of the runs), all in [0, 1]; `classes` (cells
        that have a run) and `classes_wanted`; runs: `ok`, `failed`, `pruned`, `missing`, `wanted`; of the paper:
        `paper_table`, `paper_avg` and `paper_sd` (percent), `paper_differences` (see paper.Match), `difference` and
        `half_width` (percentage points), `verdict`.
    """
    runs = cells.runs
    summary = pd.DataFrame(index=pd.RangeIndex(len(cells.rows), name="row"))
    over = stats.over_classes(cells.class_means(), ["row"]).set_index("row")
    summary = summary.join(over[["avg", "sd_classes", "sd_seeds", "classes"]])
    others = [column for column in AUROC_COLUMNS if column != HEADLINE]
    of_class = runs.groupby(["row", "class", "known"])[others].mean()
    means = of_class.groupby(level="row").mean()  # a class without the number is left out, as in over_classes
    summary = summary.join(means.rename(columns=lambda name: f"avg{name.removeprefix(HEADLINE)}"))
    groups = runs.groupby("row")
    summary["low"], summary["high"] = groups[HEADLINE].min(), groups[HEADLINE].max()
    summary["classes"] = summary["classes"].fillna(0).astype(int)
    summary["classes_wanted"] = runs.drop_duplicates(["row", "class", "known"]).groupby("row").size()
    status = runs["status"].fillna("missing")
    for name in STATUSES:
        summary[name] = (status == name).groupby(runs["row"]).sum()
    summary["wanted"] = groups.size()
    return summary.join(_paper_columns(cells))


def _paper_columns(cells: Cells) -> pd.DataFrame:
    means = {row: group.set_index("class") for row, group in cells.class_means().groupby("row")}
    wanted = cells.runs.groupby("row")["class"].unique()
    lines = []
    for index, match in enumerate(cells.matches):
        classes = tuple(sorted(int(c) for c in wanted[index]))
        lines.append(_against_paper(match, classes, means.get(index)))
    return pd.DataFrame(lines, index=pd.RangeIndex(len(lines), name="row"))


def _against_paper(match: paper.Match | None, classes: tuple[int, ...], means: pd.DataFrame | None) -> dict[str, Any]:
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
