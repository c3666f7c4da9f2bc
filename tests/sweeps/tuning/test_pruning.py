"""Trials that are given up early."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from agad import json_file
from agad.errors import StoreError
from agad.store.folder import ResultsFolder, StudyFolder
from sweeps.tuning.outcomes import RunOutcome, intermediate, trial_outcome
from sweeps.worker.data.opened import OpenedData
from sweeps.worker.growing import Feed, Judgement, Verdicts
from sweeps.worker.options import WorkerOptions
from sweeps.worker.worker import Worker
from tests.helpers.science import made_up, small
from tests.helpers.studies import VALIDATED, Bench, cells, settings_of

STATE = optuna.trial.TrialState
pytestmark = pytest.mark.usefixtures("no_flushing")


def _outcome(*points: float, status: str = "ok") -> RunOutcome:
    return RunOutcome(status, points[-1], 1.0, dict(zip((1, 2, 4), points, strict=False)), 1, 1, (1,), "")


def test_a_trial_is_judged_along_its_runs_one_after_the_other() -> None:
    specs = cells(2)
    first, second = (spec.run_id for spec in specs)

    assert intermediate(specs, {}, {first: {1: 0.5}}) == {0: 0.5}
    assert intermediate(specs, {}, {second: {1: 0.9}}) == {}  # others have their first run there
    steps = intermediate(specs, {first: _outcome(0.5, 0.6, 0.8)}, {second: {1: 0.4}})
    assert steps == pytest.approx({0: 0.5, 1: 0.6, 2: 0.8, 3: 0.6})
    assert trial_outcome(specs, {first: _outcome(0.5, status="pruned")}, ("auroc",)).state == "pruned"  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_trial_that_the_pruner_gives_up_is_withdrawn_from_its_workers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(cells(2)))
    with bench.opened(sampler="random", pruner="median") as coordinator:
        assert coordinator.run(6)
        coordinator._idle = lambda: None
        coordinator._ask(7)
        (one,) = coordinator._running.values()
        feed = Feed(bench.folder)
        assert feed.verdicts().points == "eval"
        feed.report(one.specs[0].run_id, {1: 0.001})
        assert coordinator._judge()

        assert {spec.run_id for spec in one.specs} <= feed.verdicts().withdrawn
        assert bench.pick() is None
        coordinator._collect()
    (last,) = [trial for trial in bench.optimiser.frozen() if trial.number == 6]
    assert (last.state, last.intermediate_values) == (STATE.PRUNED, {0: 0.001})


def test_each_point_is_reported_once_where_runs_train_together(tmp_path: Path) -> None:
    specs = cells(2)
    feed = Feed(StudyFolder(tmp_path))
    feed.write(Verdicts("eval"))
    reported: list[str] = []
    feed.report = lambda run_id, points: reported.append(run_id)  # type: ignore[method-assign]
    judgement = Judgement(feed)
    progress = SimpleNamespace(point=SimpleNamespace(update=1, validation={"eval": 0.5}))
    for _ in range(3):
        assert not any(judgement.watch(spec, progress) for spec in specs)

    assert reported == [spec.run_id for spec in specs]


def test_points_of_another_run_are_passed_over(tmp_path: Path) -> None:
    """A file that was copied over another's: the pruner would judge a trial by another's scores."""
    feed = Feed(StudyFolder(tmp_path))
    feed.report("aa", {1: 0.9})
    feed.report("bb", {1: 0.2})
    assert feed.points("aa") == {1: 0.9}
    shutil.copy(feed.folder.points / "bb.json", feed.folder.points / "aa.json")
    assert feed.points("aa") == {}
    feed.report("aa", {2: 0.8})
    assert feed.points("aa") == {2: 0.8}

    (feed.folder.points / "aa.json").write_text(json_file.dumps({"1": 0.7}))  # of before
    assert feed.points("aa") == {1: 0.7}


def test_verdicts_of_another_study_are_refused(tmp_path: Path) -> None:
    """Its first trial may have the same runs, and its points be of another protocol."""
    feeds = [Feed(ResultsFolder(tmp_path).study(name)) for name in ("s", "t")]
    for feed in feeds:
        feed.write(Verdicts("eval", frozenset({"aa"})))
    shutil.copy(feeds[1].folder.verdicts, feeds[0].folder.verdicts)
    with pytest.raises(StoreError, match="is damaged: it is of t, and not of s; move it away"):
        feeds[0].verdicts()
    feeds[0].folder.verdicts.write_text(json_file.dumps({"points": "eval", "withdrawn": ["bb"]}))  # of before
    assert feeds[0].verdicts() == Verdicts("eval", frozenset({"bb"}))


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_pruners_by_name(pruner: str, tmp_path: Path) -> None:
    trials = Bench(tmp_path, settings_of()).run(5, pruner=pruner)

    assert all(trial.state == STATE.COMPLETE for trial in trials)


@pytest.mark.slow
def test_a_worker_prunes_a_run_that_was_withdrawn_while_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real trainer; its points come to the coordinator while it does."""
    settings = settings_of((small(**VALIDATED, validation_anomalies=3, gamma=0.0),))
    bench, (run,) = Bench(tmp_path, settings), settings.specs
    feed = Feed(bench.folder)
    feed.write(Verdicts("eval"))
    monkeypatch.setattr(OpenedData, "open", lambda *_: made_up())
    reported: list[dict[int, float]] = []

    def report(self: Feed, run_id: str, points: dict[int, float]) -> None:
        reported.append(dict(points))
        self.write(Verdicts("eval", withdrawn=frozenset({run_id})))

    monkeypatch.setattr(Feed, "report", report)
    worker = Worker(WorkerOptions(plan=str(bench.plan_path), results=str(tmp_path)))
    worker.open()
    record = worker.make(run.run_id)
    worker.close()

    assert record is not None
    assert (record.status, record.values["updates_done"]) == ("pruned", 2)
    assert [*reported[0]] == [1]
