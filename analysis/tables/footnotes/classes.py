"""Over which classes a row's mean is: means over different ones cannot be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from agad.spec import datasets

from ...cells import Cells

CLASSES_LEGEND = "classes: over how many the mean is; 3/10: runs of three of ten that are wanted are there."

PAPER_LEGEND = (
    "paper: its mean over the same classes: as printed where these are all, else computed from its printed classes."
)


def classes_text(cells: Cells, row: int) -> str:
    """`10`; `3/10` where only three of the classes that are wanted have a run."""
    have, wanted = (runs.loc[runs["row"] == row, "class"].nunique() for runs in (cells.ok, cells.runs))
    return f"{wanted}" if have == wanted else f"{have}/{wanted}"


def different_classes(cells: Cells, runs: pd.DataFrame, rows: Collection[int], *, fewest: int = 1) -> Iterator[str]:
    """Where rows of one data set are means over other classes, so that one is no better than the other by them.

    Args:
        cells: the rows.
        runs: those of `cells` that count, all that are wanted or those that are ok.
        rows: that stand side by side.
        fewest: rows of fewer classes do not count: of one class some tables print no mean.
    """
    found: dict[str, list[frozenset[int]]] = {}
    for row, classes in runs[runs["row"].isin(rows)].groupby("row")["class"].unique().items():
        if len(classes) >= fewest:
            found.setdefault(cells.rows[int(str(row))]["dataset"], []).append(frozenset(map(int, classes)))
    for dataset, of in found.items():
        if len(set(of)) > 1:
            counts = [str(count) for count in sorted({len(classes) for classes in of})]
            many = " or ".join(filter(None, (", ".join(counts[:-1]), counts[-1]))) + " of them"
            yield (
                f"{datasets.title(dataset)}: rows are means over different classes ({many}), which cannot be compared "
                "with each other."
            )
