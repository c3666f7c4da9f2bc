"""The study's summary, and the values that `--set-from-study` takes from it. Light: it imports no optuna."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agad.errors import AgadError, SpecError, StoreError
from agad.plan.study import Study, Trial, read_study
from agad.plan.tuned import Data, Tuned, cells_of
from agad.spec.datasets import is_plain_name
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore

from ..settings import SEARCH, StudySettings, load_settings
from .newest import CoordinatorWatch, OldSummaryError, damage, note, refusal

if TYPE_CHECKING:
    from ..optimiser import Optimiser
    from ..outcomes import RunOutcome

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's names of states that a trial ends in."""


def summarise(optimiser: Optimiser, known: Mapping[str, RunOutcome]) -> Study:
    """What is known of the study so far, importance included.

    Args:
        optimiser: the study.
        known: run_id -> outcome.
    """
    settings = optimiser.settings
    frozen = optimiser.frozen()
    runs = [runs_of(settings, trial) for trial in frozen]
    trials = [_trial(settings, trial, specs, known) for trial, specs in zip(frozen, runs, strict=True)]
    complete = [trial for trial in trials if trial.state == "complete"]
    return Study(
        name=settings.name,
        title=settings.title,
        objectives=settings.objectives,
        protocol=settings.protocol,
        space=tuple(axis.to_dict() for axis in settings.axes),
        sampler=_used(frozen, "sampler") or optimiser.sampler,
        pruner=_used(frozen, "pruner") or optimiser.pruner,
        best=max(complete, key=lambda trial: (trial.scores[0], -trial.number)).number if complete else None,
        importance=optimiser.importance() if len(complete) > 1 else {},
        validation=tuple(_validation(runs, known)),
        trials=tuple(trials),
        data=_data(known[spec.run_id] for specs in runs for spec in specs if spec.run_id in known),
    )


def tuned_by(results: Path, text: str, say: Callable[[str], None] = print, *, may_be_old: bool = False) -> Tuned:
    """The values of the best trial by validation AUROC, or of the trial that is named.

    Args:
        results: the results folder that the study is in.
        text: `NAME` or `NAME:TRIAL`.
        say: shows a line.
        may_be_old: whether a summary that lacks trials which have ended will do, as where nothing is made of it.

    Raises AgadError, one line; OldSummaryError where the summary lacks trials and may not, unless a coordinator is at
    work.
    """
    name, colon, number = text.partition(":")
    if not is_plain_name(name) or (colon and not number.isdigit()):
        raise AgadError(f"--set-from-study {text!r} is not NAME or NAME:TRIAL")
    folder = ResultsFolder(results).study(name)
    study = read_study(folder)
    at_work, host = CoordinatorWatch(folder).look() if study.ended_later else (True, "")
    if at_work is None and not may_be_old:
        at_work = CoordinatorWatch(folder).watch(say)
    if not at_work:  # it may have ended since the summary was read, and then it has written the last one
        study = read_study(folder)
    complete = {trial.number: trial for trial in study.complete}
    wanted = int(number) if colon else study.best
    tuned = (
        None if wanted not in complete else _tuned(study, complete[wanted], _cells(results, study, complete[wanted]))
    )
    if not may_be_old and (study.damaged_line is not None or (study.ended_later and not at_work)):
        raise OldSummaryError(refusal(study, folder, results), tuned)
    if tuned is None:
        there = ", ".join(map(str, sorted(complete))) or "none yet"
        raise AgadError(f"--set-from-study {text}: no such complete trial; the complete ones are: {there}")
    if study.damaged_line is not None:
        say(f"note: {damage(study)}")
    elif study.ended_later:
        say(note(study, at_work=at_work, host=host, named=tuned.trial if colon else None))
    return tuned


