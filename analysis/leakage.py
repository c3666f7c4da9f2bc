"""Leakage: the same weights scored under every evaluation protocol, at the last update and at the best one.

Only the statistics of batch norm and the order of the test set differ between the columns. What an AUROC gains when
the test set is ordered by label was not learnt about anomalies: it is read off the batch.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from agad.spec import EVAL_PROTOCOLS
from analysis import formats, stats
from analysis.cells import HEADLINE, Cells
from analysis.formats import GAP
from analysis.sheet import KEY, OURS, PAPER, Sheet
from analysis.tables import fewest_fields, heading, key_text

PROTOCOLS = ("eval_recal", "eval", "batch1", "batch_shuffled", "batch_class_sorted", "batch_normals_first")
"""In the order in which tables and figures show them: from what one image owes to no other, to the ordered set."""

LABELS = {
    "eval_recal": "recal",
    "eval": "eval",
    "batch_shuffled": "shuffled",
    "batch_class_sorted": "by class",
    "batch_normals_first": "normals first",
    "batch1": "single",
}
assert set(LABELS) == set(PROTOCOLS) == set(EVAL_PROTOCOLS)


def column(protocol: str) -> str:
    """The row's column that holds a protocol's AUROC at the last update."""
    return HEADLINE if protocol == "eval" else f"auroc_{protocol}"


def scored(cells: Cells) -> tuple[str, ...]:
    """Protocols under which some run was scored, in order."""
    return tuple(protocol for protocol in PROTOCOLS if cells.runs[column(protocol)].notna().any())


def oracle(cells: Cells, curves: pd.DataFrame) -> pd.DataFrame:
    """Mean over classes of the best curve point under each protocol, chosen on the test set.

    Args:
        cells: the runs.
        curves: see curves.read.

    Returns:
        a line per row of `cells`, a column per protocol that has curves.
    """
    best = curves.groupby(["run_id", "protocol"])["auroc"].max().unstack("protocol")
    runs = cells.runs[cells.runs["status"] == "ok"].merge(best, left_on="run_id", right_index=True)
    found = {}
    for protocol in best.columns:
        means = stats.class_means(runs, str(protocol), ["row"], of=["class", "known"])
        found[str(protocol)] = stats.over_classes(means, ["row"]).set_index("row")["avg"]
    return pd.DataFrame(found).reindex(range(len(cells.rows)))


def gains(cells: Cells) -> dict[int, stats.Interval]:
    """Row -> what an ordered test set (normals first) gains over eval, run by run, with its interval."""
    runs = cells.runs.assign(gain=cells.runs[column("batch_normals_first")] - cells.runs[HEADLINE])
    of_row: dict[int, list[Any]] = {}
    for _, group in runs.dropna(subset=["gain"]).groupby(["row", "class", "known"]):
        of_row.setdefault(int(group["row"].iloc[0]), []).append(group["gain"].to_numpy(float))
    return {row: stats.mean_interval(of_class) for row, of_class in of_row.items()}


def table(cells: Cells, curves: pd.DataFrame) -> Sheet | None:
    """A line per row: each protocol at the last update, at the best one, and the gain; None where all is eval."""
    protocols = scored(cells)
    if len(protocols) < 2:
        return None
    summary, best, fields = cells.summary, oracle(cells, curves), fewest_fields(cells)
    gained = gains(cells)
    lines, data = [], []
    for index, values in enumerate(cells.rows):
        if not summary.at[index, "ok"]:
            continue
        last = [float(summary[_avg(protocol)].iloc[index]) for protocol in protocols]
        chosen = [float(best[p].iloc[index]) if p in best else None for p in protocols]
        found = gained.get(index)
        texts = [_last_and_best(a, b) for a, b in zip(last, chosen, strict=True)]
        printed = summary["paper_avg"].iloc[index]
        key = [key_text(name, values[name]) for name in fields]
        paper_text = GAP if formats.is_missing(printed) else f"{printed:.1f}"
        lines.append((*key, *texts, *_gain_texts(found), paper_text))
        record: dict[str, Any] = {name: key_text(name, values[name]) for name in fields}
        record |= {f"last_{protocol}": value for protocol, value in zip(protocols, last, strict=True)}
        record |= {f"best_{protocol}": value for protocol, value in zip(protocols, chosen, strict=True)}
        data.append(record | _gain_record(found) | {"paper_avg": printed})
    return Sheet(
        name="leakage",
        caption="The same weights under every evaluation protocol: AUROC in %, last update / best update",
        columns=(*map(heading, fields), *(LABELS[p] for p in protocols), "gain", "95%", "paper"),
        kinds=(KEY,) * len(fields) + (OURS,) * (len(protocols) + 2) + (PAPER,),
        lines=tuple(lines),
        notes=(
            "recal, eval: batch norm with running statistics (recal: estimated anew on training normals); an image's "
            "score owes nothing to the other test images. shuffled, by class, normals first: statistics of each test "
            "batch, the test set in that order. single: statistics of each image alone.",
            "After the slash: the best point of the curve under that protocol, chosen on the test set, where the "
            "curve was scored so.",
            "gain: normals first minus eval at the last update, in points, run by run; interval over fresh seeds (t).",
        ),
        data=pd.DataFrame(data),
    )


def _avg(protocol: str) -> str:
    return "avg" + column(protocol).removeprefix(HEADLINE)


def _last_and_best(last: float, best: float | None) -> str:
    return formats.auroc(last) if formats.is_missing(best) else f"{formats.auroc(last)} / {formats.auroc(best)}"


def _gain_texts(found: stats.Interval | None) -> tuple[str, str]:
    if found is None:
        return GAP, GAP
    text = formats.difference(100 * found.estimate)
    if found.low is None or found.high is None:
        return text, GAP
    return text, f"{formats.difference(100 * found.low)} … {formats.difference(100 * found.high)}"


def _gain_record(found: stats.Interval | None) -> dict[str, Any]:
    if found is None:
        return {"gain": None, "gain_low": None, "gain_high": None}
    return {"gain": found.estimate, "gain_low": found.low, "gain_high": found.high}
