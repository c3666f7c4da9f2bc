"""Tuned: the values of fields that a study found, and what they were found with. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Values that runs take over from a trial of a study.

    Attributes:
        study: its name.
        trial: the trial's number.
        trials: how many trials had ended when it was chosen.
        values: field -> value, as the trial's runs had them.
        score: mean validation AUROC of the trial, in [0, 1].
        anomalies: labelled anomalies that the scores of one cell and seed rest on; several numbers where cells differ.
        classes: normal class (under leave_one_out the anomalous one) of each cell, as text -> classes of those
            anomalies.
        default_runs: run_id of the run with the plan's own values, for each run of a plan that takes these over.
    """

    study: str
    trial: int
    trials: int
    values: Mapping[str, Any]
    score: float
    anomalies: tuple[int, ...]
    classes: Mapping[str, tuple[int, ...]]
    default_runs: Mapping[str, str] = field(default_factory=dict)

    @property
    def overrides(self) -> tuple[str, ...]:
        """`field=value` of each value, as --set takes them."""
        return tuple(f"{name}={_text(value)}" for name, value in self.values.items())

    @property
    def text(self) -> str:
        """For the row: what the values were tuned with."""
        counts = " or ".join(f"{count:,}" for count in self.anomalies)
        classes = "; ".join(f"{cell}: {_classes(of)}" for cell, of in self.classes.items())
        return (
            f"tuned with labels: trial {self.trial} of {self.trials} of study {self.study}, by {counts} labelled "
            f"anomalies a run (anomaly classes by cell: {classes})"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "study": self.study,
            "trial": self.trial,
            "trials": self.trials,
            "values": dict(self.values),
            "score": self.score,
            "anomalies": list(self.anomalies),
            "classes": {cell: list(of) for cell, of in self.classes.items()},
            "default_runs": dict(self.default_runs),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Tuned:
        """The inverse of `to_dict`."""
        classes = {str(cell): tuple(of) for cell, of in content["classes"].items()}
        return cls(**{**content, "anomalies": tuple(content["anomalies"]), "classes": classes})


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _classes(of: Sequence[int]) -> str:
    return "+".join(map(str, of))
