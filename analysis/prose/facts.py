"""Facts: the answer to a short question about the rows of a results folder, as a number.

A question is words: FOLDER MEASURE [ARGUMENT …] [FIELD=VALUE …]. The fields choose one row of the folder's table (see
cells.Cells), and seed=NUMBER the runs of one seed. AUROCs are in percent, gains in points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from agad.errors import AgadError, AnalysisError

from .. import stats
from ..cells import Cells
from ..summary import CELL, by_class, class_averages
from ..tables import agreement, contrast, leakage
from ..tables.leakage import column
from .sources import Sources

Points = Callable[[], pd.DataFrame]
"""Reads the curves of a folder (see curves.read)."""

CHANCE = 0.5
"""AUROC of a detector that knows nothing."""


class Facts(Sources):
    """Answers questions about the results folders of one place."""

    def number(self, question: str) -> float:
        """The answer. AnalysisError, one line with the question, where there is none."""
        words = question.split()
        fields = dict(word.split("=", 1) for word in words if "=" in word)
        seed = fields.pop("seed", None)
        folder, measure, *arguments = [word for word in words if "=" not in word] + [""] * (2 - len(words))
        if measure not in MEASURES:
            raise AnalysisError(f"`{question}`: {measure!r} is none of {', '.join(MEASURES)}")
        try:
            cells = self.one_row(folder, fields, only=measure not in _OF_ROWS)
            if seed is not None:
                cells = of_seed(cells, int(seed))
            value = MEASURES[measure](cells, partial(self.points, folder), *arguments)
        except AgadError as error:
            raise AnalysisError(f"`{question}`: {error}") from None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise AnalysisError(f"`{question}` can't be answered: {error!r}") from error
        if value is None or not np.isfinite(value):
            raise AnalysisError(f"`{question}`: its rows have no such number")
        return float(value)

    def one_row(self, folder: str, fields: Mapping[str, str], *, only: bool = True) -> Cells:
        """The cells of the only row of a folder's table with these values, or of all such rows.

        AnalysisError where there is none, or several, or where runs of it are missing: a page that names ten classes
        would print the mean of nine.
        """
        cells = self.cells(folder)

        def fits(index: int) -> bool:
            values = cells.rows[index]
            return all(_text(values[name]) == value for name, value in fields.items())

        found = cells.restrict(fits, folder)
        if found is None:
            raise AnalysisError("no row of the table has these values")
        if only and len(found.rows) > 1:
            raise AnalysisError(f"{len(found.rows)} rows have these values; they differ in {', '.join(found.fields)}")
        if not found.complete:
            raise AnalysisError(f"only {len(found.ok)} of its {len(found.runs)} runs are there")
        return found


def of_seed(cells: Cells, seed: int) -> Cells:
    """The runs of one seed. AnalysisError where a class has none."""
    runs = cells.runs[cells.runs["seed"] == seed]
    if len(runs) < len(cells.runs.drop_duplicates(["row", *CELL])):
        raise AnalysisError(f"not all classes have seed {seed}")
    return replace(cells, runs=runs.reset_index(drop=True))


def _text(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _mean(cells: Cells, _: Points, protocol: str) -> float:
    return 100 * float(class_averages(cells.runs, column(protocol)).loc[0])


def _sd(cells: Cells, _: Points, protocol: str) -> float:
    """Among classes, or pairs of a class and the one that is known, as in the table."""
    return 100 * float(cells.class_means(column(protocol))["mean"].std(ddof=0))


def _of_class(cells: Cells, _: Points, number: str, protocol: str) -> float:
    return 100 * float(by_class(cells.runs, column(protocol))["mean"].loc[(0, int(number))])


def _classes(cells: Cells, protocol: str) -> np.ndarray:
    return by_class(cells.runs, column(protocol))["mean"].to_numpy()


def _above(cells: Cells, _: Points, protocol: str) -> float:
    """Classes above chance."""
    return float((stats.levelled_gains(_classes(cells, protocol) - CHANCE) > 0).sum())


def _p_chance(cells: Cells, _: Points, protocol: str) -> float:
    """Of a mean at chance: t over the classes."""
    return float(scipy_stats.ttest_1samp(_classes(cells, protocol), CHANCE).pvalue)


def _sd_seeds(cells: Cells, _: Points, protocol: str) -> float:
    """Among the seeds of a class, pooled over classes as in the table."""
    return 100 * float(stats.over_classes(cells.class_means(column(protocol)), ["row"])["sd_seeds"].item())


def _r_seeds(cells: Cells, _: Points, protocol: str, one: str, other: str) -> float:
    """Pearson's correlation between the classes of two seeds."""
    pair = (_classes(of_seed(cells, int(seed)), protocol) for seed in (one, other))
    return float(scipy_stats.pearsonr(*pair).statistic)


def _best(cells: Cells, points: Points, protocol: str, number: str = "") -> float:
    if number:
        cells = replace(cells, runs=cells.runs[cells.runs["class"] == int(number)].reset_index(drop=True))
    best = leakage.oracle(cells, points())
    return 100 * float(best[protocol].iloc[0])


def _points(cells: Cells, _: Points) -> float:
    """Of each curve, of which the best is chosen."""
    return float(len(cells.rows[0]["curve"]) + 1)


