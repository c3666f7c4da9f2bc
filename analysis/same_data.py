"""Same data: what the rows of one data set must agree in to share a table."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from agad.errors import AnalysisError
from agad.spec import datasets
from agad.store.schema import DIGEST_COLUMNS, DataKey

_WAY_OUT = "make all of them of one data folder, in another --results folder"


def check(rows: Sequence[Mapping[str, Any]], runs: pd.DataFrame) -> None:
    """AnalysisError for runs of different images, or of classes with other numbers, of one data set.

    Args:
        rows: spec values of each table row.
        runs: `row`, the columns of DIGEST_COLUMNS and `class_names` of each run. One without a digest goes with any.
    """
    digests: dict[DataKey, Counter[str]] = {}
    for column, of in DIGEST_COLUMNS.items():
        counts = runs.groupby(["row", column], as_index=False).size()
        for row, digest, count in zip(counts["row"], counts[column], counts["size"], strict=True):
            digests.setdefault((rows[row]["dataset"], rows[row][of]), Counter())[digest] += count
    for (dataset, _), by_digest in digests.items():
        if len(by_digest) > 1:
            which = ", ".join(f"{digest[:12]} ({count} runs)" for digest, count in by_digest.most_common())
            raise AnalysisError(
                f"rows of different {datasets.title(dataset)} data cannot share a table: data digests {which}; "
                f"{_WAY_OUT}"
            )
    _check_class_names(rows, runs)


def _check_class_names(rows: Sequence[Mapping[str, Any]], runs: pd.DataFrame) -> None:
    """AnalysisError where a number means one class in some rows of a data set and another in others."""
    named: dict[str, tuple[str, ...]] = {}
    known = runs[["row", "class_names"]].dropna()
    for row, names in zip(known["row"], map(tuple, known["class_names"]), strict=True):
        other = named.setdefault(rows[row]["dataset"], names)
        if other != names:
            pairs = itertools.zip_longest(other, names, fillvalue="missing")
            place, (a, b) = next((n, pair) for n, pair in enumerate(pairs) if pair[0] != pair[1])
            raise AnalysisError(
                f"rows of {datasets.title(rows[row]['dataset'])} whose classes have other numbers cannot share a "
                f"table: class {place} is {a} in some and {b} in others; {_WAY_OUT}"
            )
