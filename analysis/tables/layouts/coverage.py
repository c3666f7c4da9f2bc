"""Coverage: how much of each table of the paper has been run, and its verdicts so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ... import stats
from ...paper import numbers as paper
from ..sheet import KEY, NOTE, OURS, Sheet
from .ours import OurTable

_DECIDED = (stats.INSIDE, stats.ABOVE, stats.BELOW, stats.UNDECIDED)


def coverage(tables: Mapping[str, Sequence[OurTable]]) -> Sheet:
    """For each table of the paper: cells with all three runs, runs, verdicts.

    Args:
        tables: the paper's table -> ours of it (see ours.our_tables).
    """
    lines, data = [], []
    for table, ours in tables.items():
        record = _coverage(table, ours)
        data.append(record)
        lines.append(
            (
                paper.TITLES[table],
                f"{record['complete_cells']}/{record['cells']}",
                f"{record['runs']}/{record['wanted']}",
                *(str(record[name]) for name in ("failed", *_DECIDED, "open")),
                "; ".join(record["other_settings"]),
            )
        )
    return Sheet(
        name="coverage",
        caption="How much of each table there is",
        columns=(
            "table",
            "cells 3/3",
            "runs",
            "failed",
            "inside",
            "above",
            "below",
            "undecided",
            "open",
            "also there, not compared",
        ),
        kinds=(KEY, *[OURS] * 8, NOTE),
        lines=tuple(lines),
        notes=(
            "A cell is one class of one line; it wants three runs, as in the paper. inside, above, below, "
            "undecided: lines of the table whose mean over classes has a verdict; open: those that have none yet.",
        ),
        data=pd.DataFrame(data),
    )


def _coverage(table: str, tables: Sequence[OurTable]) -> dict[str, Any]:
    own = [row for row in paper.rows(table) if row.is_own and row.avg is not None]
    wanted_cells = sum(paper.CLASS_COUNTS[row.dataset] for row in own)
    compared = next((ours for ours in tables if not ours.settings), None)
    record: dict[str, Any] = {
        "table": table,
        "cells": wanted_cells,
        "wanted": wanted_cells * paper.RUNS_PER_CLASS,
        "complete_cells": 0,
        "runs": 0,
        "failed": 0,
        **dict.fromkeys(_DECIDED, 0),
        "other_settings": sorted({", ".join(ours.settings) for ours in tables if ours.settings}),
    }
    if compared:
        counts = compared.cells.class_means()["n"].clip(upper=paper.RUNS_PER_CLASS)
        record["complete_cells"] = int((counts == paper.RUNS_PER_CLASS).sum())
        record["runs"] = int(counts.sum())
        record["failed"] = int(compared.summary["failed"].sum())
        for verdict, count in compared.summary["verdict"].value_counts().items():
            record[str(verdict)] = int(count)
    record.pop(stats.NOT_ENOUGH, None)
    record["open"] = len(own) - sum(record[name] for name in _DECIDED)
    return record
