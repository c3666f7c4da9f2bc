"""Leakage: the same weights scored under every evaluation protocol, at the last update and at the best one.

Only the statistics of batch norm and the order of the test set differ between the columns. What an AUROC gains when
the test set is ordered by label was not learnt about anomalies: it is read off the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.run import EVAL_PROTOCOLS, ORDER_PROTOCOLS

from .. import stats
from ..cells import Cells
from ..summary import HEADLINE, aligned_runs, class_averages, whole_rows
from . import formats
from .footnotes import CLASSES_LEGEND, PAPER_LEGEND, classes_text, curve_points, different_classes, in_short
from .formats import GAP
from .keys import fewest_fields, heading, key_texts
from .sheet import KEY, OURS, PAPER, Sheet

PROTOCOLS = ("eval_recal", "eval", "batch1", "batch_shuffled", "batch_class_sorted", "batch_normals_first")
"""In the order of tables and figures: from scores that depend on their own image alone to the ordered test set."""

LABELS = {
    "eval_recal": "recal",
    "eval": "eval",
    "batch_shuffled": "shuffled",
    "batch_class_sorted": "by class",
    "batch_normals_first": "normals first",
    "batch1": "single",
}
assert set(LABELS) == set(PROTOCOLS) == set(EVAL_PROTOCOLS)


_GAIN_COLUMNS = ("gain", "95% over seeds", "order", "95% over classes", "up", "p")

_SLASH = " / "
"""Between the last update and the best one."""

ORDERED = ("batch_class_sorted", "batch_normals_first")
"""Protocols under which the test set is ordered by label."""


def column(protocol: str) -> str:
    """The row's column that holds a protocol's AUROC at the last update."""
    return HEADLINE if protocol == "eval" else f"auroc_{protocol}"


def scored(cells: Cells) -> tuple[str, ...]:
    """Protocols under which some run was scored, in order."""
    return tuple(protocol for protocol in PROTOCOLS if cells.runs[column(protocol)].notna().any())


def compared_rows(cells: Cells) -> list[int]:
    """Rows that were scored under two protocols at least."""
    found = cells.ok.groupby("row")[[column(protocol) for protocol in PROTOCOLS]].count()
    return [int(str(row)) for row in found.index[(found > 0).sum(axis=1) > 1]]


def oracle(cells: Cells, curves: pd.DataFrame) -> pd.DataFrame:
    """Mean over classes of the best curve point under each protocol, chosen on the test set.

    Args:
        cells: the runs.
        curves: see curves.read.

    Returns:
        a line per row of `cells`, a column per protocol that has curves; AUROC in [0, 1].
    """
    best = curves.groupby(["run_id", "protocol"])["auroc"].max().unstack("protocol")
    runs = cells.ok.merge(best, left_on="run_id", right_index=True)
    found = {str(protocol): class_averages(runs, str(protocol)) for protocol in best.columns}
    chosen = pd.DataFrame(found).reindex(range(len(cells.rows)))
    for protocol in best.columns:
        whole = whole_rows(cells.runs, cells.runs["run_id"].map(best[protocol]))
        chosen.loc[~chosen.index.isin(whole), str(protocol)] = np.nan
    return chosen


@dataclass(frozen=True, slots=True)
class Gain:
    """What one protocol, or the best update, gains over another, run by run.

    Attributes:
        mean: with its interval over fresh seeds.
        over_classes: the same mean, with its interval over classes.
        up: classes whose mean rises.
        p_value: of as many classes up as down (sign test); None where none moves.
        classes: all that have a run.
    """

    mean: stats.Interval
    over_classes: stats.Interval | None
    up: int
    classes: int
    p_value: float | None


def gains(cells: Cells, over: str, protocol: str = "batch_normals_first") -> dict[int, Gain]:
    """Row -> what the protocol, by default an ordered test set, normals first, gains over the protocol `over`."""
    return gains_in(cells, cells.runs[column(protocol)] - cells.runs[column(over)])


def gains_in(cells: Cells, difference: pd.Series[float]) -> dict[int, Gain]:
    """Row -> the gain that is given run by run, as long as cells.runs; none where a run that is ok has none."""
    whole = whole_rows(cells.runs, difference)
    runs = cells.runs.assign(gain=difference)
    found = cells.crossed_of(aligned_runs(runs, "gain"))
    return {row: _gain(gained, shared=cells.shared[row]) for row, gained in found.items() if row in whole}


def _gain(runs: NDArray[np.float64], *, shared: bool) -> Gain:
    means = np.nanmean(runs, axis=1)
    mean, over = stats.mean_interval(runs, shared=shared), stats.class_interval(means)
    up = int((stats.levelled_gains(means) > 0).sum())
    return Gain(mean, over, up, len(means), stats.sign_test(means))


def leakage_table(cells: Cells, curves: pd.DataFrame) -> Sheet | None:
    """A line per row that was scored under several protocols: the last update, the best one, and the gain; or None."""
    protocols = scored(cells)
    if len(protocols) < 2:
        return None
    compared = compared_rows(cells)
    summary, best, fields = cells.summary, oracle(cells, curves), fewest_fields(cells, compared)
    gained, ordered = gains(cells, "eval"), gains(cells, "batch_shuffled")
    lines, data = [], []
    for index in compared:
        values = cells.rows[index]
        last = [float(summary[_avg(protocol)].iloc[index]) for protocol in protocols]
        chosen = [float(best[p].iloc[index]) if p in best else None for p in protocols]
        gain, order = gained.get(index), ordered.get(index)
        texts = [_last_and_best(a, b) for a, b in zip(last, chosen, strict=True)]
        printed = summary["paper_avg"].iloc[index]
        key = key_texts(fields, values)
        paper_text = GAP if formats.is_missing(printed) else f"{printed:.1f}"
        gain_texts = _texts(gain.mean if gain else None)
        order_texts = (*_texts(order.over_classes if order else None), _up(order), _p(order))
        counts = (classes_text(cells, index), f"{summary['ok'].iloc[index]}/{summary['wanted'].iloc[index]}")
        lines.append((*key, *texts, *gain_texts, *order_texts, paper_text, *counts))
        record: dict[str, Any] = dict(zip(fields, key, strict=True))
        record |= dict(zip(("classes", "n"), counts, strict=True))
        record |= {f"last_{protocol}": value for protocol, value in zip(protocols, last, strict=True)}
        record |= {f"best_{protocol}": value for protocol, value in zip(protocols, chosen, strict=True)}
        data.append(record | _record("gain", gain) | _record("order", order) | {"paper_avg": printed})
    return Sheet(
        name="leakage",
        caption="The same weights under every evaluation protocol: AUROC in %, last update / best update",
        columns=(*map(heading, fields), *(LABELS[p] for p in protocols), *_GAIN_COLUMNS, "paper", "classes", "n"),
        kinds=(KEY,) * len(fields) + (OURS,) * (len(protocols) + len(_GAIN_COLUMNS)) + (PAPER, OURS, OURS),
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            "recal, eval: batch norm with running statistics (recal: estimated again on training normals); an image's "
            "score owes nothing to the other test images. shuffled, by class, normals first: statistics of each test "
            "batch, the test set in that order. single: statistics of each image alone.",
            *_partly_scored(cells, compared),
            *_orders(cells, compared),
            *_slashes(cells, lines, compared),
            "gain: normals first minus eval at the last update, in points, run by run; interval over fresh seeds, none "
            "of one seed. order: normals first minus shuffled, which have the same weights and the same kind of "
            "statistics, so what the order alone is worth, with its interval over classes (t), as if these were a "
            "sample of classes; up: in how many of the classes it is above zero; p: sign test over these classes.",
            f"{PAPER_LEGEND} {CLASSES_LEGEND} n: runs that are ok of those wanted.",
            *different_classes(cells, cells.ok, compared),
        ),
        data=pd.DataFrame(data),
    )


def _slashes(cells: Cells, lines: Sequence[tuple[str, ...]], rows: Sequence[int]) -> Iterator[str]:
    """What stands after a slash, where there is one."""
    if any(_SLASH in text for line in lines for text in line):
        yield (
            f"After the slash: the best of the curve's {curve_points(cells, rows)} under that protocol, chosen on the "
            "test set, where the curve was scored so."
        )


def _partly_scored(cells: Cells, rows: Sequence[int]) -> Iterator[str]:
    """Why numbers are missing, where a part of a row's runs was scored under a protocol."""
    counts = cells.ok.groupby("row")[[column(protocol) for protocol in PROTOCOLS]].count().loc[[*rows]]
    if ((counts > 0) & counts.lt(counts.max(axis=1), axis=0)).any(axis=None):
        yield "Under a protocol that a part of a row's runs was scored under, it has neither mean nor gain."


