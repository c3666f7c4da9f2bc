"""Summary: the numbers of each row of a table, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def by_class(runs: pd.DataFrame, value: str = HEADLINE) -> pd.DataFrame:
    """(row, class) -> `mean`, `sd` (ddof 1, pooled) and `n` of each class that has a run.

    The mean is over its cells of the means over seeds, so that a cell with a second seed weighs as much as the others.
    """
    of_cells = stats.over_classes(class_means(runs, value), ["row", "class"]).set_index(["row", "class"])
    return of_cells.rename(columns={"avg": "mean", "sd_seeds": "sd", "runs": "n"})[["mean", "sd", "n"]]


def class_averages(runs: pd.DataFrame, value: str) -> pd.Series[float]:
    """Row -> mean over its cells of the means over seeds; rows without a run are absent."""
    means: pd.Series[float] = _averaged(class_means(runs, value).set_index(["row", *CELL])[["mean"]])["mean"]
    return means


def whole_rows(runs: pd.DataFrame, values: pd.Series[float]) -> frozenset[int]:
    """The rows of which every run that is ok has a number: of others it says nothing, as it is over a part of them.

    Args:
        runs: see cells.Cells.
        values: a number of each run, or NaN.
    """
    there = (runs["status"] == "ok") & values.notna()
    lacking = runs.loc[(runs["status"] == "ok") & ~there, "row"]
    return frozenset(int(row) for row in set(runs.loc[there, "row"]) - set(lacking))


def _averaged(of_cells: pd.DataFrame) -> pd.DataFrame:
    """Row -> mean over its cells; over its classes first where these have unequal numbers of cells.

    So a class with one pair of nine that are wanted weighs as much as one that has all (see stats.by_class).
    """
    means = of_cells.groupby(level="row").mean()
    sizes = of_cells.groupby(level=["row", "class"]).size()
    uneven = sizes.groupby(level="row").nunique() > 1
    first = of_cells.groupby(level=["row", "class"]).mean().groupby(level="row").mean()
    return means.where(~uneven, first)


def aligned_runs(runs: pd.DataFrame, value: str) -> dict[int, NDArray[np.float64]]:
    """Row -> its values by cell and seed, those of all rows alike, so that they can be subtracted (stats.aligned)."""
    places, numbers = stats.numbered(runs, CELL), runs[value].to_numpy(float)
    shape = places.max(axis=1, initial=-1) + 1
    return {
        int(str(row)): stats.aligned(places[:, at], numbers[at], shape)
        for row, at in runs.groupby("row").indices.items()
    }


def summarise(
    runs: pd.DataFrame, crossed: Mapping[int, stats.Runs], beside: pd.DataFrame, shared: Sequence[bool]
) -> pd.DataFrame:
    """A line per table row, in the order of `beside`.

    Args:
        runs: see cells.Cells.
        crossed: the headline of Cells.crossed.
        beside: that of `beside_paper`.
        shared: of each table row, whether its seeds are shared by the classes.

    Returns:
        columns `avg` (mean over classes of the means over seeds, headline), `sd_classes` (ddof 0), `sd_seeds` (ddof 1,
        pooled) with `sd_seeds_low` and `sd_seeds_high` (95%, chi-square), `avg_…` for every other AUROC, `low` and
        `high` (range of the runs), all in [0, 1]; `classes` (cells that have a run) and `classes_wanted`; runs: `ok`,
        `failed`, `pruned`, `missing`, `wanted`; of the paper: `paper_table`, `paper_avg` and `paper_sd` (percent),
        `paper_part` (whether `paper_avg` is over a part of its classes, which the paper prints no mean of),
        `paper_differences` (see match.Match), `difference` and `half_width` (percentage points), `p_value`
        (Holm-corrected over the rows of the same table), `verdict`.
    """
    summary = pd.DataFrame(index=beside.index)
    means = class_means(runs)
    over = stats.over_classes(means, ["row"]).set_index("row")
    over["avg"] = class_averages(runs, HEADLINE)
    summary = summary.join(over[["avg", "sd_classes", "sd_seeds", "classes"]])
    spreads = {row: stats.sd_interval(values, shared=shared[row]) for row, values in crossed.items()}
    for end in ("low", "high"):
        ends = {row: getattr(found, end) for row, found in spreads.items() if found is not None}
        summary[f"sd_seeds_{end}"] = pd.Series(ends, dtype=float)
    others = [column for column in AUROC_COLUMNS if column != HEADLINE]
    over_classes = _over_classes(runs, others)
    summary = summary.join(over_classes.rename(columns=lambda name: f"avg{name.removeprefix(HEADLINE)}"))
    groups = runs.groupby("row")
    summary["low"], summary["high"] = groups[HEADLINE].min(), groups[HEADLINE].max()
    summary["classes"] = summary["classes"].fillna(0).astype(int)
    summary["classes_wanted"] = runs.drop_duplicates(["row", *CELL]).groupby("row").size()
    status = runs["status"].fillna("missing")
    for name in STATUSES:
        summary[name] = (status == name).groupby(runs["row"]).sum()
    summary["wanted"] = groups.size()
    return summary.join(beside)


def _over_classes(runs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Row -> mean over its cells of the means over seeds; none where a run with a headline lacks the number."""
    ok = runs[runs[HEADLINE].notna()]
    means = _averaged(ok.groupby(["row", *CELL])[list(columns)].mean())
    of_row = ok.groupby("row")
    return means.where(of_row[list(columns)].count().eq(of_row.size(), axis=0))


