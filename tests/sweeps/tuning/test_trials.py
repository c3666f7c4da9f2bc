"""What a trial's rows mean, and that nothing is trained twice."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

import optuna
import pytest

from agad.errors import AgadError, StoreError
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.schema import SCORE_COLUMNS
from sweeps.progress.display import Display
from sweeps.progress.watch import Watch
from sweeps.tuning.coordinator import clear
from sweeps.tuning.launcher import Launcher
from sweeps.tuning.optimiser import SAMPLERS, open_storage
from sweeps.tuning.outcomes import _COLUMNS, Rows
from sweeps.worker.growing import Feed, Verdicts
from tests.helpers.rows import record
from tests.helpers.studies import Bench, cells, score, settings_of

STATE = optuna.trial.TrialState
pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.slow
def test_the_cells_own_values_come_first_and_a_trial_is_told_the_mean(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(cells(2, seeds=2)))
    trials = bench.run(3)

    assert [trial.number for trial in trials] == [0, 1, 2]
    assert trials[0].params == {"lambda_adv": 1, "lambda_con": 50, "lambda_adcon": 15, "lambda_lat": 5}
    assert len(bench.made) == 12
    for trial in trials:
        of = [run for run in bench.made if run.lambda_con == float(f"{trial.params['lambda_con']:.4g}")]
        assert trial.value == pytest.approx(sum(map(score, of)) / 4)


def test_no_column_of_the_test_set_is_read() -> None:
    assert not [name for name in _COLUMNS if "auroc" in name and "val" not in name]
    assert not {*_COLUMNS} & {*SCORE_COLUMNS}


@pytest.mark.slow
@pytest.mark.parametrize("values", [{"status": "failed", "auroc_val": None}, {"auroc_val": None}])
def test_a_run_without_a_score_fails_its_trial_and_is_no_number(values: dict[str, Any], tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: values if of.normal_class and of.lambda_con != 50 else {})
    trials = bench.run(3)

    assert [trial.state for trial in trials] == [STATE.COMPLETE, STATE.FAIL, STATE.FAIL]
    assert all(trial.values is None for trial in trials[1:])
    assert "run " in trials[1].user_attrs["failure"]


@pytest.mark.slow
def test_a_study_in_which_everything_fails_is_stopped(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, settings_of(), lambda _: {"status": "failed", "auroc_val": None, "failure_message": "no luck"}
    )

    with pytest.raises(AgadError, match=r"5 trials in a row have failed, the last with: run .*no luck"):
        bench.run(20)


def test_nothing_is_trained_twice(tmp_path: Path) -> None:
    """Another study asks for runs that have rows: it is told of them at once."""
    first = Bench(tmp_path, settings_of(ranges=("backbone=naive,unet",)))
    first.run(2, sampler="random")
    second = Bench(tmp_path, settings_of(ranges=("backbone=naive,unet",), name="other"))
    second.run(3, sampler="random")

    assert len({run.run_id for run in first.made}) == len(first.made)
    assert not {run.run_id for run in first.made} & {run.run_id for run in second.made}


@pytest.mark.slow
def test_a_study_goes_on_with_more_trials_and_does_not_draw_the_same_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    bench.run(4, sampler="random")
    assert len(bench.run(4, sampler="random")) == 4
    trials = bench.run(8, sampler="tpe")

    assert [trial.number for trial in trials] == list(range(8))
    assert len({trial.params["lambda_con"] for trial in trials}) == 8


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_sampler_searches_inside_the_ranges(sampler: str, tmp_path: Path) -> None:
    axes = settings_of().axes
    trials = Bench(tmp_path, settings_of()).run(12, sampler=sampler)

    assert {trial.state for trial in trials} == {STATE.COMPLETE}
    assert all(axis.contains(trial.params[axis.name]) for trial in trials for axis in axes)


def test_several_objectives(tmp_path: Path) -> None:
    settings = settings_of(cells(1, seeds=2), objectives=("auroc", "stability"))
    bench = Bench(tmp_path, settings, lambda of: {"auroc_val": 0.5 + 0.1 * of.seed})
    trials = bench.run(2)

    assert trials[0].values == pytest.approx([0.55, 0.1 / math.sqrt(2)])


def test_a_score_under_the_other_protocol(tmp_path: Path) -> None:
    settings = settings_of(protocol="eval_recal")
    bench = Bench(tmp_path, settings, lambda of: {"auroc_val_eval_recal": 1 - score(of)})

    assert bench.run(1)[0].value == pytest.approx(1 - score(bench.made[0]))
    with pytest.raises(AgadError, match="is scored under eval_recal"):
        settings_of().save(bench.folder)


@pytest.mark.slow
def test_a_database_by_url(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(database=True))
    url = f"sqlite:///{tmp_path / 'study.db'}"
    bench.run(2, url=url)

    assert len(bench.run(3, url=url)) == 3
    assert not (bench.folder.journal).exists()
    with pytest.raises(StoreError, match="the database cannot be opened"):
        open_storage(tmp_path, "nosuch://", lambda: None)


@pytest.mark.parametrize("has_rows", [False, True])
@pytest.mark.slow
def test_a_database_s_study_of_another_results_folder_is_refused(has_rows: bool, tmp_path: Path) -> None:
    """Of other images, say: its best trial would be called this folder's, with scores that no row here has."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    bench = Bench(tmp_path / "a", settings_of(database=True))
    bench.run(1, url=url)
    other = Bench(tmp_path / "b", settings_of(database=True), lambda _: {"auroc_val": 0.25})
    if has_rows:
        Bench(tmp_path / "b", settings_of(database=True), lambda _: {"auroc_val": 0.25}).answer()
    with pytest.raises(StoreError, match="of another results folder; give that one, or take another --study"):
        other.run(2, url=url)
    shutil.rmtree(bench.folder.trials)
    assert len(bench.run(2, url=url)) == 2, "a folder that has lost what it knew, with its own rows"


