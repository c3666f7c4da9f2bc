"""Evidence: the rows of several results folders, grouped into what was trained alike."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.errors import EmptyResultsError
from agad.store.schema import SPEC_COLUMNS

from .. import cells as cells_of
from .. import curves, stats
from ..cells import RUN_COLUMNS, Cells
from ..load import Results, Rows, open_store
from ..paper.match import other_classes
from ..paper.numbers import QUIET_FIELDS
from ..summary import CELL
from ..table_rows import seeds_shared
from .claim import CLAIMS, Gains


@dataclass(frozen=True)
class Group:
    """Runs that differ in class, seed and what is scored only.

    Attributes:
        values: of RunSpec, as in a plan file.
        runs: see cells.Cells, and the measures of `read`.
        places: of each run among those of all groups (see stats.numbered).
        shape: of all groups.
        pruned: whether further runs of it were ended for their scores, so that these say too much.
    """

    values: Mapping[str, Any]
    runs: pd.DataFrame
    places: NDArray[np.int64]
    shape: NDArray[np.int64]
    pruned: bool = False

    @property
    def shared(self) -> bool:
        """Whether the classes share their seeds."""
        return seeds_shared(self.values)

    def aligned(self, name: str) -> NDArray[np.float64] | None:
        """A column by cell and seed, alike of all groups; None where there is no such column."""
        if name not in self.runs:
            return None
        return stats.aligned(self.places, self.runs[name].to_numpy(float), self.shape)


Evidence = dict[str, Group]
"""Key (see key_of) -> group."""


def key_of(values: Mapping[str, Any], **other: Any) -> str:
    """What names a group: all fields but those that only set what is scored; `other` takes the place of some."""
    return json.dumps({name: of for name, of in {**values, **other}.items() if name not in QUIET_FIELDS})


def read(results: Results, run_ids: Collection[str] | None = None) -> tuple[Evidence, Cells]:
    """The groups of all rows that are ok in some results folders, and their cells.

    Args:
        results: see load.Results.
        run_ids: only these runs; None: all.

    Each run has, beside its AUROCs, `rough_PROTOCOL` (see curves.rough) and `apart` (see _apart): NaN where nothing was
    saved, or where no claim is about it.

    Raises:
        AnalysisError: no row, or rows that cannot share a table.
    """
    columns = ("semantics_version", "evaluate_test", *SPEC_COLUMNS, *RUN_COLUMNS)
    store = open_store(results)
    rows = store.read(columns=tuple(dict.fromkeys(columns)), run_ids=run_ids)
    rows = rows.filter(rows["evaluate_test"])
    if not rows.num_rows:
        raise EmptyResultsError(f"{store}: no row with a test score")
    cells = cells_of.with_store(cells_of.of_rows(rows, "claims"), store)
    runs = _of_its_classes(cells).merge(_measures(store, cells), left_on="run_id", right_index=True, how="left")
    groups: dict[str, list[int]] = {}
    for index in sorted(set(runs["row"])):
        values = cells.rows[index]
        groups.setdefault(key_of(values), []).append(index)
    places = stats.numbered(runs, CELL)
    shape, found = places.max(axis=1, initial=-1) + 1, {}
    for key, of in groups.items():
        own = runs["row"].isin(of).to_numpy()
        found[key] = Group(cells.rows[of[0]], runs[own], places[:, own], shape, not cells.pruned.isdisjoint(of))
    return found, cells


def _of_its_classes(cells: Cells) -> pd.DataFrame:
    """The runs that are ok of classes that the paper has: of a medical set class 0 alone."""
    datasets = cells.ok["row"].map(dict(enumerate(values["dataset"] for values in cells.rows)))
    own = [not other_classes(*of) for of in zip(datasets, cells.ok[["class"]].to_numpy(), strict=True)]
    return cells.ok[np.array(own, dtype=bool)]


def _measures(store: Rows, cells: Cells) -> pd.DataFrame:
    """run_id -> `rough_PROTOCOL`, `same_points` (see curves) and `apart`.

    The last only of the runs that a claim about it is about: their scores are long.
    """
    points = curves.read(store, set(cells.ok["run_id"]))
    rough = curves.rough(points).unstack("protocol").add_prefix("rough_")
    tests = [claim.test for claim in CLAIMS if isinstance(claim.test, Gains) and claim.test.measure == "apart"]
    rows = [index for index, values in enumerate(cells.rows) if any(_is_about(test, values) for test in tests)]
    scores = curves.read_scores(store, set(cells.ok.loc[cells.ok["row"].isin(rows), "run_id"]))
    apart = pd.Series({run_id: _apart(*of) for run_id, of in scores.items()}, name="apart", dtype=float)
    return rough.join(apart, how="outer").join(curves.same_points(points).rename("same_points"), how="left")


def _is_about(test: Gains, values: Mapping[str, Any]) -> bool:
    datasets, wanted = {dataset for dataset, _ in test.places}, (test.variant, test.baseline)
    return values["dataset"] in datasets and values[test.name] in wanted


def _apart(labels: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    """Lower quartile of anomalous scores minus the upper one of normal scores, over the sum of both boxes' heights."""
    normal, anomalous = (curves.box(scores[labels == label]) for label in (0, 1))
    heights = [float(box["q3"]) - float(box["q1"]) for box in (normal, anomalous)]  # type: ignore[arg-type]
    gap = float(anomalous["q1"]) - float(normal["q3"])  # type: ignore[arg-type]
    return gap / sum(heights) if sum(heights) else float("nan")
