"""Contrast: what one choice changes under each evaluation protocol, class by class, all else being the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.fields import LEADING_FIELDS, json_defaults

from .. import stats
from ..cells import Cells
from ..paper.numbers import BASELINES
from ..summary import CELL
from . import formats
from .formats import GAP
from .keys import heading, key_text, key_texts
from .leakage import LABELS, column, scored
from .sheet import KEY, OURS, Sheet


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows of a table that differ in one field.

    Attributes:
        field: which.
        baseline: index of the row with the field's baseline.
        variant: of the other.
    """

    field: str
    baseline: int
    variant: int


def pairs(cells: Cells) -> Iterator[Pair]:
    """Every variant beside its baseline, field by field; a field's baseline is the paper's, else RunSpec's default."""
    defaults = json_defaults()
    for name in cells.fields:
        if name in LEADING_FIELDS:
            continue
        baseline = BASELINES.get(name, defaults[name])
        keys = [_others(cells, row, name) for row in range(len(cells.rows))]
        baselines = {key: row for row, key in enumerate(keys) if cells.rows[row][name] == baseline}
        for row, values in enumerate(cells.rows):
            if values[name] != baseline and keys[row] in baselines:
                yield Pair(name, baselines[keys[row]], row)


def contrast_table(cells: Cells) -> Sheet | None:
    """A line per pair: the variant's gain over its baseline, mean over classes, under each protocol; None without."""
    protocols, lines, data = scored(cells), [], []
    means = {protocol: _means(cells, protocol) for protocol in protocols}
    for pair in pairs(cells):
        gains = {protocol: _gains(of_row, pair) for protocol, of_row in means.items()}
        classes = max(map(len, gains.values()))
        if not classes:
            continue
        values = cells.rows[pair.variant]
        ours, theirs = (key_text(pair.field, cells.rows[row][pair.field]) for row in (pair.variant, pair.baseline))
        what = f"{heading(pair.field)} {ours} over {theirs}"
        key = key_texts(LEADING_FIELDS, values)
        found = {name: stats.class_interval(of_class) for name, of_class in gains.items()}
        lines.append((*key, what, *(_text(interval) for interval in found.values()), str(classes)))
        record: dict[str, Any] = dict(zip(LEADING_FIELDS, key, strict=True)) | {"field": pair.field, "contrast": what}
        for protocol, interval in found.items():
            ends = (None, None, None) if interval is None else (interval.estimate, interval.low, interval.high)
            record |= dict(zip((protocol, f"{protocol}_low", f"{protocol}_high"), ends, strict=True))
        data.append(record | {"classes": classes})
    if not lines:
        return None
    return Sheet(
        name="contrast",
        caption="What one choice changes, all else being the same: points of AUROC by evaluation protocol",
        columns=(*map(heading, LEADING_FIELDS), "choice", *(LABELS[protocol] for protocol in protocols), "classes"),
        kinds=(KEY, KEY, KEY) + (OURS,) * (len(protocols) + 1),
        lines=tuple(lines),
        notes=(
            "Last update, means over seeds, paired by class; in brackets the 95% interval over classes (t), which "
            "says how far the mean would hold for other classes, and nothing of other seeds.",
        ),
        data=pd.DataFrame(data),
    )


def _others(cells: Cells, row: int, name: str) -> tuple[str, ...]:
    """The values of all fields that tell a row apart, but one."""
    return tuple(repr(cells.rows[row][other]) for other in cells.fields if other != name)


def _means(cells: Cells, protocol: str) -> pd.Series[float]:
    """Mean over seeds by row, class and known anomaly class, under a protocol."""
    return cells.class_means(column(protocol)).set_index(["row", *CELL])["mean"].dropna()


def _gains(means: pd.Series[float], pair: Pair) -> NDArray[np.float64]:
    """The variant's mean minus the baseline's, of each class that both have."""
    rows = means.index.get_level_values("row")
    a, b = (means[rows == row].droplevel("row") for row in (pair.baseline, pair.variant))
    return np.asarray((b - a).dropna(), np.float64)


def _text(found: stats.Interval | None) -> str:
    if found is None:
        return GAP
    mean = formats.difference(100 * found.estimate)
    if found.low is None or found.high is None:
        return mean
    return f"{mean} ({formats.interval(found.low, found.high)})"
