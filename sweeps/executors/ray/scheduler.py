"""RivalScheduler: which runs Ray Tune prunes, by ASHA or median stopping over their validation scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from agad.spec.fields import names_in
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore

from .options import RayOptions

_TASK_FIELDS = names_in("data", "validation")
"""Runs that are alike in these are rivals: scores of different classes cannot be compared, one may be harder."""

Curve = Sequence[tuple[int, float]]
"""(update, validation score) of each point of the learning curve."""


@dataclass(frozen=True, slots=True)
class _Rival:
    """A run of an earlier launch, as much of a Ray trial as the schedulers read."""

    trial_id: str


class RivalScheduler(FIFOScheduler):
    """One of Tune's schedulers for each group of rivals.

    Args:
        specs: the plan's runs.
        options: which scheduler, and by which score.
        curves: run_id -> the curve of runs that earlier launches have finished or pruned: they are rivals, too.
    """

    def __init__(self, specs: Iterable[RunSpec], options: RayOptions, curves: Mapping[str, Curve]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        groups: dict[tuple[Any, ...], list[RunSpec]] = {}
        for spec in specs:
            groups.setdefault(tuple(getattr(spec, name) for name in _TASK_FIELDS), []).append(spec)
        self._of_run: dict[str, TrialScheduler] = {}
        for rivals in groups.values():
            scheduler = _scheduler(rivals, options)
            self._of_run.update((spec.run_id, scheduler) for spec in rivals)
        for run_id, curve in curves.items():
            _replay(self._of_run[run_id], _Rival(run_id), curve, score_key(options.metric))

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A run begins, or goes on."""
        self._of(trial).on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Whether the run goes on after a point of its curve."""
        decision: str = self._of(trial).on_trial_result(tune_controller, trial, result)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A run has ended. One that has no score, because it failed or is made elsewhere, is no rival."""
        if "update" in result:
            self._of(trial).on_trial_complete(tune_controller, trial, result)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its scheduler into a file from which this project never restores."""
        return {}

    def _of(self, trial: Any) -> TrialScheduler:
        return self._of_run[trial.config["run_id"]]


def score_key(metric: str) -> str:
    """The name under which a trial reports the score that the row's column `metric` has of the last update."""
    return "auroc_val_eval" if metric == "auroc_val" else metric


def read_curves(store: ResultStore, specs: Iterable[RunSpec], metric: str) -> dict[str, Curve]:
    """The validation curves of the plan's finished and pruned runs."""
    column = f"curve_{score_key(metric)}"
    rows = store.read_counting(["run_id", "curve_update", column], run_ids={spec.run_id for spec in specs})
    return {
        row["run_id"]: list(zip(row["curve_update"], row[column], strict=True))
        for row in rows.to_pylist()
        if row["curve_update"] and row[column]
    }


def _scheduler(rivals: Sequence[RunSpec], options: RayOptions) -> TrialScheduler:
    first = min((spec.curve_points[0] for spec in rivals), default=1)
    common: dict[str, Any] = {"time_attr": "update", "metric": score_key(options.metric), "mode": "max"}
    common["grace_period"] = options.grace or first
    if options.scheduler == "median":
        # It waits for more rivals by pausing a Ray trial, which would have to be saved and built again.
        common["min_time_slice"] = math.inf  # since a first pause that lies infinitely far back
        return MedianStoppingRule(**common)
    longest = max(spec.updates for spec in rivals)
    # The last update's trials end by themselves, with their scores of the test set.
    return AsyncHyperBandScheduler(**common, max_t=max(longest, common["grace_period"]), stop_last_trials=False)


def _replay(scheduler: Any, rival: _Rival, curve: Curve, key: str) -> None:
    """Report a finished run to a scheduler: its points until it would have been stopped, and its end."""
    scheduler.on_trial_add(None, rival)
    for update, score in curve:
        result = {"update": update, key: score}
        if scheduler.on_trial_result(None, rival, result) == TrialScheduler.STOP:
            break  # median stopping takes no further point of one that it has stopped
    if curve:
        scheduler.on_trial_complete(None, rival, result)
