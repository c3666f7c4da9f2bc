"""Feed: runs that are added to a plan while workers hold it, as the trials of a study are.

A plan that grows is a plan file of some runs and a folder beside it, `studies/<name>/`, on the file system that all
workers see. One process adds to it, the coordinator that holds the lease; workers under every executor only read:

    plan.json                       the plan that workers are started with: it begins with the first trial's runs
    trials/<number>-<digest>.json   the runs of a trial; put into place whole, never changed
    verdicts.json                   the runs that no worker may begin or continue, and whether points are wanted
    points/<run_id>.json            validation scores of a run under way, written by its worker where they are wanted
    claims/                         the coordinator's lease: the plan grows as long as it is held

Nothing else passes between the coordinator and its workers: the result of a run is its row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files, json_file
from agad.errors import StoreError
from agad.plan.plan import Plan
from agad.plan.trial_file import WAY_OUT, digest_of, number_of, read_trial, to_text
from agad.spec.run import RunSpec
from agad.store.claims import DEFAULT_LEASE, ClaimBoard, Owner
from agad.store.folder import ResultsFolder, StudyFolder

_LOG = logging.getLogger(__name__)

COORDINATOR = "0"
"""The coordinator's claim among the study's claims, which are named like those of runs."""
_RUN = "run_id"
"""The key of a file of points, beside its updates, that says whose they are; older files have none."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the coordinator decided about runs.

    Attributes:
        points: protocol under which workers report the points of a run's validation curve while it trains; empty: none.
        withdrawn: run_ids that no worker may begin or continue.
    """

    points: str = ""
    withdrawn: frozenset[str] = frozenset()


class Feed:
    """The runs of a plan that grows.

    Args:
        folder: the study's folder.
        lease: seconds after which a silent coordinator on another host counts as dead.
        clock: monotonic seconds; tests pass their own.
    """

    def __init__(
        self, folder: StudyFolder, lease: float = DEFAULT_LEASE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._board = ClaimBoard(folder.path, Owner.this_process("observer"), lease=lease, clock=clock)
        self._read: set[str] = set()
        self._verdicts_text = b""
        self._verdicts = Verdicts()

    @property
    def _name(self) -> str:
        """The study's name, which is its folder's."""
        return self.folder.path.name

    # -- what a coordinator does -----------------------------------------------------------------------------------

    def add(self, number: int, specs: Iterable[RunSpec]) -> None:
        """Add the runs of a trial; nothing where they were added before."""
        self.folder.make(self.folder.trials)
        specs = list(specs)
        # Named by its content: should a disk have forgotten what was drawn for a trial, its new runs are added too.
        path = self.folder.trials / f"{number:06d}-{digest_of(specs)}.json"
        if not path.exists():
            files.create_text(path, to_text(specs))

    def write(self, verdicts: Verdicts) -> None:
        """Let workers know which runs are withdrawn, and whether points are wanted."""
        self.folder.make(self.folder.path)
        content = {"study": self._name, "points": verdicts.points, "withdrawn": sorted(verdicts.withdrawn)}
        files.replace_text(self.folder.verdicts, json_file.dumps(content))

    def known(self) -> dict[int, set[str]]:
        """Number -> digest of its runs (several where it was drawn again), of the trials that were added."""
        found: dict[int, set[str]] = {}
        for name in files.names(self.folder.trials):
            number = number_of(name)
            if number is not None:
                found.setdefault(number, set()).add(name.removesuffix(".json").partition("-")[2])
        return found

    def points(self, run_id: str) -> dict[int, float]:
        """Update -> validation score of an unfinished run; empty where none was reported."""
        try:
            content = json_file.loads(files.read_file(self.folder.points / f"{run_id}.json"))
            _check_owner(content.pop(_RUN, run_id), run_id)
            return {int(update): float(score) for update, score in content.items()}
        except OSError:  # not there yet, or moved while it was read: the next poll finds it
            return {}
        except (ValueError, TypeError) as error:
            _LOG.warning("points of run %s passed over: damaged (%s)", run_id, error)
            return {}

    def forget_points(self, run_ids: Iterable[str]) -> None:
        """Unlink the points of runs that have ended."""
        for run_id in run_ids:
            (self.folder.points / f"{run_id}.json").unlink(missing_ok=True)

    # -- what workers do -------------------------------------------------------------------------------------------

    def is_open(self) -> bool:
        """Whether a coordinator is at work that may add further runs."""
        generations = self._board.generations().get(COORDINATOR, [])
        return bool(generations) and self._board.is_held(COORDINATOR, generations[-1])

    @property
    def torn(self) -> set[Path]:
        """Files in place of the coordinator's claim that are none; each counts as held until a lease has passed."""
        return self._board.torn

    def fresh(self) -> list[RunSpec]:
        """The runs that were added since this was called last, in the order of their trials. One listing."""
        found: list[RunSpec] = []
        for name in files.names(self.folder.trials):
            if name not in self._read:
                found += read_trial(self.folder.trials / name)
                self._read.add(name)
        return found

    def trials(self) -> list[list[RunSpec]]:
        """The runs of each trial, in the order of the trials."""
        return [read_trial(path) for path in self.files()]

    def files(self) -> list[Path]:
        """The file of each trial, in the order of the trials."""
        return [self.folder.trials / name for name in files.names(self.folder.trials)]

    def verdicts(self) -> Verdicts:
        """The newest verdicts; by a fresh open, which sees new bytes on network file systems too."""
        try:
            text = files.read_file(self.folder.verdicts)
        except OSError:
            return self._verdicts
        if text != self._verdicts_text:
            try:
                content = json_file.loads(text)
                _check_owner(content.get("study", self._name), self._name)
                self._verdicts = Verdicts(str(content["points"]), frozenset(content["withdrawn"]))
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(f"{self.folder.verdicts} is damaged: {error}; {WAY_OUT}") from error
            self._verdicts_text = text
        return self._verdicts

    def report(self, run_id: str, points: Mapping[int, float]) -> None:
        """Report the points of an unfinished run: those of an earlier worker stay."""
        known = {str(update): score for update, score in {**self.points(run_id), **points}.items()}
        self.folder.make(self.folder.points)
        files.replace_text(self.folder.points / f"{run_id}.json", json_file.dumps({_RUN: run_id, **known}))


