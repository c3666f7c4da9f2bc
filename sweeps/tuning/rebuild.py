"""A study from its rows again, where its journal was lost or damaged.

Trials that the study's folder knows, by `trials/` or else by the summary, keep their numbers and values, whatever
became of their runs. Only where files of `trials/` are lost do rows that no known trial asked for give further ones:
rows of the study's own plan, or of no study's. A number that nothing gives is that of a trial that failed: Optuna's
numbers have no gaps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agad import files
from agad.errors import SpecError, StoreError
from agad.plan.study import read_study
from agad.plan.trial_file import number_of, read_trial
from agad.spec.run import RunSpec
from agad.store.folder import StudyFolder
from agad.store.rows import ResultStore
from agad.store.schema import SPEC_COLUMNS

from ..worker.growing import Feed
from .journal import open_journal, put_in_place, set_aside
from .lease import Lease
from .optimiser import Optimiser
from .outcomes import Rows, intermediate, trial_outcome
from .settings import StudySettings
from .study import Search, Summaries

_NEW_JOURNAL = f"{files.TEMPORARY_PREFIX}journal.tmp"
"""Beside the journal; of one name, so that what a killed rebuild has left is written over by the next."""
_STUDY_PLAN = "study-"
"""The beginning of the name of a study's plan, as rows have it."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The trials of a study that was made again.

    Attributes:
        trials: field -> value of each, in the order of their numbers; None: nothing gives it.
        added: numbers of those that no file in `trials/` had.
    """

    trials: tuple[dict[str, Any] | None, ...]
    added: tuple[int, ...]

    @property
    def lines(self) -> list[str]:
        """What is not as the study's folder had it, for people."""
        lost = [number for number, values in enumerate(self.trials) if values is None]
        lines = []
        if self.added:
            lines.append(f"Added by summary and rows, for no file in trials/ had them: {_trials(self.added)}.")
        if lost:
            lines.append(f"Counted as failed, for nothing tells what they were: {_trials(lost)}.")
        return lines


def rebuild_journal(search: Search, lease: Lease) -> Rebuilt:
    """Make the study's journal and summary again from the rows. A copy of the old journal stays. Raises StoreError.

    Whenever it is killed, the study is as it was, or as it is to be; or it is refused, because `trials/` knows trials
    that the old journal lacks, and the next rebuild does the same as this one.
    """
    folder = search.folder
    _take_back(folder, search.say)
    feed, rows = search.feed(), search.rows()
    found = find_trials(search.settings, feed, rows.store)
    new = folder.path / _NEW_JOURNAL
    new.unlink(missing_ok=True)
    _fill(search.optimiser(lease, open_journal(new, lease.check), begins=False), found, feed, rows)
    for number in reversed(found.added):  # the last first: until all are there, a gap shows that there are more
        feed.add(number, _runs(search.settings, found.trials[number]))
    lease.check()
    put_in_place(new, folder.journal)
    Summaries(folder, search.optimiser(lease, begins=False), feed, rows).write()
    return found


def _take_back(folder: StudyFolder, say: Callable[[str], None]) -> None:
    """Take back the trials that an older agad set aside, where its rebuild was killed before it had made others."""
    old = set_aside(folder.trials)
    if old and not files.names(folder.trials):
        old[-1].rename(folder.trials)
        say(f"{old[-1]} was set aside by a --rebuild that was cut short: it is trials/ again.")


def _runs(settings: StudySettings, values: dict[str, Any] | None) -> tuple[RunSpec, ...]:
    return () if values is None else settings.runs(values)


def _fill(optimiser: Optimiser, found: Rebuilt, feed: Feed, rows: Rows) -> None:
    """Add the trials to an empty study. Those without all rows go on; pruned ones have the points of their rows."""
    settings, withdrawn = optimiser.settings, feed.verdicts().withdrawn
    runs = [_runs(settings, values) for values in found.trials]
    rows.poll({spec.run_id for specs in runs for spec in specs}, withdrawn)
    for values, specs in zip(found.trials, runs, strict=True):
        if values is None:
            optimiser.add({}, "failed", failure="nothing tells what it was")
            continue
        outcome = trial_outcome(specs, rows.known, settings.objectives, withdrawn)
        if outcome is None:
            optimiser.add(values, "running")
            continue
        points = {} if len(settings.objectives) > 1 else intermediate(specs, rows.known, {})
        optimiser.add(values, outcome.state, outcome.values, points, outcome.failure)


