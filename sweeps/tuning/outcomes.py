"""What the runs of a trial gave, read from their rows: a trial's state is a function of rows and verdicts alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agad.errors import StoreError
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import DIGEST_COLUMNS, DataKey
from agad.store.versions import CLASSES, Version, versions_of

from ..worker.retry import RetryPolicy
from .settings import StudySettings

_COLUMNS = (
    "run_id", "status", "dataset", CLASSES, *DIGEST_COLUMNS, *DIGEST_COLUMNS.values(), "auroc_val",
    "auroc_val_eval_recal", "train_seconds", "curve_update", "curve_auroc_val_eval", "curve_auroc_val_eval_recal",
    "n_val_normal", "n_val_anomaly", "drawn_validation_classes", "failure_kind", "failure_message",
)  # fmt: skip
# No column of the test set is among them.


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run's row holds.

    Attributes:
        status: of the row.
        score: validation AUROC of the last update, in [0, 1]; None unless ok.
        seconds: of training.
        points: update -> validation AUROC along the learning curve.
        normals: held-out normals that were scored.
        anomalies: labelled anomalies that were scored.
        classes: their classes.
        failure: kind and message, of a failed run.
        data: versions of what it was made of; none of a failed run.
    """

    status: str
    score: float | None
    seconds: float
    points: Mapping[int, float]
    normals: int
    anomalies: int
    classes: tuple[int, ...]
    failure: str
    data: tuple[tuple[DataKey, Version], ...] = ()


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """How a trial ended.

    Attributes:
        state: `complete`, `pruned` or `failed`.
        values: a number for each objective, where it is complete.
        failure: why it failed.
    """

    state: str
    values: tuple[float, ...] | None = None
    failure: str = ""


@dataclass(slots=True)
class Rows:
    """The rows of a study's runs, each read once.

    Attributes:
        store: the results folder's.
        protocol: of the validation AUROC that is the score.
        policy: when a failed run is tried again.
        known: run_id -> outcome, of the runs that have ended.
        digests: of what these runs were made of.
    """

    store: ResultStore
    protocol: str = "eval"
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    known: dict[str, RunOutcome] = field(default_factory=dict)
    digests: dict[DataKey, str] = field(default_factory=dict)

    def poll(self, run_ids: Collection[str], withdrawn: Collection[str] = ()) -> None:
        """Read the rows of those runs that have ended since the last poll.

        Raises StoreError where runs are of different data: their scores cannot be compared.
        """
        wanted = set(run_ids) - self.known.keys()
        if not wanted:
            return
        tries = self.store.tries()
        ended = {run_id for run_id in wanted & tries.keys() if self._has_ended(run_id, tries[run_id], withdrawn)}
        if ended:
            for row in self.store.read_counting(_COLUMNS, run_ids=ended).to_pylist():
                self._check_data(row)
                self.known[row["run_id"]] = _outcome(row, self.protocol)

    def check_scores(self, settings: StudySettings, specs: Sequence[RunSpec], scores: Sequence[float]) -> None:
        """Raise StoreError unless the rows of those runs give these scores: a database may hold another folder's."""
        self.poll({spec.run_id for spec in specs})
        found = trial_outcome(specs, self.known, settings.objectives)
        values = found.values if found is not None else None
        if values is None or len(values) != len(scores) or not all(map(math.isclose, values, scores)):
            raise StoreError(
                f"the storage of study {settings.name} has trials whose scores are of no rows in {self.store.path}: "
                "they are of another results folder; give that one, or take another --study"
            )

    def _check_data(self, row: Mapping[str, Any]) -> None:
        for column, of in DIGEST_COLUMNS.items():
            digest = row[column]
            if not digest or row["status"] == "failed":
                continue
            known = self.digests.setdefault((row["dataset"], row[of]), digest)
            if known != digest:
                both = " and ".join(one[:12] for one in sorted((known, digest)))
                raise StoreError(
                    f"{self.store.path}: runs of this study are of different {row['dataset']} data (digests {both}), "
                    "and their scores cannot be compared; begin again in another --results folder"
                )

    def _has_ended(self, run_id: str, tries: Sequence[Any], withdrawn: Collection[str]) -> bool:
        if self.policy.state(run_id, tries) != "open":
            return True
        return run_id in withdrawn and any(one.status == "pruned" for one in tries)


