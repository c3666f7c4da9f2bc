"""ResultsFolder: every path inside a results folder, and inside the folder of a study (standard library only)."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agad import files
from agad.errors import StoreError

CHECKPOINT_SUFFIX = ".pt"


def attempts_in(folder: Path, suffix: str = "") -> dict[str, list[int]]:
    """run_id -> the attempts of which the folder has a file `<run_id>.<attempt><suffix>`, rising. One listing."""
    found: dict[str, list[int]] = {}
    for name in files.names(folder):
        named = _named(name, suffix)
        if named:
            found.setdefault(named[0], []).append(named[1])
    for attempts in found.values():
        attempts.sort()
    return found


@functools.lru_cache(maxsize=10_000)  # each pick lists the claims of all workers, mostly those of the last pick
def _named(name: str, suffix: str) -> tuple[str, int] | None:
    """The run_id and the attempt in a file's name; None for one that is named otherwise."""
    match = re.fullmatch(rf"([0-9a-f]+)\.([0-9]{{1,9}}){re.escape(suffix)}", name)
    return (match[1], int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """Paths of a results folder. None of them need exist.

    Attributes:
        path: the folder itself.
    """

    path: Path

    @property
    def inbox(self) -> Path:
        """Rows, one file for each attempt."""
        return self.path / "inbox"

    @property
    def base(self) -> Path:
        """Rows, many to a file."""
        return self.path / "base"

    @property
    def set_aside(self) -> Path:
        """Damaged files that were found among the rows."""
        return self.path / "set_aside"

    @property
    def claims(self) -> Path:
        """Which worker holds which run."""
        return self.path / "claims"

    @property
    def digests(self) -> Path:
        """Of which data the runs are made."""
        return self.path / "digests"

    @property
    def checkpoints(self) -> Path:
        """Training states of unfinished runs."""
        return self.path / "checkpoints"

    def saved_attempts(self) -> dict[str, list[int]]:
        """run_id -> the attempts that have left a checkpoint, rising. One listing."""
        return attempts_in(self.checkpoints, CHECKPOINT_SUFFIX)

    @property
    def weights(self) -> Path:
        """Weights of finished runs, where they were asked for."""
        return self.path / "weights"

    @property
    def plans(self) -> Path:
        """Plan files."""
        return self.path / "plans"

    @property
    def studies(self) -> Path:
        """A folder for each study."""
        return self.path / "studies"

    @property
    def tables(self) -> Path:
        """Tables that launches printed."""
        return self.path / "tables"

    @property
    def ray(self) -> Path:
        """What Ray writes, a folder for each sweep."""
        return self.path / "ray"

    def make(self, folder: Path) -> Path:
        """Make a folder inside this one, with those between; the folder. This one must be there.

        Raises StoreError where it is not: one that was removed or renamed while workers use it must not come back
        empty, for all would be done again.
        """
        missing = [path for path in (folder, *folder.parents) if path.is_relative_to(self.path) and path != self.path]
        try:
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise StoreError(self._gone) from None
        return folder

    @property
    def _gone(self) -> str:
        return f"{self.path}: the results folder is gone; was it removed or renamed?"

    def check_writable(self, folders: Iterable[Path]) -> None:
        """Raise StoreError, one line, where one of these folders inside it cannot be written, or made.

        Else that is found when the first run has ended, whose row is lost then.
        """
        if not self.path.exists():
            raise StoreError(self._gone)
        there = (next(path for path in (folder, *folder.parents) if os.path.lexists(path)) for folder in folders)
        for folder in dict.fromkeys(there):
            try:
                files.check_writable(folder)
            except OSError as error:
                line = files.error_line(error)
                raise StoreError(f"nothing can be written into {line}; mend that, or take another folder") from error

    def of_workers(self, *, weights: bool) -> list[Path]:
        """The folders that workers cannot do without."""
        folders = [self.claims, self.digests, self.checkpoints, self.inbox]
        return [*folders, self.weights] if weights else folders

    def plan(self, name: str) -> Path:
        """A plan file, by its name without the ending."""
        return self.plans / f"{name}.json"

    def table(self, plan: str) -> Path:
        """The table of a plan, by the plan's name."""
        return self.tables / f"{plan}.md"

    def logs(self, plan: str) -> Path:
        """Folder of the logs of a plan's workers."""
        return self.path / "logs" / plan

    def jobs(self, plan: str) -> Path:
        """Folder of what is known of a plan's Slurm jobs."""
        return self.path / "slurm" / plan

    def settled_plan(self, job: str, arguments: str) -> Path:
        """The file that says which plan all tasks of a Slurm job work at that have those arguments."""
        return self.path / "slurm" / f"plan-of-{job}-{arguments}.json"

    def study(self, name: str) -> StudyFolder:
        """The folder of a study."""
        return StudyFolder(self.studies / name)


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """Paths of a study's folder. None of them need exist.

    Attributes:
        path: the folder itself; its `claims/` holds the coordinator's lease.
    """

    path: Path

    def make(self, folder: Path) -> Path:
        """As ResultsFolder.make, of the results folder that the study is in."""
        return ResultsFolder(self.path.parents[1]).make(folder)

    @property
    def settings(self) -> Path:
        """What the study is, fixed by its first call."""
        return self.path / "study.json"

    @property
    def plan(self) -> Path:
        """The plan that workers are started with."""
        return self.path / "plan.json"

    @property
    def summary(self) -> Path:
        """What its trials gave."""
        return self.path / "summary.json"

    @property
    def journal(self) -> Path:
        """Optuna's journal."""
        return self.path / "journal.log"

    @property
    def trials(self) -> Path:
        """The runs of each trial."""
        return self.path / "trials"

    @property
    def points(self) -> Path:
        """Validation scores of unfinished runs."""
        return self.path / "points"

    @property
    def verdicts(self) -> Path:
        """Which runs are withdrawn."""
        return self.path / "verdicts.json"
