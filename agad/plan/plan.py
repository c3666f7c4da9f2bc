"""Plan: an immutable, ordered list of runs, and the one reader and writer of plan files. Light imports only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agad import files, json_file
from agad.errors import SpecError, StoreError
from agad.plan.grid import grid_name
from agad.plan.tuned import Tuned
from agad.spec.datasets import is_plain_name
from agad.spec.run import RUN_ID_LENGTH, SEMANTICS_VERSION, RunSpec, field_names
from agad.store.folder import ResultsFolder

_NAME = re.compile(rf".+-[0-9a-f]{{{RUN_ID_LENGTH}}}")
_WAY_OUT = "move the file away, and the same launch makes it again"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep is to do: specs in the order in which they are run.

    Attributes:
        grid: name of the grid that it was made from.
        overrides: the changed fields, each as `field=value` or `field=value,value`, in the order of --set.
        selection: `field=value,value` of each --select.
        specs: breadth first: seed 0 of every cell, then seed 1 of every cell.
        code: digest of the code that its rows are to come from; empty where the file does not give one.
        study: name of the study that adds further runs while workers hold the plan; None: it does not grow.
        tuned: the trial that the values of some overrides come from; None: none.
    """

    grid: str
    overrides: tuple[str, ...]
    selection: tuple[str, ...]
    specs: tuple[RunSpec, ...]
    code: str = ""
    study: str | None = None
    tuned: Tuned | None = None

    @property
    def title(self) -> str:
        """The grid with its selection and overrides, for people."""
        changes = [*self.selection, *self.overrides]
        return f"{self.grid} ({'; '.join(changes)})" if changes else self.grid

    @property
    def run_ids(self) -> tuple[str, ...]:
        """run_id of each spec, in the same order."""
        return tuple(spec.run_id for spec in self.specs)

    @property
    def digest(self) -> str:
        """Names the plan by what is to be run, not by the code that runs it."""
        chosen = [] if self.tuned is None else [self.tuned.study, self.tuned.trial]
        content = json.dumps([self.grid, self.overrides, self.run_ids, *chosen])
        return hashlib.sha256(content.encode()).hexdigest()[:RUN_ID_LENGTH]

    @property
    def name(self) -> str:
        """The plan file's name without its ending; also that of its log folder."""
        return f"{self.grid}-{self.digest}" if self.study is None else f"study-{self.study}"

    def path(self, results: str | Path) -> Path:
        """The plan's file in a results folder: a study's plan has no table and lies in the study's folder."""
        folder = ResultsFolder(Path(results))
        return folder.plan(self.name) if self.study is None else folder.study(self.study).plan

    @property
    def axes(self) -> dict[str, list[str]]:
        """The fields in which the plan's runs differ, with their values."""
        return axes(self.specs)

    def to_json(self) -> str:
        """The plan file's text."""
        content: dict[str, Any] = {
            "name": self.name,
            "grid": self.grid,
            "title": self.title,
            "overrides": self.overrides,
            "selection": self.selection,
            "code_digest": self.code,
        }
        if self.study is not None:
            content["study"] = self.study
        if self.tuned is not None:
            content["tuned"] = self.tuned.to_dict()
        head = json.dumps(json_file.unsigned(content), indent=1)[:-2]
        specs = [json.dumps({"semantics_version": SEMANTICS_VERSION, **spec.to_dict()}) for spec in self.specs]
        # A run is a line: fields on lines of their own would take json's slow path, 50,000 runs several seconds.
        return json_file.sign(f'{head},\n "specs": [\n  ' + ",\n  ".join(specs) + "\n ]\n}")

    def save(self, results: str | Path, *, replace: bool = False) -> Path:
        """Write the plan file and return its path; an existing file stays unless `replace`."""
        path = self.path(results)
        path.parent.mkdir(parents=True, exist_ok=True)
        put = files.replace_text if replace else files.create_text
        put(path, self.to_json())
        with contextlib.suppress(PermissionError):  # another user's file
            os.utime(path)  # of several plans of one grid, status.py means the one that was launched last
        return path

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan file. Raises StoreError, one line, for one that is missing, damaged or of another agad.

        Damaged is also one whose content is not that which its digest or its name stands for.
        """
        try:
            content = json_file.loads(files.read_file(Path(path)))
            plan = cls(
                grid=str(content["grid"]),
                overrides=tuple(map(str, content["overrides"])),
                selection=tuple(map(str, content.get("selection", ()))),
                specs=_specs(path, [dict(values) for values in content["specs"]]),
                code=str(content.get("code_digest") or ""),
                study=None if content.get("study") is None else str(content["study"]),
                tuned=None if content.get("tuned") is None else Tuned.from_dict(content["tuned"]),
            )
        except FileNotFoundError:
            raise StoreError(f"{path}: there is no such plan file") from None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f" ({error})" if isinstance(error, ValueError) else ""
            raise StoreError(f"{path}: not a plan file, or a damaged one{reason}; {_WAY_OUT}") from error
        name = plan.grid if plan.study is None else plan.study
        if not is_plain_name(name):  # it becomes part of paths
            raise StoreError(f"{path}: {name!r} is no name of a grid or a study; the file may be damaged")
        plan._check_name(Path(path), content.get("name"))
        return plan

    def _check_name(self, path: Path, own: Any) -> None:
        """Raise StoreError where the plan is not the one that its file's name stands for.

        `own` is the name that the file states; None in an older one, whose runs must be those of the name's digest.
        """
        folder = path.absolute().parent
        in_study = f"study-{folder.name}" if folder.parent.name == "studies" else None
        expected = path.stem if _NAME.fullmatch(path.stem) else in_study
        if expected is not None and (own or self.name) != expected:
            raise StoreError(f"{path}: it holds another plan than its name stands for ({own or self.name}); {_WAY_OUT}")
        if self.tuned is not None and any(_differs(self.specs, *value) for value in self.tuned.values.items()):
            raise StoreError(f"{path}: its runs have not the values that it says a study found; {_WAY_OUT}")


def axes(specs: Iterable[RunSpec]) -> dict[str, list[str]]:
    """The fields in which specs differ, with their values in the order in which they come."""
    specs = list(specs)
    distinct = {name: dict.fromkeys(getattr(spec, name) for spec in specs) for name in field_names()}
    shown = {name: list(dict.fromkeys(map(_shown, values))) for name, values in distinct.items()}
    return {name: values for name, values in shown.items() if len(values) > 1}


def find_plan(results: str | Path, grid: str | None = None) -> Path:
    """The only plan file in a results folder, or the only one of a grid.

    Args:
        results: the results folder.
        grid: name of the grid, or the file of one's own that it is in (which is not executed).

    Raises StoreError, with the plans that there are, where none or several fit: a choice is never guessed.
    """
    if not Path(results).is_dir():
        raise StoreError(f"{results}: there is no such results folder")
    folder = ResultsFolder(Path(results)).plans
    plans = plan_files(results)
    name = None if grid is None else grid_name(grid)
    fitting = plans if grid is None else [path for path in plans if plan_grid(path) == name]
    if len(fitting) == 1:
        return fitting[0]
    which = "plan" if grid is None else f"plan of grid {name}"
    names = ", ".join(path.name for path in (fitting or plans))
    if fitting:
        raise StoreError(f"{folder}: more than one {which}; choose one by --plan: {names}")
    raise StoreError(f"{folder}: no {which}; " + (f"there are: {names}" if names else "a launch makes one"))


def load_plans(paths: Iterable[Path]) -> tuple[list[tuple[Path, Plan]], tuple[str, ...]]:
    """Those of the plan files that can be read; and a line for each that is damaged or of another agad."""
    found, damaged = [], []
    for path in paths:
        try:
            found.append((path, Plan.load(path)))
        except StoreError as error:
            damaged.append(str(error))
    return found, tuple(damaged)


def plan_grid(path: Path) -> str:
    """The name of the grid that a plan file was made from, by the file's name."""
    return path.stem.rpartition("-")[0]