def beside_paper(
    runs: pd.DataFrame,
    crossed: Mapping[int, stats.Runs],
    matches: Sequence[Match | None],
    shared: Sequence[bool],
    margin: float,
) -> pd.DataFrame:
    """The `paper_…` columns of each table row and its verdict, of one column of AUROCs (see summarise).

    The rows of one table of the paper are one family, whichever of them a plan has: p is corrected for all of them.
    A row of which a plan wants a part of the classes is NOT_ENOUGH: the paper prints no mean that it could differ from.

    Args:
        runs: see cells.Cells: the classes that are wanted.
        crossed: the column, of Cells.crossed.
        matches: the paper's row for each table row.
        shared: of each table row, whether its seeds are shared by the classes.
        margin: within which a mean counts as the paper's, in percentage points.
    """
    wanted = runs.groupby("row")["class"].unique()
    lines, compared = [], []
    for index, match in enumerate(matches):
        classes = tuple(sorted(int(c) for c in wanted[index]))
        line, found = _beside_paper(match, classes, crossed.get(index), shared=shared[index], margin=margin)
        lines.append(line)
        compared.append(found)
    for table in {line["paper_table"] for line in lines}:
        family = [n for n, found in enumerate(compared) if found is not None and lines[n]["paper_table"] == table]
        tests = [found for found in (compared[number] for number in family) if found is not None]
        corrected = stats.holm_of([one.p_value for one in tests], _own_rows(table))
        for number, found, p in zip(family, tests, corrected, strict=True):
            lines[number] |= {"p_value": p, "verdict": found.verdict(p)}
    return pd.DataFrame(lines, index=pd.RangeIndex(len(lines), name="row"))


def _own_rows(table: str | None) -> int:
    """How many means of its own a table of the paper has."""
    return sum(row.is_own and row.avg is not None for row in paper.rows(table)) if table else 0


def _beside_paper(
    match: Match | None, classes: tuple[int, ...], runs: NDArray[np.float64] | None, *, shared: bool, margin: float
) -> tuple[dict[str, Any], stats.Comparison | None]:
    avg = match.row.mean_of(classes) if match else None
    is_part = match is not None and len(classes) < paper.CLASS_COUNTS[match.row.dataset]
    line: dict[str, Any] = {
        "paper_table": match.row.table if match else None,
        "paper_avg": avg,
        "paper_sd": match.row.sd_of(classes) if match and avg is not None else None,
        "paper_part": is_part,
        "paper_differences": ", ".join(match.differences) if match else "",
        **dict.fromkeys(("difference", "half_width", "p_value", "verdict")),
    }
    if match is None or match.differences:
        return line, None
    if is_part or avg is None:
        return line, stats.Comparison(None, None, None, stats.NOT_ENOUGH)
    found = stats.compare(
        runs,
        len(classes),
        avg,
        shared=shared,
        paper_runs=paper.RUNS_PER_CLASS,
        rounding=paper.ROUNDING,
        margin=margin,
    )
    return line | {"difference": found.difference, "half_width": found.half_width}, found
