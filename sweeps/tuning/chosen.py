"""What `--set-from-study NAME[:TRIAL]` means: the values of a study's trial. Light: it imports no optuna."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agad.errors import AgadError
from agad.spec.datasets import is_plain_name

from ..tuned import Tuned
from ..worker.growing import study_folder
from .summary import read_summary


def tuned_by(results: Path, text: str) -> Tuned:
    """The values of the best trial by validation AUROC, or of the trial that is named.

    Args:
        results: the results folder that the study is in.
        text: `NAME` or `NAME:TRIAL`.

    Raises AgadError, one line.
    """
    name, colon, number = text.partition(":")
    if not is_plain_name(name) or (colon and not number.isdigit()):
        raise AgadError(f"--set-from-study {text!r} is not NAME or NAME:TRIAL")
    content = read_summary(study_folder(results, name))
    complete = {trial["number"]: trial for trial in content["trials"] if trial["state"] == "complete"}
    wanted = int(number) if colon else content["best"]
    if wanted not in complete:
        there = ", ".join(map(str, sorted(complete))) or "none by now"
        raise AgadError(f"--set-from-study {text}: no such complete trial; the complete ones are: {there}")
    return _tuned(name, content, complete[wanted])


def _tuned(name: str, content: dict[str, Any], trial: dict[str, Any]) -> Tuned:
    cells = content["validation"]
    classes: dict[str, set[int]] = {}
    for cell in cells:  # one for each class and gamma
        classes.setdefault(str(cell["class"]), set()).update(cell["classes"])
    return Tuned(
        study=name,
        trial=trial["number"],
        trials=sum(one["state"] != "running" for one in content["trials"]),
        values=trial["values"],
        score=trial["scores"][0],
        anomalies=tuple(sorted({cell["anomalies"] for cell in cells})),
        classes={target: tuple(sorted(of)) for target, of in classes.items()},
    )
