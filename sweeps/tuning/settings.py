"""StudySettings: what a study is, saved in its folder by the first call. Light: it imports no optuna."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agad import files, json_file
from agad.errors import AgadError, StoreError
from agad.plan.study import STUDY_VERSION
from agad.spec.datasets import is_plain_name
from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.store.folder import StudyFolder

from .space import Axis

OBJECTIVES = {"auroc": "maximize", "time": "minimize", "stability": "minimize"}
"""Objective -> direction: mean validation AUROC; mean seconds of training; SD of the validation AUROC among seeds."""
SEARCH = "search"
"""What Optuna calls, with a trial, the sampler and the pruner of the call that proposed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """What may not change while a study is continued.

    Attributes:
        name: of the study.
        title: the cells, for people.
        specs: the runs of the first trial: the cells' own values, validation on, no test image read.
        axes: the search space.
        objectives: of OBJECTIVES, `auroc` first.
        protocol: of VALIDATION_PROTOCOLS: that of the validation AUROC which is the score.
        database: whether its trials are in a database that is given by URL, instead of a journal in its folder.
    """

    name: str
    title: str
    specs: tuple[RunSpec, ...]
    axes: tuple[Axis, ...]
    objectives: tuple[str, ...] = ("auroc",)
    protocol: str = "eval"
    database: bool = False

    def __post_init__(self) -> None:
        if not is_plain_name(self.name):
            raise AgadError(f"--study {self.name!r} is no plain name; use letters, digits, -, _ and inner dots")
        unknown = [name for name in self.objectives if name not in OBJECTIVES]
        if unknown:
            raise AgadError(f"unknown objective {unknown[0]!r}; choose from: {', '.join(OBJECTIVES)}")
        if self.objectives[0] != "auroc" or len(self.objectives) != len(set(self.objectives)):
            raise AgadError("--objective begins with auroc, and names each objective once")
        if "stability" in self.objectives and not self._has_seeds():
            raise AgadError("--objective stability is a spread among seeds: ask for --seeds 2 or more")

    def _has_seeds(self) -> bool:
        return len({spec.seed for spec in self.specs}) > 1

    @property
    def digest(self) -> str:
        """Names the search: equal for studies whose trials can stand together."""
        space = [axis.to_dict() for axis in self.axes]
        what = [[spec.run_id for spec in self.specs], space, self.objectives, self.protocol]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

    def runs(self, values: dict[str, Any]) -> tuple[RunSpec, ...]:
        """The runs of a trial. Raises SpecError for values that no run can have together."""
        return tuple(spec.replace(**values) for spec in self.specs)

    def own_values(self) -> dict[str, Any]:
        """The values that the cells have themselves."""
        return {axis.name: getattr(self.specs[0], axis.name) for axis in self.axes}

    def save(self, folder: StudyFolder) -> StudySettings:
        """Write them where none are yet; those that count. Raises AgadError where another search has that name."""
        folder.path.mkdir(parents=True, exist_ok=True)  # a study's first act, as a plan's file is a launch's
        text = json_file.dumps(self._content(), indent=1)
        if files.create_text(folder.settings, text):
            return self
        there = load_settings(folder)
        check_same(there, self)
        return there

    def _content(self) -> dict[str, Any]:
        return {
            "study_version": STUDY_VERSION,
            "semantics_version": SEMANTICS_VERSION,
            "name": self.name,
            "title": self.title,
            "objectives": self.objectives,
            "protocol": self.protocol,
            "space": [axis.to_dict() for axis in self.axes],
            "database": self.database,
            "specs": [spec.to_dict() for spec in self.specs],
        }


def load_settings(folder: StudyFolder) -> StudySettings:
    """The settings of the study in a folder. Raises StoreError, one line."""
    path = folder.settings
    try:
        content = json_file.loads(files.read_file(path))
        versions = content["study_version"], content["semantics_version"]
        if versions[0] != STUDY_VERSION:
            raise StoreError(
                f"{path}: a study of schema {versions[0]}, this agad has {STUDY_VERSION}; take another --study"
            )
        if versions[1] != SEMANTICS_VERSION:
            raise StoreError(
                f"{path}: its runs mean other numbers (semantics {versions[1]}, this code has {SEMANTICS_VERSION}); "
                "take another --study"
            )
        return StudySettings(
            name=content["name"],
            title=content["title"],
            specs=tuple(RunSpec.from_dict(values) for values in content["specs"]),
            axes=tuple(Axis.from_dict(values) for values in content["space"]),
            objectives=tuple(content["objectives"]),
            protocol=content["protocol"],
            database=content["database"],
        )
    except FileNotFoundError:
        raise StoreError(f"there is no study in {folder.path}; the first call of tune.py sets what is tuned") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AgadError) as error:
        raise StoreError(f"{path} is no study of this agad: {' '.join(str(error).split())}") from error


def check_together(settings: StudySettings, together: int) -> None:
    """Refuse `time` as an objective of runs that advance together: each has an equal share of their seconds."""
    if "time" in settings.objectives and together != 1:  # also where it is to be measured: it may be more than 1
        raise AgadError(
            f"study {settings.name} has the objective time, and runs that advance together have equal shares of their "
            "time, whatever each costs: leave --together out"
        )


def check_same(there: StudySettings, wanted: StudySettings) -> None:
    """Refuse to continue a study as another one. Raises AgadError, one line, that names what differs."""
    name = there.name
    if name != wanted.name:
        raise AgadError(
            f"the folder of study {wanted.name} holds study {name}, so it was copied or renamed: take --study {name}, "
            "or a name that is new"
        )
    if there.axes != wanted.axes:
        raise AgadError(
            f"study {name} searches {_joined(there.axes)}; now it would be {_joined(wanted.axes)}: "
            "take another --study, or leave --range out"
        )
    if there.protocol != wanted.protocol:
        raise AgadError(f"study {name} is scored under {there.protocol}; take another --study for {wanted.protocol}")
    if there.objectives != wanted.objectives:
        raise AgadError(f"study {name} is for {', '.join(there.objectives)}; take another --study for other objectives")
    if [spec.run_id for spec in there.specs] != [spec.run_id for spec in wanted.specs]:
        raise AgadError(
            f"study {name} is about other runs ({there.title}); now it would be {wanted.title}"
            f"{_apart(there, wanted)}: take another --study"
        )
    if there.database != wanted.database:
        where = "in a database: give it by --storage" if there.database else "in its journal: leave --storage out"
        raise AgadError(f"study {name} is stored {where}")


def _apart(there: StudySettings, wanted: StudySettings) -> str:
    """The fields of whose values a study and what it would be now have others, after a comma."""
    runs = [[spec.to_dict() for spec in of.specs] for of in (there, wanted)]
    names = [name for name in runs[0][0] if {str(one[name]) for one in runs[0]} != {str(one[name]) for one in runs[1]}]
    return f", with other values of {', '.join(names)}" if names else ""


def _joined(axes: Sequence[Axis]) -> str:
    return ", ".join(map(str, axes))