def plan_files(results: str | Path) -> list[Path]:
    """The plan files of a results folder, by name."""
    folder = ResultsFolder(Path(results)).plans
    return [folder / name for name in files.names(folder) if name.endswith(".json")]


def _differs(specs: Iterable[RunSpec], name: str, value: Any) -> bool:
    """Whether a run has another value than a study found, as JSON has it."""
    return any(spec.to_dict().get(name) != value for spec in specs)


def _shown(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _in_turn(specs: Iterable[dict[str, Any]]) -> Iterator[RunSpec]:
    """Each spec, made of the one before where they have the same fields: most differ in two or three of them."""
    spec: RunSpec | None = None
    before: dict[str, Any] = {}
    for values in specs:
        if spec is not None and values.keys() == before.keys():
            spec = spec.replace(**{name: value for name, value in values.items() if before[name] != value})
        else:
            spec = RunSpec.from_dict(values)
        before = values
        yield spec


def _specs(path: str | Path, specs: list[dict[str, Any]]) -> tuple[RunSpec, ...]:
    """The specs of a plan file. Raises StoreError, one line, for those that this agad cannot run."""
    if not specs:
        raise StoreError(f"{path}: the plan holds no run")
    versions = {values.pop("semantics_version") for values in specs}
    if len(versions) != 1:
        raise StoreError(
            f"{path}: the plan mixes semantics versions {', '.join(map(str, sorted(versions)))}; "
            "the same spec means different numbers in them, so make one plan for each"
        )
    (version,) = versions
    if version != SEMANTICS_VERSION:
        raise StoreError(f"{path}: a plan of semantics {version}; this agad has semantics {SEMANTICS_VERSION}")
    try:
        return tuple(_in_turn(specs))
    except (SpecError, TypeError) as error:
        raise StoreError(f"{path}: not a plan of this agad: {error}") from error
