"""Rows and plans, from files to values: what every table, figure and notebook starts from.

pandas is imported where a frame is made, so that reading a plan costs the standard library only.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad.errors import AnalysisError, SpecError
from agad.spec.run import SEMANTICS_VERSION, RunSpec

if TYPE_CHECKING:
    import pandas as pd

    from agad.store.rows import ResultStore

PLANS = "plans"
"""Folder of the plan files inside a results folder."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as the analysis sees it: which runs make its table.

    Attributes:
        grid: name of the grid.
        title: what the grid is about, in words.
        overrides: `field=value` as given to --set; they change what the cells are.
        specs: the spec of each run by field name, tuples as lists.
        run_ids: run_id of each spec, in the same order.
        code_digest: of agad/'s sources when the plan was made; None if unknown.
        tuned: where the values of some overrides were found (Tuning.of_plan reads it); None: nowhere.
    """

    grid: str
    title: str
    overrides: tuple[str, ...]
    specs: tuple[dict[str, Any], ...]
    run_ids: tuple[str, ...]
    code_digest: str | None = None
    tuned: dict[str, Any] | None = None

    @classmethod
    def from_specs(
        cls,
        grid: str,
        title: str,
        specs: Sequence[RunSpec],
        overrides: Sequence[str] = (),
        code_digest: str | None = None,
    ) -> PlanView:
        """The view of specs that are at hand in this process."""
        values = tuple(spec.to_dict() for spec in specs)
        return cls(grid, title, tuple(overrides), values, tuple(spec.run_id for spec in specs), code_digest)


def load_rows(
    results: str | Path | ResultStore, *, columns: Sequence[str] | None = None, run_ids: Collection[str] | None = None
) -> pd.DataFrame:
    """The rows that count, one per run_id, as a frame; list columns hold Python lists or None.

    Args:
        results: a results folder, or a store that is open on one.
        columns: names of agad.store.schema.SCHEMA; None: all but curves and scores.
        run_ids: only these runs; None: all.
    """
    frame: pd.DataFrame = open_store(results).read(columns=columns, run_ids=run_ids).to_pandas()
    return frame


def open_store(results: str | Path | ResultStore) -> ResultStore:
    """The store of a results folder; AnalysisError where there is no such folder."""
    from agad.store.rows import ResultStore

    if isinstance(results, ResultStore):
        return results
    if not Path(results).is_dir():
        raise AnalysisError(f"{results}: there is no such results folder")
    return ResultStore(results)


def load_plan(path: str | Path) -> PlanView:
    """The plan in a file; AnalysisError, one line, where it is missing, damaged or of another kind."""
    try:
        plan = json.loads(Path(path).read_text(encoding="utf-8"))
        specs = [dict(values) for values in plan["specs"]]
        versions = {values["semantics_version"] for values in specs}
        overrides = tuple(str(override) for override in plan["overrides"])
        grid, title = str(plan["grid"]), str(plan["title"])
    except FileNotFoundError:
        raise AnalysisError(f"{path}: there is no such plan file") from None
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise AnalysisError(f"{path}: not a plan file, or a damaged one") from None
    if not specs:
        raise AnalysisError(f"{path}: the plan holds no run")
    if len(versions) != 1:
        raise AnalysisError(
            f"{path}: the plan mixes semantics versions {', '.join(map(str, sorted(versions)))}; "
            "the same spec means different numbers in them, so make one plan for each"
        )
    (version,) = versions
    if version != SEMANTICS_VERSION:
        raise AnalysisError(
            f"{path}: a plan of semantics {version}; this version of agad reads rows of semantics {SEMANTICS_VERSION}"
        )
    for values in specs:
        del values["semantics_version"]
    try:
        made = [RunSpec.from_dict(values) for values in specs]
    except (SpecError, TypeError) as error:
        raise AnalysisError(f"{path}: not a plan of this version of agad: {error}") from None
    view = PlanView.from_specs(grid, title, made, overrides, plan.get("code_digest"))
    return dataclasses.replace(view, tuned=plan.get("tuned"))


def find_plan(results: str | Path, grid: str | None = None) -> Path:
    """The plan file in a results folder that is the only one, or the only one of a grid.

    AnalysisError, with those that there are, where none or several fit.
    """
    if not Path(results).is_dir():
        raise AnalysisError(f"{results}: there is no such results folder")
    folder = Path(results) / PLANS
    plans = sorted(folder.glob("*.json"))
    fitting = plans if grid is None else [path for path in plans if path.stem.rpartition("-")[0] == grid]
    if len(fitting) == 1:
        return fitting[0]
    which = "plan" if grid is None else f"plan of grid {grid}"
    names = ", ".join(path.name for path in (fitting or plans))
    if fitting:
        raise AnalysisError(f"{folder}: more than one {which}; choose one by --plan: {names}")
    raise AnalysisError(f"{folder}: no {which}; " + (f"there are: {names}" if names else "a launch makes one"))


def spec_defaults() -> dict[str, Any]:
    """Field name -> default, as JSON values (tuples as lists)."""
    values = {field.name: field.default for field in dataclasses.fields(RunSpec)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