def _outcome(row: Mapping[str, Any], protocol: str) -> RunOutcome:
    score = row["auroc_val" if protocol == "eval" else f"auroc_val_{protocol}"]
    points = {
        update: score
        for update, score in zip(row["curve_update"] or (), row[f"curve_auroc_val_{protocol}"] or (), strict=False)
        if score is not None
    }
    message = " ".join((row["failure_message"] or "").split())
    return RunOutcome(
        status=row["status"],
        score=score if row["status"] == "ok" else None,
        seconds=row["train_seconds"] or 0.0,
        points=points,
        normals=row["n_val_normal"] or 0,
        anomalies=row["n_val_anomaly"] or 0,
        classes=tuple(row["drawn_validation_classes"] or ()),
        failure=f"{row['failure_kind']}: {message}" if row["status"] == "failed" else "",
        data=() if row["status"] == "failed" else tuple(versions_of(row)),
    )


def trial_outcome(
    specs: Sequence[RunSpec],
    known: Mapping[str, RunOutcome],
    objectives: Sequence[str],
    withdrawn: Collection[str] = (),
) -> TrialOutcome | None:
    """How the trial of those runs ended; None while some are to be made.

    One failed run fails the trial, and a score that is no number is a failure; one that was pruned prunes it.
    """
    found = {spec.run_id: known.get(spec.run_id) for spec in specs}
    for run_id, outcome in found.items():
        if outcome is not None and outcome.status == "failed":
            return TrialOutcome("failed", failure=f"run {run_id}: {outcome.failure}"[:500])
        if outcome is not None and outcome.status == "ok" and not _is_number(outcome.score):
            return TrialOutcome("failed", failure=f"run {run_id} has no validation score")
    pruned = [
        run_id
        for run_id, outcome in found.items()
        if (outcome is None and run_id in withdrawn) or (outcome is not None and outcome.status == "pruned")
    ]
    if pruned:
        return TrialOutcome("pruned")
    outcomes = {run_id: outcome for run_id, outcome in found.items() if outcome is not None}
    if len(outcomes) < len(found):
        return None
    return TrialOutcome("complete", tuple(_OBJECTIVES[name](specs, outcomes) for name in objectives))


def intermediate(
    specs: Sequence[RunSpec], known: Mapping[str, RunOutcome], reported: Mapping[str, Mapping[int, float]]
) -> dict[int, float]:
    """Step -> score of a trial under way, for a pruner that compares trials step by step.

    A trial's runs have one order, the same in every trial, and their learning curves one after the other are its
    steps: at point i of run j the score is the mean over the last scores of the runs before and that of run j there. So
    a trial is judged from its first run's first point on, and always against the same runs of other trials.

    Args:
        specs: the trial's runs.
        known: rows.
        reported: run_id -> points that workers reported of unfinished runs.
    """
    steps: dict[int, float] = {}
    before: list[float] = []
    step = 0
    for spec in specs:
        outcome = known.get(spec.run_id)
        points = {**reported.get(spec.run_id, {}), **(outcome.points if outcome else {})}
        for update in spec.curve_points:
            if update in points and math.isfinite(points[update]):
                steps[step] = float(np.mean([*before, points[update]]))
            step += 1
        if spec.updates not in points:
            break
        before.append(points[spec.updates])
    return steps


def count_steps(specs: Sequence[RunSpec]) -> int:
    """How many steps a trial of those runs has."""
    return sum(len(spec.curve_points) for spec in specs)


def _is_number(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def _mean_auroc(specs: Sequence[RunSpec], outcomes: Mapping[str, RunOutcome]) -> float:
    return float(np.mean([_score(outcomes[spec.run_id]) for spec in specs]))


def _mean_seconds(specs: Sequence[RunSpec], outcomes: Mapping[str, RunOutcome]) -> float:
    return float(np.mean([outcomes[spec.run_id].seconds for spec in specs]))


def _spread_among_seeds(specs: Sequence[RunSpec], outcomes: Mapping[str, RunOutcome]) -> float:
    """SD among seeds (ddof 1) of the validation AUROC, pooled over cells."""
    cells: dict[RunSpec, list[float]] = {}
    for spec in specs:
        cells.setdefault(spec.replace(seed=0), []).append(_score(outcomes[spec.run_id]))
    several = [np.array(scores) for scores in cells.values() if len(scores) > 1]
    squares = sum(float(((scores - scores.mean()) ** 2).sum()) for scores in several)
    return math.sqrt(squares / sum(len(scores) - 1 for scores in several))


def _score(outcome: RunOutcome) -> float:
    assert outcome.score is not None  # a trial with such a run has failed
    return outcome.score


_OBJECTIVES = {"auroc": _mean_auroc, "time": _mean_seconds, "stability": _spread_among_seeds}
