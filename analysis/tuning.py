"""Tuning: where the values of a plan's runs were found, and what was found with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agad.errors import AnalysisError

from .tables import formats


@dataclass(frozen=True)
class Tuning:
    """A trial of a study whose values a plan takes over.

    Attributes:
        study: its name.
        trial: the trial's number.
        trials: how many had ended when it was chosen.
        values: field -> value.
        score: mean validation AUROC of the trial, in [0, 1].
        anomalies: labelled validation anomalies of a run; several numbers where cells differ.
        classes: class that names the cell -> classes that those anomalies are of.
        default_runs: run_id -> run_id of the same run with the plan's own values.
    """

    study: str
    trial: int
    trials: int
    values: Mapping[str, Any]
    score: float
    anomalies: tuple[int, ...]
    classes: Mapping[int, tuple[int, ...]]
    default_runs: Mapping[str, str]

    @classmethod
    def of_plan(cls, content: Mapping[str, Any]) -> Tuning:
        """What a plan file says. AnalysisError, one line, where that is damaged."""
        try:
            return cls(
                study=str(content["study"]),
                trial=int(content["trial"]),
                trials=int(content["trials"]),
                values=dict(content["values"]),
                score=float(content["score"]),
                anomalies=tuple(content["anomalies"]),
                classes={int(cell): tuple(of) for cell, of in content["classes"].items()},
                default_runs=dict(content["default_runs"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnalysisError(f"a plan's note of its study is damaged: {error}") from None

    @property
    def sentence(self) -> str:
        """What a reader must know: labels had a part in these numbers, also where training had none."""
        counts = " or ".join(f"{count:,}" for count in self.anomalies)
        values = ", ".join(f"{name}={value}" for name, value in self.values.items())
        return (
            f"Tuned with labels: {values} are those of trial {self.trial} of {self.trials} of study {self.study}, "
            f"chosen by a validation AUROC of {formats.auroc(self.score)} with {counts} labelled anomalies a run, of "
            f"{self._classes()}, all of them training images; no test image had a part in it."
        )

    def _classes(self) -> str:
        by_cell = {cell: "+".join(map(str, of)) for cell, of in self.classes.items()}
        return "; ".join(f"classes {of} beside {cell}" for cell, of in by_cell.items())
