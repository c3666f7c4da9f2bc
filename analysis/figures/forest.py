"""Forest plots: differences with their intervals, a line each, seeds as dots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .. import stats
from ..cells import Cells
from ..summary import CELL
from ..tables import contrast, formats
from ..tables.footnotes import in_short
from ..tables.keys import fewest_fields, key_texts
from ..tables.leakage import LABELS, column, scored
from .drawing import COLOURS, FAINT, STYLE, Drawing, Panels, say_on_hover

_MOST_LINES = 30
"""Lines above which a forest is no longer read."""


@dataclass(frozen=True)
class _Line:
    """A line of a forest under one protocol.

    Attributes:
        label: what is compared.
        estimate: the difference in points.
        low: end of the 95% interval; None where there is none.
        high: the other end.
        seeds: the difference of each seed.
        better: probability that a run of the one beats one of the other, as text; empty where it was not asked for.
    """

    label: str
    estimate: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]
    better: str = ""


def paper_forest(cells: Cells) -> Drawing | None:
    """Ours minus the paper's mean, a panel per protocol, the margin as a band; None where nothing is compared."""
    lines: dict[str, list[_Line]] = {}
    beside = {protocol: cells.beside_paper(column(protocol)) for protocol in scored(cells)}
    compared = {protocol: found.index[found["difference"].notna()] for protocol, found in beside.items()}
    rows = sorted({index for of in compared.values() for index in of})
    fields = fewest_fields(cells, rows)
    for protocol, found in beside.items():
        for index in compared[protocol]:
            half = found["half_width"].iloc[index]
            estimate = float(found["difference"].iloc[index])
            low, high = (None, None) if formats.is_missing(half) else (estimate - half, estimate + half)
            runs = cells.runs[cells.runs["row"] == index]
            seeds = 100 * _seed_means(_whole_seeds(runs, runs[column(protocol)]))
            label = ", ".join(key_texts(fields, cells.rows[index]))
            of_seeds = tuple(seeds - found["paper_avg"].iloc[index])
            lines.setdefault(protocol, []).append(_Line(label, estimate, low, high, of_seeds))
    return _drawing(
        "forest-paper",
        [", ".join(key_texts(fields, cells.rows[index])) for index in rows],
        lines,
        "ours minus the paper's, points",
        f"Mean over classes minus the paper's, by protocol: 95% interval over fresh seeds, the paper's rounding "
        f"included; dots: a seed with all classes each. Band: ±{cells.margin:g} points, within which a mean counts as "
        "the paper's.",
        margin=cells.margin,
        caution=in_short(cells),
    )


def choice_forest(cells: Cells) -> Drawing | None:
    """What one choice changes, a panel per protocol, and the probability that it is better; None without a pair."""
    lines: dict[str, list[_Line]] = {}
    labels: list[str] = []
    finished = set(cells.ok["row"])
    pairs = [pair for pair in contrast.pairs(cells) if {pair.baseline, pair.variant} <= finished]
    if len(pairs) > _MOST_LINES:  # before all are compared, which is much of a large report's time
        return None
    for pair, what in contrast.choices(cells, pairs).items():
        where = ", ".join(key_texts(("dataset", "gamma"), cells.rows[pair.variant]))
        for protocol, found in contrast.contrasts(cells, pair, scored(cells)).items():
            if found is None:
                continue
            both = contrast.joined_runs(cells, pair)
            both = both[~both["run_id_b"].isin(contrast.apart(pair, both))]
            gains = _whole_seeds(both, both[f"{column(protocol)}_b"] - both[f"{column(protocol)}_a"])
            a, b = (cells.runs[cells.runs["run_id"].isin(both[f"run_id_{half}"])] for half in "ab")
            compared = stats.paired(a, b, column(protocol), CELL, shared=cells.shared[pair.variant])
            low, high = (None if end is None else 100 * end for end in (found.interval.low, found.interval.high))
            line = _Line(
                f"{where}: {what}",
                100 * found.interval.estimate,
                low,
                high,
                tuple(100 * _seed_means(gains)),
                _better(compared),
            )
            lines.setdefault(protocol, []).append(line)
            labels.append(line.label)
    return _drawing(
        "forest-choices",
        labels,
        lines,
        "gain, points",
        "What one choice gains on the same classes and seeds, by protocol: 95% interval over fresh seeds where both "
        "have two or more and these differ, else over classes; dots: a seed with all classes each. P: probability that "
        "a run with the choice beats one without on the same class, mean over classes, ties half, with its 95% "
        f"interval from {stats.BOOTSTRAP_FROM} seeds on, or {stats.BOOTSTRAP_FROM_SHARED} that all classes share "
        "(stratified bootstrap of seeds; Agarwal et al. 2021).",
        margin=None,
        caution=in_short(cells),
    )


