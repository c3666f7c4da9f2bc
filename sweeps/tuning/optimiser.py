"""Optimiser: Optuna's study as the coordinator uses it. The one file that knows Optuna's interface, with journal.py."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agad.errors import AgadError, StoreError
from agad.store.folder import StudyFolder

from .journal import open_journal
from .settings import OBJECTIVES, SEARCH, StudySettings
from .space import Axis

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "gp", "cmaes", "random")
PRUNERS = ("none", "median", "asha", "hyperband")
_STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
"""A trial's states as this project calls them, and Optuna's names of them."""
_DIGEST = "agad_digest"
_SEED_STEP = 1_000_003
"""What a continued study adds to its sampler's seed for each trial it has: the same draws must not come again."""


class Asked:
    """A trial under way.

    Attributes:
        number: from 0.
        values: field -> value for its runs.
    """

    def __init__(self, trial: optuna.Trial, axes: Sequence[Axis]) -> None:
        self.number: int = trial.number
        # Parameters that were drawn before a coordinator died stay as they are; the others are drawn now.
        self.values = {axis.name: axis.value(_suggest(trial, axis)) for axis in axes}
        self._trial = trial
        self._steps: set[int] = set(trial._get_latest_trial().intermediate_values)

    def note(self, name: str, value: Any) -> None:
        """Save something with the trial, for readers of the study."""
        self._trial.set_user_attr(name, value)

    def report(self, step: int, score: float) -> bool:
        """Tell a point of its curve, once; whether the pruner would give the trial up."""
        if step in self._steps:
            return False
        self._steps.add(step)
        self._trial.report(score, step)
        return self._trial.should_prune()