def _orders(cells: Cells, rows: Sequence[int]) -> Iterator[str]:
    """Over how many orders of the test set a mean is, and how far one of them is off; nothing where it is one."""
    most = max(cells.rows[row]["test_orders"] for row in rows)
    if most == 1:
        return
    spreads = []
    for protocol in ORDER_PROTOCOLS:
        each = cells.ok[f"auroc_{protocol}_each"].dropna()
        if len(each):
            spread = 100 * float(np.sqrt(np.mean([np.var(of, ddof=1) for of in each])))
            spreads.append(f"{LABELS[protocol]} {spread:.2f}")
    yield (
        f"Under protocols whose scores depend on the order, the AUROC is a mean over up to {most} orders of the test "
        f"set, drawn alike for all runs; SD among the orders of a run, in points: {', '.join(spreads)}."
    )


def _avg(protocol: str) -> str:
    return "avg" + column(protocol).removeprefix(HEADLINE)


def _last_and_best(last: float, best: float | None) -> str:
    return formats.auroc(last) if formats.is_missing(best) else f"{formats.auroc(last)}{_SLASH}{formats.auroc(best)}"


def _texts(found: stats.Interval | None) -> tuple[str, str]:
    """A mean in points, and its interval."""
    if found is None:
        return GAP, GAP
    return formats.difference(100 * found.estimate), formats.interval(found.low, found.high)


def _up(found: Gain | None) -> str:
    return GAP if found is None else f"{found.up}/{found.classes}"


def _p(found: Gain | None) -> str:
    return formats.p_value(found.p_value if found else None)


def _record(name: str, found: Gain | None) -> dict[str, Any]:
    keys = ("", "_low", "_high", "_classes_low", "_classes_high", "_up", "_classes", "_p_sign")
    names = tuple(f"{name}{key}" for key in keys)
    if found is None:
        return dict.fromkeys(names)
    over = found.over_classes
    ends = (None, None) if over is None else (over.low, over.high)
    values = (found.mean.estimate, found.mean.low, found.mean.high, *ends, found.up, found.classes, found.p_value)
    return dict(zip(names, values, strict=True))