def _better(found: stats.PairedComparison | None) -> str:
    if found is None:
        return ""
    return f"P {formats.probability(found.improvement.estimate, found.improvement.low, found.improvement.high)}"


def _whole_seeds(runs: pd.DataFrame, values: pd.Series[float]) -> pd.DataFrame:
    """Runs of the seeds that have all cells, with their `value`: a mean over some cells is of another level."""
    there = runs.assign(value=values).dropna(subset=["value"])
    return there[there.groupby("seed")["seed"].transform("size") == len(runs.drop_duplicates([*CELL]))]


def _seed_means(runs: pd.DataFrame) -> np.ndarray:
    """Mean over classes of the `value` of each seed, in [0, 1]; of a class the mean over what is known."""
    return runs.groupby(["seed", "class"])["value"].mean().groupby("seed").mean().to_numpy()


def _drawing(
    name: str,
    order: Iterable[str],
    lines: dict[str, list[_Line]],
    axis: str,
    caption: str,
    *,
    margin: float | None,
    caution: str,
) -> Drawing | None:
    labels = list(dict.fromkeys(order))  # the same in all panels, of which some lack a line
    if not labels or len(labels) > _MOST_LINES:
        return None
    places = {label: -number for number, label in enumerate(labels)}
    left = 0.3 + 0.058 * max(map(len, labels))
    with mpl.rc_context(STYLE):
        layout = Panels(
            columns=3, width=2.0, height=0.25 + 0.2 * len(labels), bottom=0.45, between=0.45, left=left, top=0.3
        )
        figure, axes = layout.panels(len(lines))
        for panel, (protocol, of) in zip(axes, lines.items(), strict=True):
            panel.set_title(LABELS[protocol])
            panel.axvline(0, color=FAINT, linewidth=0.8)
            if margin is not None:
                panel.axvspan(-margin, margin, color=COLOURS[2], alpha=0.2, linewidth=0)
            for line in of:
                _draw(panel, line, places[line.label], protocol)
        axes[0].set_yticks(list(places.values()), list(places))
        axes[0].set_ylim(0.5 - len(labels), 0.8)
        layout.label(axes, axis, "")
    return Drawing(name, caption, " ".join(_alt(lines)), figure, caution)


def _draw(panel: Axes, line: _Line, y: float, protocol: str) -> None:
    if line.low is not None and line.high is not None:
        panel.plot([line.low, line.high], [y, y], color=COLOURS[0], linewidth=1.4)
    panel.plot(line.seeds, [y - 0.22] * len(line.seeds), color=FAINT, marker="o", markersize=2, linewidth=0)
    (point,) = panel.plot([line.estimate], [y], color=COLOURS[0], marker="D", markersize=3.5, linewidth=0)
    if line.better:
        panel.annotate(
            line.better,
            (1, y + 0.1),
            xycoords=("axes fraction", "data"),
            fontsize=6,
            va="bottom",
            ha="right",
        )
    say_on_hover(point, f"{line.label}\n{LABELS[protocol]}: {_words(line)}")


def _words(line: _Line) -> str:
    if line.low is None or line.high is None:
        return formats.difference(line.estimate)
    return f"{formats.difference(line.estimate)} ({formats.interval(line.low / 100, line.high / 100)})"


def _alt(lines: dict[str, list[_Line]]) -> Iterator[str]:
    for protocol, of in lines.items():
        yield f"{LABELS[protocol]}: {'; '.join(f'{line.label} {_words(line)}' for line in of)}."


def forests(cells: Cells) -> Sequence[Drawing]:
    """The forests that there are."""
    return [drawing for drawing in (paper_forest(cells), choice_forest(cells)) if drawing is not None]