def _cells(results: Path, study: Study, trial: Trial) -> dict[str, tuple[str, ...]]:
    """What the study's runs are of, and by which code; nothing of what cannot be read."""
    try:
        settings = load_settings(ResultsFolder(results).study(study.name))
    except StoreError:  # it is damaged or gone: tune.py says so
        return {}
    rows = ResultStore(results).read_counting(["code_digest"], run_ids=trial.runs).to_pylist()
    codes = tuple(sorted({row["code_digest"][:12] for row in rows if row["code_digest"]}))
    return cells_of(spec.to_dict() for spec in settings.specs) | ({"code": codes} if codes else {})


def _tuned(study: Study, trial: Trial, cells: Mapping[str, Sequence[str]]) -> Tuned:
    classes: dict[int, set[int]] = {}
    for cell in study.validation:  # one for each data set, class and gamma
        classes.setdefault(int(cell["class"]), set()).update(cell["classes"])
    return Tuned(
        study=study.name,
        trial=trial.number,
        trials=len(study.ended),
        values=trial.values,
        score=trial.scores[0],
        anomalies=tuple(sorted({cell["anomalies"] for cell in study.validation})),
        classes={target: tuple(sorted(of)) for target, of in classes.items()},
        datasets=tuple(dict.fromkeys(cell["dataset"] for cell in study.validation if "dataset" in cell)),
        data=study.data,
        cells=cells,
    )


def _used(trials: Iterable[Any], what: str) -> str:
    """The samplers or pruners of trials, with numbers where there are several; unknown ones are a rebuilt study's."""
    counts = Counter(str(trial.user_attrs.get(SEARCH, {}).get(what, "unknown")) for trial in trials)
    return ", ".join(f"{name} ({count})" for name, count in counts.items()) if len(counts) > 1 else "".join(counts)


def _values(settings: StudySettings, trial: Any) -> dict[str, Any]:
    return {axis.name: axis.value(trial.params[axis.name]) for axis in settings.axes if axis.name in trial.params}


def runs_of(settings: StudySettings, trial: Any) -> tuple[RunSpec, ...]:
    """The runs of one of Optuna's trials; none where its values are not all drawn, or no run can have them together."""
    values = _values(settings, trial)
    try:
        return settings.runs(values) if len(values) == len(settings.axes) else ()
    except SpecError:
        return ()


def _trial(settings: StudySettings, trial: Any, specs: Sequence[RunSpec], known: Mapping[str, RunOutcome]) -> Trial:
    return Trial(
        number=trial.number,
        state=_STATES.get(trial.state.name, "running"),
        values=_values(settings, trial),
        scores=tuple(trial.values) if trial.state.name == "COMPLETE" else (),
        points={str(step): score for step, score in sorted(trial.intermediate_values.items())},
        seconds=sum(known[spec.run_id].seconds for spec in specs if spec.run_id in known),
        failure=trial.user_attrs.get("failure", ""),
        runs=tuple(spec.run_id for spec in specs),
    )


def _data(outcomes: Iterable[RunOutcome]) -> Data:
    """Of which data the runs are: of one version of each, or they would have been refused."""
    return {key: version for outcome in outcomes for key, version in outcome.data}


def _validation(trials: Iterable[Sequence[RunSpec]], known: Mapping[str, RunOutcome]) -> list[dict[str, Any]]:
    """What the scores rest on, for each data set, class and gamma: of whichever trials have rows.

    All have the same images. Seeds draw other images, and with few of them other classes: `classes` are those of any
    run.
    """
    cells: dict[tuple[str, int, float], dict[str, Any]] = {}
    for spec in (spec for specs in trials for spec in specs):
        outcome = known.get(spec.run_id)
        if outcome is None or not outcome.anomalies:
            continue
        fresh = {
            "dataset": spec.dataset,
            "class": spec.target_class,
            "gamma": spec.gamma,
            "normals": outcome.normals,
            "anomalies": outcome.anomalies,
            "classes": [],
        }
        cell = cells.setdefault((spec.dataset, spec.target_class, spec.gamma), fresh)
        cell["classes"] = sorted({*cell["classes"], *outcome.classes})
    return [cells[key] for key in sorted(cells)]
