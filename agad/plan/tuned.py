"""Tuned: values that a study found, and the labels that were used to find them. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agad.errors import StoreError

Data = Mapping[tuple[str, int | str], str]
"""Data set, with image size, file of vectors or `class_names` -> version that runs are of (agad.store.versions)."""

_OF_SCORING = frozenset(
    "normal_class abnormal_class seed curve curve_protocols final_protocols test_orders validation "  # noqa: SIM905
    "validation_anomalies validation_anomaly_classes evaluate_test".split()
)
"""Fields in which a study's runs may well differ from those that take over its values."""
_MOST_APART = 6
"""Fields that a sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Values that the runs of a plan take over from a trial of a study.

    Attributes:
        study: name of the study.
        trial: number of the trial.
        trials: how many trials had ended when this one was chosen.
        values: field -> value, as the trial's runs had them.
        score: mean validation AUROC of the trial, in [0, 1].
        anomalies: labelled anomalies behind the score of one cell and seed; several numbers where cells differ.
        classes: class that names the cell (the normal one; under leave_one_out the anomalous one) -> classes of those
            anomalies.
        datasets: data sets of the study's runs: what the numbers of classes are of; () in a plan that is older.
        data: of which data the study's runs are; {} in a plan that is older, and of a summary that is.
        default_runs: run_id of each of the plan's runs -> run_id of the same run without these values; none of a run
            that several would be without them.
        cells: field -> the values, as texts, that the study's runs have, and `code`; known where a plan is made.
        apart: field -> the study's values and those of the plan's runs, where no run of the plan has one of the
            study's; {} in a plan that is older.
    """

    study: str
    trial: int
    trials: int
    values: Mapping[str, Any]
    score: float
    anomalies: tuple[int, ...]
    classes: Mapping[int, tuple[int, ...]]
    datasets: tuple[str, ...] = ()
    data: Data = field(default_factory=dict)
    default_runs: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    apart: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def overrides(self) -> tuple[str, ...]:
        """`field=value` of each value, as --set takes them."""
        return tuple(f"{name}={_text(value)}" for name, value in self.values.items())

    @property
    def text(self) -> str:
        """The row's `tuned_by`: which trial, and by which labels."""
        counts = " or ".join(f"{count:,}" for count in self.anomalies)
        classes = "; ".join(f"{cell}: {_text(of)}" for cell, of in self.classes.items())
        return (
            f"tuned with labels: trial {self.trial} of {self.trials} of study {self.study}, by {counts} labelled "
            f"anomalies a run (anomaly classes{self.of_datasets} by cell: {classes})"
        )

    @property
    def of_datasets(self) -> str:
        """` of digits`, for sentences; nothing where the data sets are unknown."""
        return f" of {' and '.join(self.datasets)}" if self.datasets else ""

    @property
    def differs(self) -> str:
        """In what all runs of the plan differ from the study's, for sentences; nothing where in nothing that is known.

        As in `its runs differ from all of these in image_size 32 (here 16), so what was best there need not be here`.
        """
        texts = [f"{name} {there} (here {here})" for name, (there, here) in self.apart.items()]
        more = f" and {len(texts) - _MOST_APART} more" if len(texts) > _MOST_APART else ""
        shown = ", ".join(texts[:_MOST_APART]) + more
        if not texts:
            return ""
        return f"its runs differ from all of these in {shown}, so what was best there need not be here"

    def apart_from(self, runs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
        """`apart` of these runs, by their fields."""
        found = {}
        for name, there in self.cells.items():
            here = dict.fromkeys(_text(run[name]) for run in runs)
            if name not in self.values and here.keys().isdisjoint(there):
                found[name] = (" or ".join(there), " or ".join(here))
        return found

    def is_of_other_data(self, versions: Iterable[tuple[tuple[str, int | str], str]]) -> bool:
        """Whether one of these versions is another one than the study's runs are of, as far as that is known."""
        return any(self.data.get(key, version) != version for key, version in versions)

    def to_dict(self) -> dict[str, Any]:
        """The plan file's `tuned`, as JSON values."""
        return {
            "study": self.study,
            "trial": self.trial,
            "trials": self.trials,
            "values": dict(self.values),
            "score": self.score,
            "anomalies": list(self.anomalies),
            "classes": {str(cell): list(of) for cell, of in self.classes.items()},
            "datasets": list(self.datasets),
            "data": list_of(self.data),
            "default_runs": dict(self.default_runs),
            "apart": {name: list(of) for name, of in self.apart.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Tuned:
        """The inverse of `to_dict`. Raises StoreError, one line, where it is damaged."""
        try:
            return cls(
                study=str(content["study"]),
                trial=int(content["trial"]),
                trials=int(content["trials"]),
                values=dict(content["values"]),
                score=float(content["score"]),
                anomalies=tuple(map(int, content["anomalies"])),
                classes={int(cell): tuple(map(int, of)) for cell, of in content["classes"].items()},
                datasets=tuple(map(str, content.get("datasets", ()))),
                data=data_of(content),
                default_runs=dict(content["default_runs"]),
                apart={str(name): (str(a), str(b)) for name, (a, b) in content.get("apart", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"a plan's record of its study is damaged: {error}") from None


def cells_of(runs: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Tuned.cells of a study's runs, by their fields."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in run.items():
            if name not in _OF_SCORING:
                found.setdefault(name, {})[_text(value)] = None
    return {name: tuple(values) for name, values in found.items()}


def list_of(data: Data) -> list[dict[str, Any]]:
    """As JSON values."""
    return [{"dataset": name, "of": of, "version": version} for (name, of), version in data.items()]


def data_of(content: Mapping[str, Any]) -> Data:
    """The `data` of a plan's record, or of a study's summary, which `list_of` made; nothing in an older one."""
    known = content.get("data", ())
    return {(str(one["dataset"]), _kept(one["of"])): str(one["version"]) for one in known}


def _kept(of: Any) -> int | str:
    return of if isinstance(of, int) else str(of)


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
