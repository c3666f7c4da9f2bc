"""Which runs a study is about: cells of a grid, with a validation, and no test image read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from agad.errors import AgadError
from agad.plan.grid import Grid, is_file
from agad.plan.make import make_plan
from agad.plan.plan import Plan, find_plan, plan_files, plan_grid
from agad.spec.counts import check_counts
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec

from ..grids import grid_names, load_grid

VALIDATION = 0.1
"""Share of the training normals that is held out where nothing else is said."""


def study_cells(
    grid: str,
    results: Path,
    *,
    seeds: int,
    select: Sequence[str],
    overrides: Sequence[str],
    anomaly_classes: int | None,
    protocol: str,
) -> tuple[str, tuple[RunSpec, ...]]:
    """The title of the cells, and the runs of a study's first trial.

    Args:
        grid: name or file of the grid that they are taken from; or of a grid of one's own that was launched before.
        results: the results folder, in which such a grid's plan is.
        seeds: seeds 0 to seeds - 1 of each cell.
        select: as --select.
        overrides: as --set.
        protocol: of the validation AUROC that is the score.
        anomaly_classes: K: the validation's anomalies are of K classes, drawn for each cell; None: as in the runs.

    Raises AgadError, one line: also for a cell that has not enough classes or images for its validation.
    """
    plan, _ = make_plan(_grid(grid, results), seeds=seeds, select=select, overrides=overrides)
    for name in ("dataset", "protocol"):
        values = list(dict.fromkeys(str(getattr(spec, name)) for spec in plan.specs))
        if len(values) > 1:
            raise AgadError(f"a study is about one {name}; --select {name}=... one of {', '.join(values)}")
    specs = tuple(_validated(spec, anomaly_classes, protocol) for spec in plan.specs)
    for spec in specs:
        check_counts(spec)
    return plan.title, specs


def _grid(name: str, results: Path) -> Grid:
    """The grid; from its plan where it is one of one's own, and its name alone is given."""
    if is_file(name) or name in grid_names() or not any(plan_grid(path) == name for path in plan_files(results)):
        return load_grid(name)
    plan = Plan.load(find_plan(results, name))
    cells = tuple(dict.fromkeys(spec.replace(seed=0) for spec in plan.specs))
    return Grid(name, plan.title, cells, len({spec.seed for spec in plan.specs}))


def _validated(spec: RunSpec, anomaly_classes: int | None, protocol: str) -> RunSpec:
    """The cell's run, scored on a validation alone."""
    classes = spec.validation_anomaly_classes
    if anomaly_classes is not None:
        if classes:
            raise AgadError("give --anomaly-classes or --set validation_anomaly_classes=..., not both")
        classes = _drawn_classes(spec, anomaly_classes)
    return spec.replace(
        validation=spec.validation or VALIDATION,
        validation_anomaly_classes=classes,
        evaluate_test=False,
        curve_protocols=("eval", protocol),  # RunSpec names each once
        final_protocols=("eval", protocol),
    )


def _drawn_classes(spec: RunSpec, count: int) -> tuple[int, ...]:
    """K anomalous classes, drawn by what the cell is and by nothing else: the same for every seed and trial."""
    facts = DATASETS.get(spec.dataset)
    if facts is None:
        raise AgadError(
            f"the classes of {spec.dataset} are not known beforehand; name them by --set validation_anomaly_classes=1+2"
        )
    is_normal = {c: (c == spec.target_class) == (spec.protocol == "one_vs_rest") for c in range(len(facts.class_names))}
    anomalous = [c for c, normal in is_normal.items() if not normal]
    if count > len(anomalous):
        raise AgadError(
            f"--anomaly-classes {count}: {spec.dataset} has {len(anomalous)} anomalous classes where "
            f"{spec.target_class} is the {'normal' if spec.protocol == 'one_vs_rest' else 'anomalous'} class"
        )
    draw = random.Random(f"validation anomaly classes {spec.dataset} {spec.protocol} {spec.target_class}")
    return tuple(sorted(draw.sample(anomalous, count)))
