"""Agreement: how well our classes' AUROCs follow the paper's printed ones, under each evaluation protocol.

Which classes are easy and which are hard is a fingerprint: a protocol that the paper used should give its pattern over
the classes, even where another length or precision shifts all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .. import stats
from ..cells import Cells
from ..paper.match import find_match
from ..paper.numbers import PaperRow
from ..summary import whole_rows
from . import formats
from .footnotes import in_short
from .formats import GAP
from .keys import fewest_fields, heading, key_texts
from .leakage import LABELS, ORDERED, column, scored
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
        rank_interval: of it.
        distance: mean absolute difference, in percentage points.
    """

    classes: int
    pearson: float | None
    interval: tuple[float, float] | None
    spearman: float | None
    rank_interval: tuple[float, float] | None
    distance: float


def agreement(ours: Sequence[float], printed: Sequence[float]) -> Agreement:
    """Compare values of the same classes.

    Args:
        ours: AUROC of each class in [0, 1].
        printed: the paper's, in percent.
    """
    levelled = stats.levelled(np.asarray(ours, float))
    both = pd.DataFrame({"ours": 100 * levelled, "paper": np.asarray(printed, float)})
    pearson = _correlation(both)
    interval = None if pearson is None else stats.fisher_interval(pearson, len(both))
    spearman = _correlation(both.rank())
    ranks = None if spearman is None else stats.spearman_interval(spearman, len(both))
    distance = float((both["ours"] - both["paper"]).abs().mean())
    return Agreement(len(both), pearson, interval, spearman, ranks, distance)


def agreement_table(cells: Cells) -> Sheet | None:
    """A line per row and protocol, for rows whose classes the paper prints; None where there is none."""
    compared = list(_found(cells))
    fields, lines, data = fewest_fields(cells, [index for index, *_ in compared]), [], []
    closest = closest_protocols(compared)
    for index, protocol, found, row in compared:
        key = key_texts(fields, cells.rows[index])
        texts = (str(found.classes), _r(found.pearson), _interval(found.interval), _r(found.spearman))
        mark = "*" if closest[index] == [protocol] else ""
        lines.append((*key, LABELS[protocol], *texts, _interval(found.rank_interval), f"{found.distance:.1f}{mark}"))
        values = {"pearson": found.pearson, "spearman": found.spearman, "distance": found.distance}
        low, high = found.interval or (None, None)
        data.append(
            dict(zip(fields, key, strict=True))
            | {"protocol": protocol, "paper_table": row.table, "classes": found.classes}
            | values
            | {"pearson_low": low, "pearson_high": high}
            | dict(zip(("spearman_low", "spearman_high"), found.rank_interval or (None, None), strict=True))
        )
    if not lines:
        return None
    return Sheet(
        name="agreement",
        caption="How the classes follow the paper's printed classes, by evaluation protocol",
        columns=(*map(heading, fields), "protocol", "classes", "r", "95% of r", "rank r", "95% of rank r", "distance"),
        kinds=(KEY,) * len(fields) + (KEY,) + (OURS, OURS, NOTE, OURS, NOTE, OURS),
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            "Over the classes that have a run, under protocols that all runs of a row were scored under: means over "
            "seeds at the last update beside the paper's number of the same class; without the adversarial context "
            "beside the paper's with it, as it prints no others. r: Pearson's correlation, rank r: Spearman's, with "
            "intervals by Fisher's z. distance: mean absolute difference in points, which mostly says how high ours "
            "are. Rows of other settings than the paper's stand here too: which classes are easy and which are hard "
            "may survive them.",
            closest_sentence(compared),
        ),
        data=pd.DataFrame(data),
    )


def closest_protocols(found: Sequence[tuple[int, str, Agreement, PaperRow]]) -> dict[int, list[str]]:
    """Row -> the protocols whose distance to the printed classes is smallest: several where they are as near.

    As all are of a net without batch norm, to which the order of the test set means nothing.
    """
    distances: dict[int, dict[str, float]] = {}
    for index, protocol, one, _ in found:
        distances.setdefault(index, {})[protocol] = one.distance
    return {
        index: [protocol for protocol, distance in of.items() if distance <= min(of.values()) + _TIE]
        for index, of in distances.items()
    }


_TIE = 1e-9
"""Points up to which two distances are the same: they differ by rounding."""


def closest_sentence(found: Sequence[tuple[int, str, Agreement, PaperRow]]) -> str:
    """In how many rows an ordered test set comes closest, of those that were scored under one."""
    closest = closest_protocols(found)
    could = {index for index, protocol, _, _ in found if protocol in ORDERED}
    if not could:
        return "*: the smallest of its row; no row was scored under a test set ordered by label."
    ordered = sum({*nearest} <= {*ORDERED} for nearest in closest.values())
    rows = f"{len(could)} rows" + ("" if len(could) == len(closest) else " that were scored under one")
    return (
        f"*: the smallest of its row, where it is one alone. It is under a test set ordered by label in {ordered} of "
        f"{rows}."
    )


def _found(cells: Cells) -> Iterator[tuple[int, str, Agreement, PaperRow]]:
    rows = [None if row in cells.pruned else _printed_like(values) for row, values in enumerate(cells.rows)]
    for protocol in scored(cells):
        means = cells.class_means(column(protocol))
        whole = whole_rows(cells.runs, cells.runs[column(protocol)])
        for index, of_row in means[means["row"].isin(whole)].groupby("row"):
            row = rows[int(str(index))]
            if row is None or not row.classes or len(of_row) < FEWEST_CLASSES:
                continue
            printed = [row.classes[number] for number in of_row["class"]]
            yield int(str(index)), protocol, agreement(of_row["mean"].tolist(), printed), row


def _printed_like(values: Mapping[str, Any]) -> PaperRow | None:
    """The paper's row whose classes it prints, for the same data set, share and generator, with the context."""
    match = find_match({**values, "adversarial_context": "on"}, ("table1", "table9"))
    return match.row if match else None


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
