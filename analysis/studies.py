"""Studies: what the trials of a tuning gave, from the summary that its coordinator keeps in the results folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad.errors import AnalysisError

from .tables import formats
from .tables.sheet import KEY, NOTE, OURS, Sheet

STUDIES, SUMMARY = "studies", "summary.json"
_VERSION = 1
_MOST_TRIALS = 10
"""Trials that the table shows, the best first; all are in its CSV."""
_UNITS = {"auroc": "validation AUROC in %", "time": "seconds of training", "stability": "SD among seeds, in points"}


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: from 0; 0 has the cells' own values.
        state: `complete`, `pruned`, `failed` or `running`.
        values: field -> value.
        scores: a number for each objective; empty unless complete.
        seconds: of training, all its runs together.
        failure: why it failed.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    scores: tuple[float, ...]
    seconds: float
    failure: str


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        name: as in its folder.
        title: what was tuned.
        objectives: what its trials were judged by, `auroc` first.
        protocol: under which its validation AUROC is.
        space: the searched fields, as the summary has them (`name`, and `low`, `high` and `log`, or `choices`).
        sampler: by which trials were proposed.
        pruner: by which they were given up.
        best: number of the best trial by the first objective; None where none is complete.
        importance: field -> share of the first objective's variance that it explains.
        validation: for each cell the numbers of `normals` and `anomalies` that are scored, and the latters' `classes`.
        trials: all of them.
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

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The trials that have a score."""
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @property
    def words(self) -> str:
        """What was done, and with which labels."""
        states = [trial.state for trial in self.trials]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
        cells = "; ".join(map(self._cell, self.validation)) or "of which no run has told yet"
        return (
            f"{self.title}. {len(self.trials)} trials ({counts}), proposed by {self.sampler}, pruner {self.pruner}. A "
            f"score is a validation AUROC ({self.protocol}) over training images that are used for nothing else "
            f"({cells}, for each seed other ones); no test image has a part in it. Whatever is found here is tuned "
            "with labels."
        )

    def _cell(self, cell: Mapping[str, Any]) -> str:
        """What the scores of a cell rest on; its gamma is named where the study has several of one class."""
        several = sum(other["class"] == cell["class"] for other in self.validation) > 1
        gamma = f" at {formats.GAMMA}={formats.gamma(cell['gamma'])}" if several else ""
        return (
            f"class {cell['class']}{gamma}: {cell['normals']:,} held-out normals and {cell['anomalies']:,} labelled "
            f"anomalies of classes {'+'.join(map(str, cell['classes']))}"
        )


def read_studies(results: str | Path) -> tuple[Study, ...]:
    """All studies of a results folder that have a summary, by name. AnalysisError, one line, for a damaged one."""
    return tuple(read_study(path.parent) for path in sorted(Path(results).glob(f"{STUDIES}/*/{SUMMARY}")))


def read_study(folder: str | Path) -> Study:
    """The study in a folder. AnalysisError, one line."""
    path = Path(folder) / SUMMARY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["study_version"] != _VERSION:
            raise AnalysisError(f"{path}: a study of schema {content['study_version']}; this agad reads {_VERSION}")
        return Study(
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
        )
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise AnalysisError(f"{path}: not a study's summary, or a damaged one") from None


def _trial(content: Mapping[str, Any]) -> Trial:
    scores = tuple(content["scores"] or ())
    return Trial(content["number"], content["state"], content["values"], scores, content["seconds"], content["failure"])


def trials_table(study: Study) -> Sheet:
    """The best trials, and the cells' own values beside them."""
    import pandas as pd

    names = [axis["name"] for axis in study.space]
    ranked = sorted(study.complete, key=lambda trial: (-trial.scores[0], trial.number))
    shown = ranked[:_MOST_TRIALS]
    shown += [trial for trial in ranked[_MOST_TRIALS:] if trial.number == 0]
    lines = [
        (
            str(trial.number),
            *(_value(trial.values[name]) for name in names),
            *(_score(name, score) for name, score in zip(study.objectives, trial.scores, strict=True)),
            "the cells' own values" if trial.number == 0 else "",
        )
        for trial in shown
    ]
    data = [
        {
            "trial": trial.number,
            "state": trial.state,
            **trial.values,
            **dict(zip(study.objectives, trial.scores, strict=False)),
            "seconds": trial.seconds,
            "failure": trial.failure,
        }
        for trial in study.trials
    ]
    return Sheet(
        name=f"study-{study.name}",
        caption=f"Study {study.name}: the best {len(shown)} of {len(study.trials)} trials by validation AUROC",
        columns=("trial", *names, *study.objectives, ""),
        kinds=(KEY, *[OURS] * (len(names) + len(study.objectives)), NOTE),
        lines=tuple(lines),
        notes=("; ".join(f"{name}: {_UNITS[name]}" for name in study.objectives) + ". Mean over cells and seeds.",),
        data=pd.DataFrame(data),
    )


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _score(name: str, score: float) -> str:
    if name == "auroc":
        return formats.auroc(score)
    return formats.spread(score) if name == "stability" else f"{score:.1f}"
