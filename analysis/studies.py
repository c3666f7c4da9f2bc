"""What the trials of a study gave, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agad.plan.study import Study

from .tables import formats
from .tables.sheet import KEY, NOTE, OURS, Sheet

_MOST_TRIALS = 10
"""Trials that the table shows, the best first; all are in its CSV."""
_UNITS = {"auroc": "validation AUROC in %", "time": "seconds of training", "stability": "SD among seeds, in points"}


def study_text(study: Study) -> str:
    """What was done, and with which labels."""
    cells = "; ".join(_cell(study, cell) for cell in study.validation) or "not known before a first run has ended"
    return (
        f"{study.title}. {len(study.trials)} trials ({study.states}{_later(study)}), proposed by {study.sampler}, "
        f"pruner {study.pruner}. A score is a validation AUROC ({study.protocol}) over training images that are used "
        f"for nothing else ({cells}, for each seed other ones); no test image had a part in it. Whatever is found here "
        "is tuned with labels."
    )


def _later(study: Study) -> str:
    later = len(study.ended_later)
    return f", and without {later} that {_have(later)} ended since this was written" if later else ""


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _notes_of_later(study: Study) -> Iterator[str]:
    """That the best trial may be another one."""
    if study.ended_later:
        count, first = len(study.ended_later), f"trial {study.ended_later[0]}"
        which, have, it, them = (
            (first, "it has", "it", "it")
            if count == 1
            else (f"{count} trials, the first of which is {first}", "they have", "one of them", "them")
        )
        yield (
            f"Without {which}: {have} ended since the summary of this study was written, by a tune.py that was killed "
            f"or is at work. The best may be {it}; the next call of tune.py --study adds {them}."
        )


def _notes_of_damage(study: Study) -> Iterator[str]:
    """That nothing tells whether there are later trials."""
    if study.damaged_line is not None:
        yield (
            f"The study's journal is damaged from line {study.damaged_line} on: trials that ended since its summary "
            "was written may be missing here. tune.py --study with --rebuild makes both again from the rows."
        )


def _cell(study: Study, cell: Mapping[str, Any]) -> str:
    """What the scores of a cell rest on; its data set and its gamma are named where the study has several."""
    known = [(other.get("dataset"), other["class"]) for other in study.validation]  # an older one names no data set
    dataset = f"{cell['dataset']}, " if len({name for name, _ in known}) > 1 else ""
    several = known.count((cell.get("dataset"), cell["class"])) > 1
    gamma = f" at {formats.GAMMA}={formats.gamma(cell['gamma'])}" if several else ""
    return (
        f"{dataset}class {cell['class']}{gamma}: {cell['normals']:,} held-out normals and {cell['anomalies']:,} "
        f"labelled anomalies of classes {'+'.join(map(str, cell['classes']))}"
    )


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
        caption=f"Study {study.name}: {_shown(study, len(shown))}",
        columns=("trial", *names, *study.objectives, ""),
        kinds=(KEY, *[OURS] * (len(names) + len(study.objectives)), NOTE),
        lines=tuple(lines),
        notes=(
            "; ".join(f"{name}: {_UNITS[name]}" for name in study.objectives) + ". Mean over cells and seeds.",
            *_notes_of_later(study),
            *_notes_of_damage(study),
        ),
        data=pd.DataFrame(data),
    )


def _shown(study: Study, count: int) -> str:
    """What the table's lines are; none where no trial has a score, as where the launch was refused."""
    if not study.complete:
        return f"no trial has a score yet ({len(study.trials)} trials: {study.states})"
    return f"the best {count} of {len(study.trials)} trials by validation AUROC"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _score(name: str, score: float) -> str:
    if name == "auroc":
        return formats.auroc(score)
    return formats.spread(score) if name == "stability" else f"{score:.1f}"
