"""The study's summary: what its trials gave, in one file that reports and launches read without Optuna."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad import files
from agad.errors import SpecError, StoreError
from agad.spec.run import RunSpec

from .settings import STUDY_VERSION, StudySettings

if TYPE_CHECKING:
    from .optimiser import Optimiser
    from .outcomes import RunOutcome

SUMMARY = "summary.json"


def write_summary(
    folder: Path, optimiser: Optimiser, known: Mapping[str, RunOutcome], *, how: Mapping[str, Any]
) -> None:
    """Write what is known of the study by now, importance included.

    Args:
        folder: the study's.
        optimiser: the study.
        known: run_id -> outcome.
        how: the sampler and the like, for the report.
    """
    settings = optimiser.settings
    frozen = optimiser.frozen()
    runs = [_runs(settings, trial) for trial in frozen]
    trials = [_trial(settings, trial, specs, known) for trial, specs in zip(frozen, runs, strict=True)]
    complete = [trial for trial in trials if trial["state"] == "complete"]
    content = {
        "study_version": STUDY_VERSION,
        "name": settings.name,
        "title": settings.title,
        "objectives": list(settings.objectives),
        "protocol": settings.protocol,
        "space": [axis.to_dict() for axis in settings.axes],
        **how,
        "best": max(complete, key=lambda trial: (trial["scores"][0], -trial["number"]))["number"] if complete else None,
        "importance": optimiser.importance() if len(complete) > 1 else {},
        "validation": _validation(runs, known),
        "trials": trials,
    }
    text = json.dumps(content)
    files.replace_atomically(folder / SUMMARY, lambda temporary: temporary.write_text(text))


def _values(settings: StudySettings, trial: Any) -> dict[str, Any]:
    return {axis.name: axis.value(trial.params[axis.name]) for axis in settings.axes if axis.name in trial.params}


def _runs(settings: StudySettings, trial: Any) -> tuple[RunSpec, ...]:
    """The trial's runs; none where its values are not all drawn, or no run can have them together."""
    values = _values(settings, trial)
    try:
        return settings.runs(values) if len(values) == len(settings.axes) else ()
    except SpecError:
        return ()


def _trial(
    settings: StudySettings, trial: Any, specs: Sequence[RunSpec], known: Mapping[str, RunOutcome]
) -> dict[str, Any]:
    outcomes = [known[spec.run_id] for spec in specs if spec.run_id in known]
    states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return {
        "number": trial.number,
        "state": states.get(trial.state.name, "running"),
        "values": _values(settings, trial),
        "scores": list(trial.values) if trial.state.name == "COMPLETE" else None,
        "points": {str(step): score for step, score in sorted(trial.intermediate_values.items())},
        "seconds": sum(outcome.seconds for outcome in outcomes),
        "failure": trial.user_attrs.get("failure", ""),
        "runs": [spec.run_id for spec in specs],
    }


def _validation(trials: Iterable[Sequence[RunSpec]], known: Mapping[str, RunOutcome]) -> list[dict[str, Any]]:
    """What the scores rest on, for each class and gamma: of whichever trials have rows, as all have the same images.

    Seeds draw other images, and with few of them other classes: `classes` are those of any run.
    """
    cells: dict[tuple[int, float], dict[str, Any]] = {}
    for spec in (spec for specs in trials for spec in specs):
        outcome = known.get(spec.run_id)
        if outcome is None or not outcome.anomalies:
            continue
        fresh = {
            "class": spec.target_class,
            "gamma": spec.gamma,
            "normals": outcome.normals,
            "anomalies": outcome.anomalies,
            "classes": [],
        }
        cell = cells.setdefault((spec.target_class, spec.gamma), fresh)
        cell["classes"] = sorted({*cell["classes"], *outcome.classes})
    return [cells[key] for key in sorted(cells)]


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary in a study's folder. Raises StoreError, one line."""
    path = folder / SUMMARY
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        version = content["study_version"]
    except FileNotFoundError:
        raise StoreError(f"there is no study with a finished trial in {folder}; tune.py makes one") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged; tune.py --rebuild makes it anew from the rows") from error
    if version != STUDY_VERSION:
        raise StoreError(f"{path}: a study of schema {version}, this agad has {STUDY_VERSION}")
    return content