def find_trials(settings: StudySettings, feed: Feed, store: ResultStore) -> Rebuilt:
    """The trials that the study's folder and the rows give. Raises StoreError for a file of another study's trial."""
    on_disk, drawn_before = _files(settings, feed)
    summary = _summary(settings, feed.folder)
    known = summary | on_disk
    is_whole = bool(on_disk) and sorted(on_disk) == list(range(max(known) + 1))
    others = [*([] if is_whole else _values_of_rows(settings, store)), *drawn_before]
    if 0 not in known and (known or others):  # the first trial has the cells' own values, whichever rows there are
        others = [settings.own_values(), *others]
    taken = {_key(values) for values in known.values()}
    left = list({_key(values): values for values in others if _key(values) not in taken}.values())
    trials: list[dict[str, Any] | None] = []
    while left or len(trials) <= max(known, default=-1):
        fallback = left.pop(0) if len(trials) not in known and left else None
        trials.append(known.get(len(trials), fallback))
    added = [number for number, values in enumerate(trials) if values is not None and number not in on_disk]
    return Rebuilt(tuple(trials), tuple(added))


def _files(settings: StudySettings, feed: Feed) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """Number -> values of the trials in `trials/`; and values that numbers had before they were drawn again.

    The latter happens where a disk forgot what was drawn.
    """
    known: dict[int, dict[str, Any]] = {}
    before = []
    for path in sorted(feed.files(), key=lambda path: path.stat().st_mtime_ns):
        specs, number = read_trial(path), number_of(path.name)
        values = {axis.name: getattr(specs[0], axis.name) for axis in settings.axes} if specs else {}
        if number is None or not _are_runs_of(settings, values, [spec.run_id for spec in specs]):
            raise StoreError(
                f"{path} is no trial of study {settings.name}; move it away, then tune.py --rebuild makes the study "
                "again from the rows"
            )
        if number in known:
            before.append(known[number])
        known[number] = values
    return known, before


def _summary(settings: StudySettings, folder: StudyFolder) -> dict[int, dict[str, Any]]:
    """Number -> values of the trials in the summary, where that can be read."""
    try:
        trials = read_study(folder).trials
    except StoreError:
        return {}
    return {one.number: dict(one.values) for one in trials if _are_runs_of(settings, one.values, one.runs)}


def _are_runs_of(settings: StudySettings, values: Mapping[str, Any], run_ids: Sequence[str]) -> bool:
    """Whether these are the runs of a trial of the study with these values."""
    try:
        runs = settings.runs({axis.name: values[axis.name] for axis in settings.axes})
    except (SpecError, KeyError):
        return False
    return [spec.run_id for spec in runs] == list(run_ids) and _is_inside(settings, values)


def _values_of_rows(settings: StudySettings, store: ResultStore) -> Iterable[dict[str, Any]]:
    """The values of rows that differ from the first trial's runs in searched fields only, the oldest first."""
    names = [axis.name for axis in settings.axes]
    cells = {_without(spec.to_dict(), names) for spec in settings.specs}
    rows = store.read_counting([*SPEC_COLUMNS, "finished_at", "plan"]).to_pylist()
    for row in sorted(rows, key=lambda row: (row["finished_at"] is None, row["finished_at"])):
        del row["finished_at"]
        plan = row.pop("plan") or ""
        if plan.startswith(_STUDY_PLAN) and plan != f"{_STUDY_PLAN}{settings.name}":
            continue  # another study's trial: two may search the same cells
        spec = RunSpec.from_dict(row)
        values = {name: getattr(spec, name) for name in names}
        if _without(spec.to_dict(), names) in cells and _is_inside(settings, values):
            yield values


def _is_inside(settings: StudySettings, values: Mapping[str, Any]) -> bool:
    return all(axis.contains(values[axis.name]) for axis in settings.axes)


def _without(values: dict[str, Any], names: Iterable[str]) -> str:
    return _key({name: value for name, value in values.items() if name not in names})


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def _trials(numbers: Sequence[int]) -> str:
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
