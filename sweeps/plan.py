"""The plan: an immutable, ordered list of specs, and what its rows say is done, failed or to do. Light imports only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agad import files
from agad.errors import AgadError, SpecError, StoreError
from agad.spec.counts import check_counts
from agad.spec.run import RUN_ID_LENGTH, SEMANTICS_VERSION, RunSpec, parse_value
from agad.store.provenance import code_digest
from agad.store.rows import Try

from .grids.paper import Grid
from .tuned import Tuned
from .worker.growing import PLAN, study_folder

DEATHS_UNTIL_FAILED = 3
"""Workers that may die on a run without a new checkpoint before it becomes a failed row."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep is to do: specs in the order in which they are run.

    Attributes:
        grid: name of the grid it was made from.
        overrides: `field=value` of each `--set`, in their order.
        selection: `field=value,value` of each `--select`.
        specs: breadth first: seed 0 of every cell, then seed 1 of every cell.
        code: digest of agad/'s sources that its rows are to come from.
        study: name of the study whose trials add further runs while workers are at the plan; None: it does not grow.
        tuned: where the values of some overrides were found; None: nowhere.
    """

    grid: str
    overrides: tuple[str, ...]
    selection: tuple[str, ...]
    specs: tuple[RunSpec, ...]
    code: str
    study: str | None = None
    tuned: Tuned | None = None

    @property
    def title(self) -> str:
        """The grid with its selection and overrides, for people."""
        changes = [*self.selection, *self.overrides]
        return f"{self.grid} ({'; '.join(changes)})" if changes else self.grid

    @property
    def digest(self) -> str:
        """Names the plan by what is to be run; not by the code that runs it."""
        chosen = [] if self.tuned is None else [self.tuned.study, self.tuned.trial]
        content = json.dumps([self.grid, self.overrides, [spec.run_id for spec in self.specs], *chosen])
        return hashlib.sha256(content.encode()).hexdigest()[:RUN_ID_LENGTH]

    @property
    def name(self) -> str:
        """The plan file's name without its ending; also that of its log folder."""
        return f"{self.grid}-{self.digest}" if self.study is None else f"study-{self.study}"

    def path(self, results: Path) -> Path:
        """Where the plan is kept: a study's lies in its own folder, for it is no table."""
        if self.study is not None:
            return study_folder(results, self.study) / PLAN
        return results / "plans" / f"{self.name}.json"

    @property
    def axes(self) -> dict[str, list[str]]:
        """The fields in which the plan's runs differ, with their values."""
        return axes(self.specs)

    def to_json(self) -> str:
        """The plan file's text."""
        content: dict[str, Any] = {
            "grid": self.grid,
            "title": self.title,
            "overrides": self.overrides,
            "selection": self.selection,
            "code_digest": self.code,
            "specs": [{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in self.specs],
        }
        if self.study is not None:
            content["study"] = self.study
        if self.tuned is not None:
            content["tuned"] = self.tuned.to_dict()
        return json.dumps(content, indent=1)

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan file. Raises StoreError, one line, for one that is missing, torn or of another agad."""
        try:
            content = json.loads(path.read_text())
            specs = tuple(_spec(values) for values in content["specs"])
            overrides, selection = tuple(content["overrides"]), tuple(content["selection"])
            tuned = Tuned.from_dict(content["tuned"]) if "tuned" in content else None
            return cls(
                content["grid"], overrides, selection, specs, content["code_digest"], content.get("study"), tuned
            )
        except OSError as error:
            raise StoreError(f"cannot read the plan {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{path} is not a plan of this agad: {error}") from error

    def save(self, results: Path, *, anew: bool = False) -> Path:
        """Write the plan file if it is not there, or `anew` over what is there; its path."""
        path = self.path(results)
        path.parent.mkdir(parents=True, exist_ok=True)
        put = files.replace_atomically if anew else files.create_atomically
        put(path, lambda temporary: temporary.write_text(self.to_json()))
        return path


def axes(specs: Iterable[RunSpec]) -> dict[str, list[str]]:
    """The fields in which specs differ, with their values in the order in which they come."""
    columns: dict[str, dict[str, None]] = {}
    for spec in specs:
        for name, value in spec.to_dict().items():
            columns.setdefault(name, {})[_shown(value)] = None
    return {name: list(values) for name, values in columns.items() if len(values) > 1}


def _shown(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _spec(values: dict[str, Any]) -> RunSpec:
    version = values.pop("semantics_version")
    if version != SEMANTICS_VERSION:
        raise SpecError(f"its specs mean other numbers (semantics {version}, this code has {SEMANTICS_VERSION})")
    return RunSpec.from_dict(values)


def make_plan(
    grid: Grid,
    *,
    seeds: int | None = None,
    select: Sequence[str] = (),
    overrides: Sequence[str] = (),
    tuned: Tuned | None = None,
) -> tuple[Plan, int]:
    """The grid's runs, selected, then overridden; and how many collapsed because overrides made them equal.

    Args:
        grid: the grid.
        seeds: seeds 0 .. seeds - 1 of each cell; None: the grid's own number.
        select: `field=value[,value...]`, all of which a run must match.
        overrides: `field=value`.
        tuned: values that every run takes over from a study, behind the overrides.

    Raises SpecError for an unknown field or value, an empty selection, and a run that no data set can give.
    """
    chosen = range(grid.seeds if seeds is None else seeds)
    specs = [cell.replace(seed=seed) for seed in chosen for cell in grid.cells]
    for condition in select:
        specs = _matching(specs, condition)
    if not specs:
        raise SpecError(f"no run of {grid.name} matches {' and '.join(select) or 'no seed'}; see --dry-run without it")
    changes = dict(_parse_override(text) for text in overrides)
    overridden = [spec.replace(**changes) for spec in specs] if changes else specs
    final = [spec.replace(**tuned.values) for spec in overridden] if tuned else overridden
    for spec in final:
        check_counts(spec)
    distinct = tuple(dict.fromkeys(final))
    if tuned is not None:
        overrides = (*overrides, *tuned.overrides)
        pairs = zip(final, overridden, strict=True)
        tuned = replace(tuned, default_runs={found.run_id: default.run_id for found, default in pairs})
    plan = Plan(grid.name, tuple(overrides), tuple(select), distinct, code_digest(), tuned=tuned)
    return plan, len(specs) - len(distinct)


def _matching(specs: list[RunSpec], condition: str) -> list[RunSpec]:
    name, _, text = condition.partition("=")
    values = [parse_value(name, part) for part in text.split(",")]
    kept = [spec for spec in specs if getattr(spec, name) in values]
    if specs and not kept:
        there = sorted({str(getattr(spec, name)) for spec in specs})
        raise SpecError(f"--select {condition} matches no run; {name} is one of: {', '.join(there)}")
    return kept


def _parse_override(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SpecError(f"--set {text!r} is not FIELD=VALUE")
    return name, parse_value(name, value)


# -- what is done -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed run is tried again.

    Attributes:
        by_kind: failure kind -> failed rows of that kind that are made good by another try.
        until_attempt: run_id -> attempt: failed rows up to it are tried again, whatever they are (`--retry-failed`).
        keeps_pruned: whether runs that were given up stay so; else they are finished.
    """

    by_kind: Mapping[str, int] = field(default_factory=lambda: {"nan": 0, "oom": 1, "died": 1, "error": 0})
    until_attempt: Mapping[str, int] = field(default_factory=dict)
    keeps_pruned: bool = False

    def state(self, run_id: str, tries: Iterable[Try]) -> str:
        """`done` (an ok row), `failed` (failed, and not to be tried again), `pruned` (given up, and kept) or `open`."""
        failed: list[Try] = []
        pruned = False
        for one in tries:
            if one.status == "ok":
                return "done"
            if one.status == "failed":
                failed.append(one)
            pruned |= one.status == "pruned"
        if pruned and self.keeps_pruned:
            return "pruned"
        if not failed:
            return "open"
        last = max(failed, key=lambda one: one.attempt)
        if last.attempt <= self.until_attempt.get(run_id, 0):
            return "open"
        of_kind = sum(one.failure_kind == last.failure_kind for one in failed)
        return "open" if of_kind <= self.by_kind.get(last.failure_kind or "error", 0) else "failed"

    @classmethod
    def retrying(cls, tries: Mapping[str, Sequence[Try]]) -> RetryPolicy:
        """The policy under `--retry-failed`: whatever has failed by now is open once more."""
        return cls(
            until_attempt={
                run_id: max(one.attempt for one in of_run if one.status == "failed")
                for run_id, of_run in tries.items()
                if any(one.status == "failed" for one in of_run) and all(one.status != "ok" for one in of_run)
            }
        )


def check_code(plan: Plan, *, allow_change: bool) -> None:
    """Refuse to add rows of other code to a plan, unless told that it is meant. Raises AgadError."""
    if plan.code != code_digest() and not allow_change:
        raise AgadError(
            f"agad/ has changed since this plan was made (code {plan.code}, now {code_digest()}): rows might not be "
            "comparable; use another --results folder, or --allow-code-change if the change cannot change numbers"
        )
