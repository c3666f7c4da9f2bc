"""Agreement: how well our classes' AUROCs follow the paper's printed ones, under each evaluation protocol.

Which classes are easy and which are hard is a fingerprint: a protocol that the paper used should give its pattern over
the classes, even where another length or precision shifts all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import stats
from ..cells import Cells
from . import formats
from .formats import GAP
from .keys import fewest_fields, heading, key_texts
from .leakage import LABELS, column, scored
from .sheet import KEY, NOTE, OURS, Sheet

FEWEST_CLASSES = 5
"""Fewer classes than this give no correlation that means anything."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Our class means beside the paper's.

    Attributes:
        classes: how many there are of both.
        pearson: correlation of the values; None where one side does not vary.
        interval: of it, by Fisher's z.
        spearman: correlation of the ranks.
        distance: mean absolute difference, in percentage points.
    """

    classes: int
    pearson: float | None
    interval: tuple[float, float] | None
    spearman: float | None
    distance: float


def agreement(ours: Sequence[float], printed: Sequence[float]) -> Agreement:
    """Compare values of the same classes.

    Args:
        ours: AUROC of each class in [0, 1].
        printed: the paper's, in percent.
    """
    both = pd.DataFrame({"ours": 100 * np.asarray(ours, float), "paper": np.asarray(printed, float)})
    pearson = _correlation(both)
    interval = None if pearson is None else stats.fisher_interval(pearson, len(both))
    distance = float((both["ours"] - both["paper"]).abs().mean())
    return Agreement(len(both), pearson, interval, _correlation(both.rank()), distance)


def agreement_table(cells: Cells) -> Sheet | None:
    """A line per row and protocol, for rows whose classes the paper prints; None where there is none."""
    fields, lines, data = fewest_fields(cells), [], []
    for index, protocol, found in _found(cells):
        key = key_texts(fields, cells.rows[index])
        texts = (str(found.classes), _r(found.pearson), _interval(found.interval), _r(found.spearman))
        lines.append((*key, LABELS[protocol], *texts, f"{found.distance:.1f}"))
        match = cells.matches[index]
        assert match is not None  # checked by _found
        values = {"pearson": found.pearson, "spearman": found.spearman, "distance": found.distance}
        low, high = found.interval or (None, None)
        data.append(
            dict(zip(fields, key, strict=True))
            | {"protocol": protocol, "paper_table": match.row.table, "classes": found.classes}
            | values
            | {"pearson_low": low, "pearson_high": high}
        )
    if not lines:
        return None
    return Sheet(
        name="agreement",
        caption="How the classes follow the paper's printed classes, by evaluation protocol",
        columns=(*map(heading, fields), "protocol", "classes", "r", "95%", "rank r", "distance"),
        kinds=(KEY,) * len(fields) + (KEY,) + (OURS, OURS, NOTE, OURS, OURS),
        lines=tuple(lines),
        notes=(
            "Over the classes that have a run: means over seeds at the last update beside the paper's number of the "
            "same class. r: Pearson's correlation, with its interval by Fisher's z; rank r: Spearman's. distance: mean "
            "absolute difference in points. Rows of other settings than the paper's stand here too: which classes are "
            "easy and which are hard may survive them.",
        ),
        data=pd.DataFrame(data),
    )


def _found(cells: Cells) -> Iterator[tuple[int, str, Agreement]]:
    for protocol in scored(cells):
        means = cells.class_means(column(protocol))
        for index, of_row in means.groupby("row"):
            match = cells.matches[int(str(index))]
            if match is None or not match.row.classes or len(of_row) < FEWEST_CLASSES:
                continue
            printed = [match.row.classes[number] for number in of_row["class"]]
            yield int(str(index)), protocol, agreement(of_row["mean"].tolist(), printed)


def _correlation(both: pd.DataFrame) -> float | None:
    if (both.nunique() < 2).any():
        return None
    return float(np.clip(np.corrcoef(both["ours"], both["paper"])[0, 1], -1, 1))


def _r(value: float | None) -> str:
    if formats.is_missing(value):
        return GAP
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _interval(found: tuple[float, float] | None) -> str:
    return GAP if found is None else f"{_r(found[0])} … {_r(found[1])}"