def _at(cells: Cells, points: Points, update: str, protocol: str) -> float:
    """The mean at a point of the curve, as over the last update."""
    known = points()
    is_here = (known["update"] == int(update)) & (known["protocol"] == protocol)
    here = cells.ok.merge(known.loc[is_here, ["run_id", "auroc"]].rename(columns={"auroc": "at"}), on="run_id")
    if 0 < len(here) < len(cells.ok):
        raise AnalysisError(f"only {len(here)} of its {len(cells.ok)} runs have that point")
    return 100 * float(class_averages(here, "at").get(0, np.nan))


def _order(cells: Cells, points: Points, part: str = "mean") -> float | None:
    return _worth(cells, points, "batch_normals_first", "batch_shuffled", part)


def _gain(cells: Cells, points: Points, part: str = "mean") -> float | None:
    return _worth(cells, points, "batch_normals_first", "eval", part)


def _worth(cells: Cells, _: Points, protocol: str, over: str, part: str = "mean") -> float | None:
    return _part(leakage.gains(cells, over, protocol)[0], part)


def _best_gain(cells: Cells, points: Points, protocol: str, part: str = "mean") -> float | None:
    """Of the best of the curve over the last update, run by run."""
    known = points()
    best = known[known["protocol"] == protocol].groupby("run_id")["auroc"].max()
    return _part(leakage.gains_in(cells, cells.runs["run_id"].map(best) - cells.runs[column(protocol)])[0], part)


def _part(gain: leakage.Gain, part: str) -> float | None:
    if part in ("low", "high"):
        value = getattr(gain.over_classes, part)
        return None if value is None else 100 * value
    return {"mean": 100 * gain.mean.estimate, "up": gain.up, "of": gain.classes, "p": gain.p_value}[part]


def _rank(cells: Cells, _: Points, protocol: str, part: str = "") -> float:
    names = {"": "spearman", "low": "spearman_low", "high": "spearman_high"}
    return _agreement(cells, protocol, names[part])


def _agreement(cells: Cells, protocol: str, name: str) -> float:
    sheet = agreement.agreement_table(cells)
    if sheet is None:
        raise AnalysisError("the paper prints no such classes")
    return float(sheet.data.loc[sheet.data["protocol"] == protocol, name].item())


def _distance(cells: Cells, _: Points, protocol: str) -> float:
    return _agreement(cells, protocol, "distance")


def _contrast(cells: Cells, _: Points, protocol: str, part: str = "") -> float:
    sheet = contrast.contrast_table(cells)
    if sheet is None or len(sheet.data) != 1:
        raise AnalysisError("these rows hold no pair, or several, that differs in one choice")
    return 100 * float(sheet.data[f"{protocol}_{part}" if part else protocol].item())


def _paper(cells: Cells, _: Points) -> float:
    return float(cells.summary["paper_avg"].iloc[0])


def _setting(cells: Cells, _: Points, field: str) -> float:
    value = cells.rows[0][field]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnalysisError(f"{field} is {value!r}, which is no number")
    return float(value)


def _runs(cells: Cells, _: Points) -> float:
    return float(len(cells.ok))


def _seconds(cells: Cells, _: Points, part: str = "") -> float:
    """Of training and scoring of a run: the median, the least (low) or the most (high)."""
    times = cells.ok["train_seconds"] + cells.ok["eval_seconds"]
    return float({"": times.median, "low": times.min, "high": times.max}[part]())


def _minutes(cells: Cells, points: Points, part: str = "") -> float:
    return _seconds(cells, points, part) / 60


def _pace(cells: Cells, _: Points) -> float:
    """Seconds of training an update, the median of the runs."""
    return float((cells.ok["train_seconds"] / cells.ok["row"].map(lambda row: cells.rows[row]["updates"])).median())


MEASURES: dict[str, Callable[..., float | None]] = {
    "mean": _mean,
    "sd": _sd,
    "class": _of_class,
    "above": _above,
    "p_chance": _p_chance,
    "sd_seeds": _sd_seeds,
    "r_seeds": _r_seeds,
    "best": _best,
    "best_gain": _best_gain,
    "at": _at,
    "points": _points,
    "order": _order,
    "gain": _gain,
    "worth": _worth,
    "rank": _rank,
    "distance": _distance,
    "contrast": _contrast,
    "paper": _paper,
    "setting": _setting,
    "runs": _runs,
    "seconds": _seconds,
    "minutes": _minutes,
    "pace": _pace,
}
"""`mean PROTOCOL`, `sd PROTOCOL` (among classes), `class NUMBER PROTOCOL`, `above PROTOCOL` (classes above 50),
`p_chance PROTOCOL`, `sd_seeds PROTOCOL` (pooled over classes), `r_seeds PROTOCOL NUMBER NUMBER` (of the classes of two
seeds), `best PROTOCOL [CLASS]` (best of the curve), `points` (of it), `at UPDATE PROTOCOL`; `order [PART]` and `gain
[PART]`: normals first over shuffled and over eval (PART: low, high, up, of or p); `worth PROTOCOL OVER [PART]`:
likewise of any two; `best_gain PROTOCOL [PART]`: the best of the curve over the last update;
`rank PROTOCOL [low|high]`; `distance PROTOCOL`; `contrast PROTOCOL [low|high]`; `paper`;
`setting FIELD` (a number of the spec); `runs`; `seconds [low|high]` and `minutes [low|high]` of a run, over all
rows with these values, and `pace` (seconds of training an update)."""

_OF_ROWS = ("contrast", "seconds", "minutes")
"""Those that take several rows."""
