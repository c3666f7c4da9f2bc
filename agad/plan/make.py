"""Make a plan: the runs of a grid, selected and changed as the command line says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from agad.errors import SpecError
from agad.plan.grid import Grid
from agad.plan.plan import Plan
from agad.plan.tuned import Tuned
from agad.spec.class_names import ClassNames, known_class_names, parse_classes
from agad.spec.counts import check_counts
from agad.spec.run import RunSpec, parse_value, spec_field
from agad.store.provenance import code_digest

MOST_SEEDS = 10_000
"""Seeds of a cell that a plan can have."""


def make_plan(
    grid: Grid,
    *,
    seeds: int | None = None,
    select: Sequence[str] = (),
    overrides: Sequence[str] = (),
    tuned: Tuned | None = None,
    names: ClassNames = known_class_names,
) -> tuple[Plan, int]:
    """The grid's runs, selected, then overridden; and how many collapsed because overrides made them equal.

    Args:
        grid: the grid.
        seeds: seeds 0 .. seeds - 1 of each cell; None: the grid's own number.
        select: `field=value[,value...]`, all of which a run must match.
        overrides: `field=value`; of a field that is no list also `field=value,value`: each run once with each value.
        tuned: values that every run takes over from a study, after the overrides.
        names: of the classes of a data set: `normal_class=good` is the index of that class in each run's own data set.

    Raises SpecError for an unknown field or value, an empty selection, too many seeds, and a run that no data set can
    give.
    """
    count = grid.seeds if seeds is None else seeds
    if count > MOST_SEEDS:
        raise SpecError(f"--seeds {count} is too many: a plan has at most {MOST_SEEDS} seeds of each cell")
    specs = [cell.replace(seed=seed) for seed in range(count) for cell in dict.fromkeys(grid.cells)]
    _check_names(select, overrides)
    for condition in select:
        specs = _matching(specs, condition, names)
    if not specs:
        raise SpecError(f"no run of {grid.name} matches {' and '.join(select) or 'no seed'}; see --dry-run without it")
    _check_both(overrides, tuned)
    overridden = _overridden(specs, overrides, names)
    final = [spec.replace(**tuned.values) for spec in overridden] if tuned else overridden
    for spec in final:
        check_counts(spec)
    distinct = tuple(dict.fromkeys(final))
    if tuned is not None:
        overrides = (*overrides, *tuned.overrides)
        apart = tuned.apart_from([{**spec.to_dict(), "code": code_digest()[:12]} for spec in distinct])
        tuned = replace(tuned, default_runs=_default_runs(final, overridden), apart=apart)
    plan = Plan(grid.name, tuple(overrides), tuple(select), distinct, code_digest(), tuned=tuned)
    return plan, len(final) - len(distinct)


def _check_both(overrides: Sequence[str], tuned: Tuned | None) -> None:
    for name in dict.fromkeys(text.partition("=")[0] for text in overrides):
        if tuned is not None and name in tuned.values:  # the title would name both values, the runs have one
            raise SpecError(f"--set {name} and --set-from-study {tuned.study} both give {name}; leave --set {name} out")


def _check_names(select: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuse a class by its name in a grid whose data set is changed: the class of that number there is another one."""
    if not any(text.startswith("dataset=") for text in overrides):
        return
    for name, _, text in (condition.partition("=") for condition in select):
        if spec_field(name).setting.is_class and not re.fullmatch(r"(\d+|none|[,+\s])*", text):
            raise SpecError(
                f"--select {name}={text} names a class of the grid's own data set, and --set dataset takes another; "
                f"give its number there, or --set {name}=NAME"
            )


def _default_runs(tuned: Sequence[RunSpec], default: Sequence[RunSpec]) -> dict[str, str]:
    """run_id of each tuned run -> that of the same run without its values, where that is one run and not several.

    Several differ in the tuned field alone: none of them is the default more than the others.
    """
    found: dict[str, set[str]] = {}
    for one, other in zip(tuned, default, strict=True):
        found.setdefault(one.run_id, set()).add(other.run_id)
    return {run_id: defaults.pop() for run_id, defaults in found.items() if len(defaults) == 1}


def _matching(specs: list[RunSpec], condition: str, names: ClassNames) -> list[RunSpec]:
    name, _, text = condition.partition("=")
    parts = text.split(",")
    wanted: dict[str, list[Any]] = {
        dataset: [parse_classes(name, part, dataset, names) for part in parts]
        for dataset in dict.fromkeys(spec.dataset for spec in specs)
    }
    there = {(spec.dataset, getattr(spec, name)) for spec in specs}
    lost = [part for n, part in enumerate(parts) if not any((of, values[n]) in there for of, values in wanted.items())]
    if specs and lost:  # 0.5 for 0.05 would leave a part of the table out, under a title that names it
        which = condition if len(lost) == len(parts) else f"{condition}: {', '.join(lost)}"
        legal = ", ".join(sorted({str(value) for _, value in there}))
        raise SpecError(f"--select {which} matches no run; {name} is one of: {legal}")
    return [spec for spec in specs if getattr(spec, name) in wanted[spec.dataset]]


def _overridden(specs: list[RunSpec], overrides: Sequence[str], names: ClassNames) -> list[RunSpec]:
    """Each spec with every combination of the values; seed 0 of all still comes before seed 1 of any."""
    if not overrides:
        return specs
    values: dict[str, list[Any]] = {}
    for text in overrides:
        name, parsed = _parse_override(specs[0], text)
        if name in values:  # the title would name both values, the runs have one
            raise SpecError(f"--set {name} is given twice; for runs with either value write {name}=A,B")
        values[name] = parsed
    changes = [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]
    changed = (_changed(spec, change, names) for spec in specs for change in changes)
    return sorted(changed, key=lambda spec: spec.seed)


def _changed(spec: RunSpec, change: dict[str, Any], names: ClassNames) -> RunSpec:
    """The spec with the change; what is a class's name until here is its index in the data set of the result."""
    dataset = change.get("dataset", spec.dataset)
    found = {
        name: parse_classes(name, value.text, dataset, names) if isinstance(value, _Classes) else value
        for name, value in change.items()
    }
    return spec.replace(**found)


@dataclass(frozen=True, slots=True)
class _Classes:
    """Classes as the user has written them."""

    text: str


def _parse_override(example: RunSpec, text: str) -> tuple[str, list[Any]]:
    name, equals, value = text.partition("=")
    if not equals:
        raise SpecError(f"--set {text!r} is not FIELD=VALUE")
    is_list = isinstance(getattr(example, name, None), tuple)  # whose own values are joined by commas
    parse = _Classes if spec_field(name).setting.is_class else partial(parse_value, name)
    return name, [parse(part) for part in ([value] if is_list else value.split(","))]
