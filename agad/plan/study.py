"""Study: what the trials of a study gave, one file that reports and launches read without Optuna."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agad import files, json_file
from agad.errors import StoreError
from agad.plan.ended import ended_since
from agad.plan.tuned import Data, data_of, list_of
from agad.store.folder import ResultsFolder, StudyFolder

STUDY_VERSION = 1
"""Version of what a study's folder holds. Another one is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One trial.

    Attributes:
        number: from 0; 0 has the cells' own values.
        state: `complete`, `pruned`, `failed`, or `running` from when it was proposed.
        values: field -> value.
        scores: a number for each objective; empty unless complete.
        points: step -> intermediate score in [0, 1], by which a pruner judged.
        seconds: of training, all its runs together.
        failure: why it failed.
        runs: run_ids of its runs.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    scores: tuple[float, ...]
    points: Mapping[str, float]
    seconds: float
    failure: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study.

    Attributes:
        name: as in its folder.
        title: what was tuned.
        objectives: what its trials were judged by, `auroc` first.
        protocol: under which its validation AUROC is.
        space: the searched fields (`name`, and `low`, `high` and `log`, or `choices`).
        sampler: by which trials were proposed: `tpe`, or `tpe (4), random (1)` where calls had several; `unknown` of
            trials that were made again from rows. In a summary of an older agad that of the last call.
        pruner: by which they were judged, in the same form.
        best: number of the best trial by the first objective; None where none is complete.
        importance: field -> share of the first objective's variance that it explains.
        validation: for each `dataset`, `class` and `gamma` the numbers of `normals` and `anomalies` that are scored,
            and the `classes` of those anomalies.
        trials: all of them.
        data: of which data the runs are; {} in an older summary.
        ended_later: numbers of trials that have ended since this was written, as the study's folder tells; not in the
            file.
        damaged_line: of its journal, which tells of no later trial; None: none. Not in the file either.
    """

    name: str
    title: str
    objectives: tuple[str, ...]
    protocol: str
    space: tuple[Mapping[str, Any], ...]
    sampler: str
    pruner: str
    best: int | None
    importance: Mapping[str, float]
    validation: tuple[Mapping[str, Any], ...]
    trials: tuple[Trial, ...]
    data: Data = field(default_factory=dict)
    ended_later: tuple[int, ...] = ()
    damaged_line: int | None = None

    @property
    def ended(self) -> tuple[Trial, ...]:
        """The trials that have ended."""
        return tuple(trial for trial in self.trials if trial.state != "running")

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that have a score."""
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @property
    def states(self) -> str:
        """How many trials are in which state, for people."""
        # A trial that was proposed may have no worker: its launch was refused, or has ended.
        states = sorted("not finished" if trial.state == "running" else trial.state for trial in self.trials)
        return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))

    def save(self, folder: StudyFolder) -> None:
        """Write the summary, over what was there."""
        content = {"study_version": STUDY_VERSION, **dataclasses.asdict(self)}
        content["data"] = list_of(self.data)
        del content["ended_later"], content["damaged_line"]
        files.replace_text(folder.summary, json_file.dumps(content))


def read_studies(paths: Iterable[Path]) -> tuple[tuple[Study, ...], tuple[str, ...]]:
    """All studies of some results folders that have a summary, by name; and a line for each that is damaged."""
    found, damaged = [], []
    for folder in map(ResultsFolder, paths):
        for name in files.names(folder.studies):
            if folder.study(name).summary.exists():
                try:
                    found.append(read_study(folder.study(name)))
                except StoreError as error:
                    damaged.append(str(error))
    return tuple(found), tuple(damaged)


def read_study(folder: StudyFolder) -> Study:
    """The study in a folder, by its summary. Raises StoreError, one line, also where that is another study's."""
    path = folder.summary
    try:
        content = json_file.loads(files.read_file(path))
        version = content["study_version"]
        if version != STUDY_VERSION:
            raise StoreError(f"{path}: a study of schema {version}; this agad has {STUDY_VERSION}")
        _check_name(folder, content["name"])
        study = Study(
            name=content["name"],
            title=content["title"],
            objectives=tuple(content["objectives"]),
            protocol=content["protocol"],
            space=tuple(content["space"]),
            sampler=content["sampler"],
            pruner=content["pruner"],
            best=content["best"],
            importance=content["importance"],
            validation=tuple(content["validation"]),
            trials=tuple(map(_trial, content["trials"])),
            data=data_of(content),
        )
        ended = {trial.number for trial in study.ended}
        with_runs = {trial.number for trial in study.trials if trial.runs}
        later, damaged = ended_since(folder, ended, with_runs)
        return dataclasses.replace(study, ended_later=later, damaged_line=damaged)
    except FileNotFoundError:
        raise StoreError(f"there is no study with a finished trial in {folder.path}; tune.py makes one") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged; tune.py --rebuild makes it again from the rows") from error


def _check_name(folder: StudyFolder, name: str) -> None:
    """Refuse another study's summary: its trials have numbers and values of their own."""
    own = folder.path.name
    if name != own:
        raise StoreError(
            f"{folder.summary} is of study {name}, and not of {own}: it was copied, or its folder was renamed; name "
            f"the folder {name} again, or where the folder is that of {own}, its last tune.py call writes the summary "
            "again"
        )


def _trial(content: Mapping[str, Any]) -> Trial:
    return Trial(
        number=content["number"],
        state=content["state"],
        values=content["values"],
        scores=tuple(content["scores"] or ()),
        points=content["points"],
        seconds=content["seconds"],
        failure=content["failure"],
        runs=tuple(content["runs"]),
    )
