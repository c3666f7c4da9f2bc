"""Evidence: the rows of several results folders, grouped into what was trained alike."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from agad.errors import EmptyResultsError
from agad.store.schema import SPEC_COLUMNS

from .. import cells as cells_of
from .. import curves
from ..cells import RUN_COLUMNS, Cells
from ..load import open_store
from ..paper.numbers import SCORING_FIELDS
from ..table_rows import seeds_shared


@dataclass(frozen=True)
class Group:
    """Runs that differ in class, seed and what is scored only.

    Attributes:
        values: of RunSpec, as in a plan file.
        runs: see cells.Cells, and the measures of `read`.
    """

    values: Mapping[str, Any]
    runs: pd.DataFrame

    @property
    def shared(self) -> bool:
        """Whether the classes share their seeds."""
        return seeds_shared(self.values)


Evidence = dict[str, Group]
"""Key (see key_of) -> group."""


def key_of(values: Mapping[str, Any], **other: Any) -> str:
    """What names a group: all fields but those that only set what is scored; `other` takes the place of some."""
    return json.dumps({name: of for name, of in {**values, **other}.items() if name not in SCORING_FIELDS})


def read(folders: Sequence[str | Path]) -> tuple[Evidence, Cells]:
    """The groups of all rows that are ok in some results folders, and their cells; a run counts once.

    Each run has, beside its AUROCs, `rough_PROTOCOL` (ups and downs of the curve, in AUROC) and `apart` (see _apart),
    NaN where nothing was saved.

    Raises:
        AnalysisError: no row, or rows that cannot share a table.
    """
    columns = ("semantics_version", "evaluate_test", *SPEC_COLUMNS, *RUN_COLUMNS)
    tables, measures = [], []
    seen: set[str] = set()
    for folder in folders:
        store = open_store(folder)
        table = store.read(columns=tuple(dict.fromkeys(columns)))
        new = [run_id not in seen for run_id in table["run_id"].to_pylist()]
        table = table.filter(pa.array(new, pa.bool_()))
        table = table.filter(table["evaluate_test"])
        run_ids = set(table["run_id"].to_pylist())
        seen |= run_ids
        tables.append(table)
        measures.append(_measures(folder, run_ids))
    rows = pa.concat_tables(tables)
    if not rows.num_rows:
        raise EmptyResultsError(f"{', '.join(map(str, folders))}: no row with a test score")
    cells = cells_of.of_rows(rows, "claims")
    runs = cells.ok.merge(pd.concat(measures), left_on="run_id", right_index=True, how="left")
    groups: dict[str, list[int]] = {}
    for index, values in enumerate(cells.rows):
        groups.setdefault(key_of(values), []).append(index)
    return {key: Group(cells.rows[of[0]], runs[runs["row"].isin(of)]) for key, of in groups.items()}, cells


def _measures(folder: str | Path, run_ids: Collection[str]) -> pd.DataFrame:
    """run_id -> `rough_PROTOCOL` and `apart`."""
    points = curves.read(folder, run_ids).sort_values("update")
    rough = points.groupby(["run_id", "protocol"])["auroc"].agg(_rough).unstack("protocol").add_prefix("rough_")
    scores = curves.read_scores(folder, run_ids)
    apart = pd.Series({run_id: _apart(*of) for run_id, of in scores.items()}, name="apart", dtype=float)
    return rough.join(apart, how="outer")


def _rough(curve: pd.Series[float]) -> float:
    """How much a curve goes up and down beyond its net change; 0 where it only rises, NaN of fewer than 3 points."""
    steps = np.diff(curve.to_numpy(float))
    return float(np.abs(steps).sum() - abs(steps.sum())) if len(steps) > 1 else float("nan")


def _apart(labels: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    """Lower quartile of anomalous scores minus the upper one of normal scores, over the sum of both boxes' heights."""
    normal, anomalous = (curves.box(scores[labels == label]) for label in (0, 1))
    heights = [float(box["q3"]) - float(box["q1"]) for box in (normal, anomalous)]  # type: ignore[arg-type]
    gap = float(anomalous["q1"]) - float(normal["q3"])  # type: ignore[arg-type]
    return gap / sum(heights) if sum(heights) else float("nan")