def all_specs(plan: Plan, results: ResultsFolder) -> list[RunSpec]:
    """The runs of a plan, with those that its study has added until now."""
    added = [] if plan.study is None else Feed(results.study(plan.study)).fresh()
    return list(dict.fromkeys([*plan.specs, *added]))


class Judgement:
    """A worker's part in pruning: reports each new point of its run, and reads whether the run was withdrawn.

    Args:
        feed: of the plan that grows.
        every: seconds between two polls of the verdicts.
    """

    def __init__(self, feed: Feed, every: float = 1.0) -> None:
        self._feed = feed
        self._every = every
        self._due: dict[str, float] = {}  # by run: several may train at once
        self._reported: dict[str, int] = {}

    def watch(self, spec: RunSpec, progress: Any) -> bool:
        """Whether the run is to be pruned; `progress` is an agad.train.run.Progress."""
        point = progress.point
        now = time.monotonic()
        is_new = point is not None and self._reported.get(spec.run_id) != point.update
        if not is_new and now < self._due.get(spec.run_id, 0.0):
            return False
        self._due[spec.run_id] = now + self._every
        verdicts = self._feed.verdicts()
        if is_new:
            self._reported[spec.run_id] = point.update
            if verdicts.points in point.validation:
                self._feed.report(spec.run_id, {point.update: point.validation[verdicts.points]})
        return spec.run_id in verdicts.withdrawn


def _check_owner(stated: str, own: str) -> None:
    """Raise ValueError for a file that another's stands in the place of: it is as good as damaged."""
    if stated != own:
        raise ValueError(f"it is of {stated}, and not of {own}")
