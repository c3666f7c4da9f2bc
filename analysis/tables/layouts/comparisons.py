"""Comparisons: variants against each other, and how sure each mean is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from agad.spec import datasets

from ... import stats
from ...cells import Cells
from ...paper.numbers import BASELINES, PaperRow
from .. import formats
from ..footnotes import CLASSES_LEGEND, classes_text, different_classes, in_short, joined, pairs_notes
from ..formats import GAMMA, GAP
from ..keys import heading, key_texts
from ..sheet import KEY, OURS, Sheet
from .ours import OurTable

_VARIANTS = {
    "table3": "adversarial_context",
    "table4": "adversarial_context",
    "table5": "batch_norm",
    "table9": "backbone",
}


def paired(ours: OurTable) -> Sheet | None:
    """What the table's variants gain over its baseline on the same classes, seeds and draws.

    None where the table has no variants, or no pair of runs is complete.
    """
    name = _VARIANTS.get(ours.table)
    if name is None:
        return None
    baseline = BASELINES[name]
    found, pairs = [], []
    for base in ours.cells.matches:
        if base is None or base.row.fields[name] != baseline:
            continue
        a = _runs_of(ours, base.row)
        for other in ours.cells.matches:
            same = other and (other.row.dataset, other.row.gamma) == (base.row.dataset, base.row.gamma)
            if other and same and other.row.fields[name] != baseline:
                runs = _runs_of(ours, other.row)
                result = stats.paired(a, runs, shared=any(ours.cells.shared))
                if result and any((of["status"] == "pruned").any() for of in (a, runs)):
                    result = replace(result, p_value=None)  # scores decided which runs are left
                found.append((other.row, result))
                pairs.append(joined(*(of[of["status"] == "ok"] for of in (a, runs))))
    if not any(result for _, result in found):
        return None
    return _paired_sheet(ours, name, found, pd.concat(pairs))


def _paired_sheet(
    ours: OurTable, name: str, found: Sequence[tuple[PaperRow, stats.PairedComparison | None]], pairs: pd.DataFrame
) -> Sheet:
    corrected = stats.holm_of([None if result is None else result.p_value for _, result in found])
    lines, data = [], []
    for (row, result), p_value in zip(found, corrected, strict=True):
        if result is None:
            continue
        gain, better = result.difference, result.improvement
        lines.append(
            (
                datasets.title(row.dataset),
                formats.gamma(row.gamma),
                str(row.fields[name]),
                formats.difference(100 * gain.estimate),
                formats.interval(gain.low, gain.high),
                formats.probability(better.estimate, better.low, better.high),
                formats.p_value(p_value),
                f"{result.pairs}",
            )
        )
        data.append(
            {
                "dataset": row.dataset,
                "gamma": row.gamma,
                name: row.fields[name],
                "gain": gain.estimate,
                "low": gain.low,
                "high": gain.high,
                "improvement": better.estimate,
                "improvement_low": better.low,
                "improvement_high": better.high,
                "p_holm": p_value,
                "pairs": result.pairs,
                "classes": result.classes,
            }
        )
    return Sheet(
        name=f"{ours.name}-paired",
        caption=f"{ours.title}: gain over {name.replace('_', ' ')} {BASELINES[name]}, run by run",
        columns=("dataset", GAMMA, heading(name), "gain", "95% over seeds", "P(better)", "p", "pairs"),
        kinds=(KEY, KEY, KEY, OURS, OURS, OURS, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "gain: points of AUROC on the same class, seed and draw, mean over classes; interval over fresh seeds. "
            "P(better): probability that a run beats one of the baseline, ties half, with its 95% interval (stratified "
            f"bootstrap of seeds, Agarwal et al. 2021) from {stats.BOOTSTRAP_FROM} seeds on, or "
            f"{stats.BOOTSTRAP_FROM_SHARED} that all classes share; none where every pair falls "
            "the same way. p: Wilcoxon over classes, Holm-corrected within this table; none below six classes.",
            *pairs_notes(pairs),
        ),
        data=pd.DataFrame(data),
        caution=in_short(ours.cells),
    )


def _runs_of(ours: OurTable, row: PaperRow) -> pd.DataFrame:
    indices = [index for index, match in enumerate(ours.cells.matches) if match and match.row == row]
    return ours.cells.runs[ours.cells.runs["row"].isin(indices)]


def uncertainty(cells: Cells, name: str, title: str) -> Sheet | None:
    """Mean and interquartile mean of each row with their intervals; None where no row is complete enough."""
    groups = cells.crossed()
    lines, data = [], []
    for index, values in enumerate(cells.rows):
        if index not in groups:
            continue
        of_class = [runs[~np.isnan(runs)] for runs in groups[index]]
        shared = cells.shared[index]
        mean, iqm = stats.mean_interval(groups[index], shared=shared), stats.iqm_interval(of_class)
        if shared:  # the bootstrap takes the classes' runs for independent, and would claim more than it holds
            iqm = replace(iqm, low=None, high=None)
        seeds = sorted({len(runs) for runs in of_class})
        key = key_texts(cells.fields, values)
        counts = formats.RANGE.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
        classes = classes_text(cells, index)
        lines.append((*key, *_interval(mean), *_interval(iqm), classes, counts))
        data.append(
            {
                **dict(zip(cells.fields, key, strict=True)),
                **{f"mean_{end}": getattr(mean, end) for end in ("estimate", "low", "high")},
                **{f"iqm_{end}": getattr(iqm, end) for end in ("estimate", "low", "high")},
                "classes": classes,
                "seeds": seeds[0],
            }
        )
    if not lines:
        return None
    return Sheet(
        name=name,
        caption=f"{title}: mean and interquartile mean over all runs, with 95% intervals over fresh seeds",
        columns=(*map(heading, cells.fields), "mean", "95% over seeds", "IQM", "95% over seeds", "classes", "seeds"),
        kinds=(KEY,) * len(cells.fields) + (OURS,) * 6,
        lines=tuple(lines),
        notes=(
            "mean: interval over fresh seeds from runs crossed by class and seed (docs/statistics.md). IQM: of all "
            "runs, each weighing the same (runs that know one anomaly class each: of their mean of a class and seed); "
            f"bootstrap of runs within classes, from {stats.BOOTSTRAP_FROM} seeds on that the classes do not share: of "
            f"others it would claim more than it holds. {CLASSES_LEGEND}",
            *different_classes(cells, cells.ok, groups),
        ),
        data=pd.DataFrame(data),
        caution=in_short(cells),
    )


def _interval(interval: stats.Interval) -> tuple[str, str]:
    if interval.low is None or interval.high is None:
        return formats.auroc(interval.estimate), GAP
    ends = (formats.auroc(min(max(end, 0.0), 1.0)) for end in (interval.low, interval.high))
    return formats.auroc(interval.estimate), formats.RANGE.join(ends)