def test_a_dead_worker_s_run_is_given_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    gone = dataclasses.replace(Owner.this_process("worker"), pid=2**22 - 3)
    with bench.opened() as coordinator:
        coordinator._ask(1)
        assert ClaimBoard(tmp_path, gone).take(bench.settings.specs[0].run_id, 1)
        assert coordinator.run(1)

    assert bench.store.read(["attempt"])["attempt"].to_pylist() == [2]


@pytest.mark.slow
def test_ray_asks_again_as_long_as_the_plan_grows(tmp_path: Path) -> None:
    """Its launch ends when the coordinator has, and not in a moment in which all runs are done."""
    from ray.tune.search import Searcher

    from sweeps.executors.ray.runs import PlanRuns

    bench = Bench(tmp_path, settings_of())
    with bench.opened() as coordinator:
        runs = PlanRuns(Watch(bench.picker), Display(), lambda: 1, {}, 300.0)
        assert coordinator.run(1)
        runs._read()
        assert runs.suggest("a") is None
        coordinator._ask(2)
        runs._read()
        assert runs.suggest("b")["run_id"] in {spec.run_id for spec in coordinator._running[1].specs}
        assert coordinator.run(2)
        runs.on_trial_complete("b", {"outcome": "ok"})
    assert runs.suggest("c") == Searcher.FINISHED


def test_a_study_s_end_leaves_others_their_claims_and_checkpoints(tmp_path: Path) -> None:
    """Runs that it gave up may be another's: of all those, only the one that nobody wants is cleared."""
    bench = Bench(tmp_path, settings_of(cells(6)))
    done, failed, held, elsewhere, nobody, still_open = bench.settings.specs
    bench.store.commit(record(done))
    bench.store.commit(record(failed, status="failed"))
    bench.store.commit(record(held, status="pruned"))
    feed = Feed(bench.folder)
    feed.add(0, bench.settings.specs)
    feed.write(Verdicts(withdrawn=frozenset(run.run_id for run in (held, elsewhere, nobody))))
    Feed(ResultsFolder(tmp_path).study("other")).add(0, [elsewhere])
    board = ClaimBoard(tmp_path, Owner.this_process("worker"))
    (tmp_path / "checkpoints").mkdir()
    for run in bench.settings.specs:
        claim = board.take(run.run_id, 2)
        assert claim is not None
        if run not in (done, held):
            claim.release()
        (tmp_path / "checkpoints" / f"{run.run_id}.2.pt").touch()
    clear(tmp_path, "s", Rows(bench.store))

    assert board.generations().keys() == {run.run_id for run in (held, elsewhere, still_open)}
    left = {path.name.partition(".")[0] for path in (tmp_path / "checkpoints").iterdir()}
    assert left == {run.run_id for run in bench.settings.specs} - {nobody.run_id}


def test_an_earlier_launch_s_error_is_not_this_one_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "launch.log"
    log.write_text("launch.py: error: of yesterday\n")
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "launch.py").write_text("raise SystemExit('launch.py: error: of today')")
    for said in ("of today", "ended with status 0"):
        monkeypatch.setattr("sweeps.machine.program.FOLDER", tmp_path)
        launcher = Launcher([], log, lambda: 0)
        launcher.supervise()
        assert launcher._process is not None
        launcher._process.wait()
        with pytest.raises(AgadError, match=said):
            launcher.supervise()
        (tmp_path / "sweeps" / "launch.py").write_text("")


@pytest.mark.slow
@pytest.mark.parametrize("column", ["data_digest", "features_digest"])
@pytest.mark.parametrize("first", [1, 2], ids=["within a call", "between two calls"])
def test_trials_of_different_data_are_not_compared(first: int, column: str, tmp_path: Path) -> None:
    """The best trial would be the one with the easier images; the study is refused from then on."""

    def values(_: object) -> dict[str, str]:
        return {column: ("a" if len(bench.made) <= 2 else "b") * 64}

    bench = Bench(tmp_path, settings_of(), values)
    if first == 2:
        bench.run(2)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"different digits data \(digests aaaaaaaaaaaa and bbbbbbbbbbbb\)"):
            bench.run(4)
