"""A study from its rows again, where its journal was lost or damaged."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable
from typing import Any

from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import SPEC_COLUMNS

from ..worker.growing import Feed
from .journal import set_aside
from .lease import Lease
from .optimiser import Optimiser
from .outcomes import Rows, intermediate, trial_outcome
from .settings import StudySettings
from .study import Search, Summaries


def rebuild_journal(search: Search, lease: Lease) -> int:
    """Make the study's journal and summary again from the rows; how many trials. The old journal is set aside."""
    set_aside(search.folder.journal)
    optimiser, feed, rows = search.optimiser(lease, begins=False), search.feed(), search.rows()
    number = rebuild(search.settings, optimiser, feed, rows)
    Summaries(search.folder, optimiser, feed, rows).write()
    return number


def rebuild(settings: StudySettings, optimiser: Optimiser, feed: Feed, rows: Rows) -> int:
    """Fill an empty study with the trials that the rows show; how many there are.

    Trials that the study's folder knows keep their order, whatever became of their runs: those without all rows wait to
    be made. Rows of this search that no known trial asked for (its folder was lost) come after them, in the order in
    which they were made. Pruned trials have the points that their rows have.
    """
    withdrawn = feed.verdicts().withdrawn
    trials = _trials(settings, feed, rows.store)
    known = feed.folder.trials
    if known.exists():
        shutil.move(known, known.with_name(f"trials.{uuid.uuid4().hex[:8]}.old"))
    rows.poll({spec.run_id for values in trials for spec in settings.runs(values)}, withdrawn)
    waiting = []
    number = 0
    for values in trials:
        specs = settings.runs(values)
        outcome = trial_outcome(specs, rows.known, settings.objectives, withdrawn)
        if outcome is None:
            waiting.append(values)
            continue
        points = {} if len(settings.objectives) > 1 else intermediate(specs, rows.known, {})
        optimiser.add(values, outcome.state, outcome.values, points)
        feed.add(number, specs)
        number += 1
    for values in waiting:
        optimiser.add(values, "waiting", None, {})
    return number


def _trials(settings: StudySettings, feed: Feed, store: ResultStore) -> list[dict[str, Any]]:
    """The distinct values of all trials that the folder or the rows know."""
    names = [axis.name for axis in settings.axes]
    known = [{name: getattr(specs[0], name) for name in names} for specs in feed.trials() if specs]
    found: dict[str, dict[str, Any]] = {}
    for values in [*known, *_values_of_rows(settings, store)]:
        found.setdefault(json.dumps(values, sort_keys=True), values)
    return [values for values in found.values() if all(axis.contains(values[axis.name]) for axis in settings.axes)]


def _values_of_rows(settings: StudySettings, store: ResultStore) -> Iterable[dict[str, Any]]:
    """The values of the rows that differ from the first trial's runs in searched fields only, the oldest first."""
    names = [axis.name for axis in settings.axes]
    cells = {_without(spec.to_dict(), names) for spec in settings.specs}
    rows = store.read([*SPEC_COLUMNS, "finished_at"]).to_pylist()
    for row in sorted(rows, key=lambda row: (row["finished_at"] is None, row["finished_at"])):
        del row["finished_at"]
        spec = RunSpec.from_dict(row)
        if _without(spec.to_dict(), names) in cells:
            yield {name: getattr(spec, name) for name in names}


def _without(values: dict[str, Any], names: Iterable[str]) -> str:
    left = {name: value for name, value in values.items() if name not in names}
    return json.dumps(left, sort_keys=True)