class Optimiser:
    """Proposes trials, and takes in what they gave.

    Args:
        settings: the study.
        storage: of Optuna.
        sampler: one of SAMPLERS.
        pruner: one of PRUNERS.
        steps: the greatest step that is reported of a trial.
        seed: of the sampler.
        begins: whether the cells' own values are the first trial of a study that has none.
    """

    def __init__(
        self,
        settings: StudySettings,
        storage: Any,
        *,
        sampler: str = "tpe",
        pruner: str = "none",
        steps: int = 1,
        seed: int = 0,
        begins: bool = True,
    ) -> None:
        self.settings, self.sampler, self.pruner = settings, sampler, pruner
        self._study: optuna.Study = import_optuna().create_study(
            storage=storage,
            study_name=settings.name,
            directions=[OBJECTIVES[name] for name in settings.objectives],
            pruner=_pruner(pruner, steps),
            load_if_exists=True,
        )
        self._check_search()
        trials = len(self._trials())
        self._study.sampler = _sampler(sampler, seed + _SEED_STEP * trials, settings)
        if trials == 0 and begins:
            self._study.enqueue_trial(settings.own_values())

    def ask(self) -> Asked:
        """The next trial."""
        trial = self._study.ask()
        trial.set_user_attr(SEARCH, {"sampler": self.sampler, "pruner": self.pruner})  # the next call may have others
        return Asked(trial, self.settings.axes)

    def running(self) -> list[Asked]:
        """Trials that were proposed and not ended: those of a coordinator that died."""
        import optuna

        running = [trial for trial in self._trials() if trial.state == optuna.trial.TrialState.RUNNING]
        return [Asked(optuna.Trial(self._study, trial._trial_id), self.settings.axes) for trial in running]

    def tell(self, number: int, state: str, values: Sequence[float] | None = None) -> None:
        """End a trial: `complete` with a value for each objective, `pruned` or `failed`.

        Raises AgadError where it has ended: the lease of a results folder does not guard a database of its own.
        """
        import optuna

        if self._study.get_trials(deepcopy=False)[number].state.is_finished():
            raise AgadError(
                f"trial {number} of study {self.settings.name} was ended by another tune.py, of another results folder "
                "over the same --storage; let one work at a time, and the same command goes on"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self._study.tell(number, values, state=optuna.trial.TrialState[_STATES[state]])

    def add(
        self,
        values: dict[str, Any],
        state: str,
        scores: Sequence[float] | None = None,
        points: Mapping[int, float] | None = None,
        failure: str = "",
    ) -> None:
        """Add a trial that is known to have ended, or with state `running` one whose runs are not all made."""
        import optuna

        self._study.add_trial(
            optuna.trial.create_trial(
                params=values,
                distributions={axis.name: _distribution(axis) for axis in self.settings.axes if axis.name in values},
                state=optuna.trial.TrialState[_STATES.get(state, "RUNNING")],
                values=scores,
                intermediate_values=dict(points or {}),
                user_attrs={"failure": failure} if failure else {},
            )
        )

    def ended(self) -> dict[int, str]:
        """Number -> `complete`, `pruned` or `failed`, of the trials that have ended."""
        names = {theirs: ours for ours, theirs in _STATES.items()}
        return {trial.number: names[trial.state.name] for trial in self._trials() if trial.state.is_finished()}

    def best(self) -> float:
        """The highest first objective of a complete trial; -inf where there is none."""
        return max((trial.values[0] for trial in self._trials() if trial.state.name == "COMPLETE"), default=-math.inf)

    def frozen(self) -> list[optuna.trial.FrozenTrial]:
        """Optuna's own view of all trials."""
        return self._trials()

    def importance(self) -> dict[str, float]:
        """Axis -> share of the objective's variance that it explains (fANOVA); empty with too few trials."""
        import optuna

        try:
            shares: dict[str, float] = optuna.importance.get_param_importances(
                self._study,
                evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
                target=lambda trial: trial.values[0],
            )
            return shares
        except (ValueError, RuntimeError):  # one trial, or scores that are all the same
            return {}

    def _trials(self) -> list[optuna.trial.FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _check_search(self) -> None:
        """Refuse a study of that name that is not this one. Raises AgadError."""
        known = self._study.user_attrs.get(_DIGEST)
        if known is None and not self._trials():
            self._study.set_user_attr(_DIGEST, self.settings.digest)
        elif known != self.settings.digest:
            raise AgadError(
                f"the storage has a study {self.settings.name} of another search space or other cells; "
                "take another --study"
            )


def import_optuna() -> Any:
    """The optuna module, quiet. Raises AgadError, one line, where it is not installed."""
    try:
        module = importlib.import_module("optuna")
    except ImportError as error:
        raise AgadError(f"tuning needs Optuna ({error}); install it: pip install 'agad[tune]'") from error
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def open_storage(folder: StudyFolder, url: str | None, check: Callable[[], None]) -> Any:
    """The study's storage: its journal, or the database at `url`. Raises StoreError, one line.

    Args:
        folder: the study's.
        url: as SQLAlchemy takes it.
        check: as in journal.open_journal.
    """
    optuna = import_optuna()
    if url is None:
        return open_journal(folder.journal, check)
    try:
        return optuna.storages.get_storage(url)
    except Exception as error:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StoreError(f"--storage: the database cannot be opened: {text}") from error


def check_choice(settings: StudySettings, sampler: str, pruner: str) -> None:
    """Refuse what does not go together. Raises AgadError, one line."""
    if sampler not in SAMPLERS:
        raise AgadError(f"unknown sampler {sampler!r}; choose from: {', '.join(SAMPLERS)}")
    if pruner not in PRUNERS:
        raise AgadError(f"unknown pruner {pruner!r}; choose from: {', '.join(PRUNERS)}")
    if len(settings.objectives) > 1 and sampler == "cmaes":
        raise AgadError("--sampler cmaes has one objective; take tpe, gp or random for several")
    if len(settings.objectives) > 1 and pruner != "none":
        raise AgadError("--pruner judges by one objective; leave it out with several")
    if sampler == "cmaes" and any(axis.choices for axis in settings.axes):
        raise AgadError("--sampler cmaes searches ranges only; take tpe, gp or random for a list of values")
    if sampler == "cmaes" and len(settings.axes) < 2:
        raise AgadError("--sampler cmaes needs two ranges or more; take tpe, gp or random for one")
    if pruner != "none" and any(axis.name == "updates" for axis in settings.axes):
        raise AgadError("--pruner compares learning curves of one length; leave it out where updates is searched")


def _distribution(axis: Axis) -> Any:
    from optuna import distributions

    if axis.choices:
        return distributions.CategoricalDistribution(axis.choices)
    assert axis.low is not None
    assert axis.high is not None
    if axis.whole:
        return distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return distributions.FloatDistribution(axis.low, axis.high, log=axis.log)


def _suggest(trial: optuna.Trial, axis: Axis) -> Any:
    return trial._suggest(axis.name, _distribution(axis))


def _sampler(name: str, seed: int, settings: StudySettings) -> Any:
    from optuna import samplers

    seed %= 2**32
    if name == "random":
        return samplers.RandomSampler(seed=seed)
    if name == "cmaes":
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if name == "gp":
        importlib.import_module("torch").set_num_threads(1)  # beside workers, not instead of them
        return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    multivariate = len(settings.axes) > 1
    return samplers.TPESampler(seed=seed, multivariate=multivariate, constant_liar=True)


def _pruner(name: str, steps: int) -> Any:
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_startup_trials=5)
    if name == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=1, max_resource=max(2, steps), reduction_factor=3)
    return pruners.NopPruner()
