"""Studies for tests: real files, and a worker whose scores are a function of the spec, without training."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.claims import Claim, ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from sweeps.tuning.coordinator import Coordinator
from sweeps.tuning.lease import Lease
from sweeps.tuning.optimiser import Optimiser, open_storage
from sweeps.tuning.outcomes import Rows, count_steps
from sweeps.tuning.rebuild import Rebuilt, rebuild_journal
from sweeps.tuning.settings import StudySettings
from sweeps.tuning.space import space_of
from sweeps.tuning.study import Search
from sweeps.worker.growing import Feed
from sweeps.worker.picking import Picker
from sweeps.worker.retry import RetryPolicy
from sweeps.worker.stopping import Stopping
from tests.helpers.rows import record, spec

VALIDATED: dict[str, Any] = {"validation": 0.1, "evaluate_test": False, "curve": (1, 2)}
SIZES = {"n_val_normal": 14, "n_val_anomaly": 14, "drawn_validation_classes": [1, 2]}


def cells(count: int = 1, seeds: int = 1, **changes: Any) -> tuple[RunSpec, ...]:
    """Runs of one trial: `count` classes with `seeds` seeds each."""
    return tuple(
        spec(seed, normal_class=index, **{**VALIDATED, **changes}) for seed in range(seeds) for index in range(count)
    )


def settings_of(
    specs: tuple[RunSpec, ...] | None = None, ranges: tuple[str, ...] = (), **changes: Any
) -> StudySettings:
    """A study of those runs."""
    specs = specs or cells()
    return StudySettings(**{"name": "s", "title": "t", "specs": specs, "axes": space_of(ranges, specs), **changes})


def storage_of(folder: Path) -> Any:
    """The storage of a study in that folder."""
    return open_storage(folder, None, lambda: None)


def score(of: RunSpec) -> float:
    """A score that falls as lambda_con rises, in (0, 1]."""
    return 1 / (1 + of.lambda_con / 100)


class Bench:
    """A study's files, and a worker that commits a row for every open run, without training.

    Args:
        results: the results folder.
        settings: the study.
        values: further values of a run's row, as `status`, or an `auroc_val` instead of the score.
    """

    def __init__(
        self, results: Path, settings: StudySettings, values: Callable[[RunSpec], Mapping[str, Any]] = lambda _: {}
    ) -> None:
        self.results, self.values = results, values
        self.folder = ResultsFolder(results).study(settings.name)
        self.settings = settings.save(self.folder)
        self.plan = Plan(settings.name, (), (), settings.specs, code_digest(), settings.name)
        self.plan_path = self.plan.save(results)
        self.store = ResultStore(results)
        self.made: list[RunSpec] = []
        board = ClaimBoard(results, Owner.this_process("worker"), lease=5.0)
        self.picker = Picker(self.plan, self.store, board, RetryPolicy())

    @contextmanager
    def opened(self, url: str | None = None, **options: Any) -> Iterator[Coordinator]:
        """The study's coordinator; `options` are those of Optimiser."""
        lease = Lease(self.folder, self.settings.name, 5.0, Stopping(), print)
        try:
            steps = count_steps(self.settings.specs)
            self.optimiser = Optimiser(
                self.settings, open_storage(self.folder, url, lease.check), steps=steps, **options
            )
            judged = options.get("pruner", "none") != "none"
            yield Coordinator(
                self.optimiser, Feed(self.folder), Rows(self.store, self.settings.protocol), lease, Stopping(),
                workers=2, judged=judged, idle=self.answer,
            )  # fmt: skip
        finally:
            lease.release()

    def run(self, trials: int, **options: Any) -> list[Any]:
        """Work until this many trials have ended; Optuna's frozen trials."""
        with self.opened(**options) as coordinator:
            assert coordinator.run(trials)
        return self.optimiser.frozen()

    def pick(self) -> tuple[RunSpec, Claim] | None:
        """The run that a worker would get next, and its claim."""
        return self.picker.next()

    def answer(self) -> None:
        """Commit a row for every open run."""
        while (picked := self.pick()) is not None:
            of, claim = picked
            self.made.append(of)
            curve = {"curve_update": [*of.curve_points], "curve_auroc_val_eval": [score(of)] * len(of.curve_points)}
            values = {"auroc_val": score(of), "train_seconds": 1.0, **SIZES, **curve, **self.values(of)}
            values.setdefault("plan", self.plan.name)
            status = values.pop("status", "ok")
            assert self.store.commit(record(of, claim.generation, status, **values))
            claim.release()


def a_search(bench: Bench) -> Search:
    """How tune.py would search the study."""
    return Search(
        results=bench.results, settings=bench.settings, sampler="random", pruner="none", seed=0, database=None,
        lease=5.0, say=print,
    )  # fmt: skip


def rebuilt(bench: Bench) -> Rebuilt:
    """Make the study again from its rows, as `tune.py --rebuild` does."""
    search = a_search(bench)
    lease = search.hold(Stopping())
    try:
        return rebuild_journal(search, lease)
    finally:
        lease.release()


def trials_of(bench: Bench) -> list[tuple[Any, ...]]:
    """State, values and scores of the trials in the study's journal, by number."""
    study = Optimiser(bench.settings, storage_of(bench.folder), begins=False)
    names = [axis.name for axis in bench.settings.axes]
    rounded = [axis.value for axis in bench.settings.axes]
    return [
        (one.state.name, [of(one.params[name]) for of, name in zip(rounded, names, strict=True)], one.values)
        for one in study.frozen()
    ]


def numbers_of(bench: Bench) -> dict[int, set[str]]:
    """Number -> digest of the runs, of the trials that the study's folder knows."""
    return Feed(bench.folder).known()


def a_study(results: Path, trials: int = 4, settings: StudySettings | None = None, seed: int = 0) -> Bench:
    """A study whose trials have ended."""
    bench = Bench(results, settings or settings_of())
    bench.run(trials, sampler="random", seed=seed)
    return bench


@contextmanager
def answering(bench: Bench) -> Iterator[None]:
    """A thread that makes every run that any coordinator adds."""
    with repeating(bench.answer, every=0.01):
        yield


@contextmanager
def repeating(action: Callable[[], object], *, every: float) -> Iterator[None]:
    """A thread that calls `action` again and again, `every` seconds after each call."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(every):
            action()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
