"""Studies: what is searched, who coordinates, what a trial's rows mean, and that nothing is lost."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch

from agad.claims import Claim, ClaimBoard, Owner
from agad.errors import AgadError, StoreError
from agad.schema import SCORE_COLUMNS
from agad.spec import RunSpec
from agad.store import ResultStore
from sweeps.feed import COORDINATOR, Feed, Judgement, Verdicts
from sweeps.progress import Display, Watch
from sweeps.stopping import Stopping
from sweeps.tune import main as tune
from sweeps.tuning.chosen import tuned_by
from sweeps.tuning.clearing import clear
from sweeps.tuning.journal import JOURNAL, repair, set_aside
from sweeps.tuning.launcher import Launcher
from sweeps.tuning.lease import Lease, LeaseLostError
from sweeps.tuning.optimiser import SAMPLERS, Optimiser, open_storage
from sweeps.tuning.outcomes import _COLUMNS, Rows, RunOutcome, intermediate, trial_outcome
from sweeps.tuning.rebuild import rebuild
from sweeps.tuning.settings import SETTINGS, load_settings
from sweeps.tuning.space import parse_axis, space_of
from sweeps.tuning.summary import SUMMARY, write_summary
from sweeps.worker import Worker, WorkerOptions
from tests.cli import launch, one_line
from tests.conftest import ROOT
from tests.rows import record
from tests.science import made_up, small, with_images
from tests.studies import VALIDATED, Bench, answering, cells, score, settings_of

TUNE = [sys.executable, str(ROOT / "sweeps" / "tune.py")]
STATE = optuna.trial.TrialState


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written as ever, and not flushed to the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


# -- what is searched ---------------------------------------------------------------------------------------------


def test_a_decade_around_each_loss_weight_is_searched_by_default() -> None:
    axes = {axis.name: axis for axis in space_of((), cells())}

    assert list(axes) == ["lambda_adv", "lambda_con", "lambda_adcon", "lambda_lat"]
    assert (axes["lambda_con"].low, axes["lambda_con"].high, axes["lambda_con"].log) == (5, 500, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lambda_adv=10:0.1", "upside down"),
        ("lambda_adv=0:10:log", "begins above 0"),
        ("lambda_adv=1", "nothing to choose"),
        ("lambda_adv", "is not FIELD=LOW:HIGH"),
        ("lambda_adv=1:2:3", "with :log or :linear"),
        ("lambda_foo=1:2", "unknown field 'lambda_foo'"),
        ("seed=0:5", "cannot be compared"),
        ("gamma=0.1:0.2", "cannot be compared"),
        ("backbone=1:2", "is no number"),
        ("backbone=naive,vit", "choose from: naive, unet, unetpp"),
        ("lambda_adv=2:20", "leaves out 1.0, the cells' own value"),
    ],
)
def test_a_bad_range_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(AgadError, match=message) as error:
        space_of((text,), cells())
    one_line(str(error.value))


def test_a_field_that_a_run_has_no_use_for_is_not_searched() -> None:
    with pytest.raises(AgadError, match="has no loss weights"):
        space_of((), cells(method="ganomaly"))
    with pytest.raises(AgadError, match="means nothing with adversarial_context=off"):
        space_of(("lambda_adcon=1:100",), cells(adversarial_context="off"))
    assert "lambda_adcon" not in [axis.name for axis in space_of((), cells(adversarial_context="off"))]


def test_a_run_gets_a_value_that_can_be_read_inside_the_range() -> None:
    axis = parse_axis("lambda_adv=0.10004:9.9996")

    assert axis.value(1.23456789) == 1.235
    assert axis.value(9.99959) == 9.9996
    assert parse_axis("updates=4:8").value(5) == 5


# -- which study --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "dataset=mnist", "--sampler", "magic"], "unknown sampler 'magic'; choose from: tpe, gp"),
        (["--select", "dataset=mnist", "--pruner", "magic"], "unknown pruner"),
        (["--select", "dataset=mnist", "--range", "lambda_adv=3:2"], "upside down"),
        (["--select", "dataset=mnist", "--sampler", "cmaes", "--objective", "auroc,time"], "cmaes has one objective"),
        (["--select", "dataset=mnist", "--objective", "auroc,stability"], "ask for --seeds 2"),
        (["--select", "dataset=mnist", "--objective", "time"], "begins with auroc"),
        (["--select", "dataset=mnist", "--objective", "auroc,luck"], "unknown objective 'luck'"),
        (["--select", "dataset=mnist", "--anomaly-classes", "10"], "9 anomalous classes where 0 is the normal class"),
        (["--select", "dataset=mnist", "--select", "normal_class=3",
          "--set", "validation_anomaly_classes=3"], "names a normal class"),
        (["--select", "dataset=mnist", "--set", "validation=0.9", "--anomaly-classes", "1"],
         "the validation asks for .* which has"),
        (["--select", "dataset=mnist", "--protocol", "batch1"], "unknown protocol 'batch1'; choose from: eval"),
        (["--select", "dataset=mnist", "--retry-failed"], "--retry-failed is for launch.py"),
        (["--select", "dataset=mnist"], "--trials is missing"),
        ([], "--select is missing"),
        (["--grid", "table1"], "a study is about one dataset"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = tune(["--study", "s", "--results", str(tmp_path), *arguments])

    assert status == 2
    assert re.search(message, one_line(capsys.readouterr().err))


def test_a_study_of_another_search_or_schema_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings_of().save(tmp_path)

    with pytest.raises(AgadError, match=r"searches lambda_adv=0.1:10:log, .*now it would be lambda_adv=0.5:10"):
        settings_of(ranges=("lambda_adv=0.5:10",)).save(tmp_path)
    with pytest.raises(AgadError, match="is about other runs"):
        settings_of(cells(updates=5)).save(tmp_path)
    assert settings_of(title="said otherwise").save(tmp_path) == settings_of()

    content = json.loads((tmp_path / SETTINGS).read_text())
    (tmp_path / SETTINGS).write_text(json.dumps({**content, "study_version": 99}))
    with pytest.raises(StoreError, match="a study of schema 99, this agad has 1"):
        load_settings(tmp_path)


def test_a_first_call_that_is_refused_leaves_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the corrected call would meet the settings of the wrong one."""
    call = ["--study", "s", "--results", str(tmp_path), "--select", "dataset=mnist", "--trials", "1"]

    assert tune([*call, "--workers", "1", "--storage", "nosuch://"]) == 2
    assert "the database cannot be opened" in one_line(capsys.readouterr().err)
    assert tune([*call, "--executor", "ray", "--address", "head:6379"]) == 2
    assert "--workers is missing" in one_line(capsys.readouterr().err)
    assert not (tmp_path / "studies").exists()


def test_a_database_study_of_another_search_is_refused(tmp_path: Path) -> None:
    """The name is all that a database knows a study by."""
    storage = optuna.storages.InMemoryStorage()
    Optimiser(settings_of(), storage)

    with pytest.raises(AgadError, match="has a study s of another search space or other cells"):
        Optimiser(settings_of(cells(2)), storage)


# -- the journal --------------------------------------------------------------------------------------------------


def _journal(path: Path) -> Any:
    return open_storage(path, None, lambda: None)


def test_a_line_that_a_killed_coordinator_tore_is_cut_off(tmp_path: Path) -> None:
    """Wherever it tore. Optuna alone cannot load such a journal again."""
    optimiser = Optimiser(settings_of(), _journal(tmp_path))
    first = optimiser.ask()
    optimiser.tell(first.number, "complete", [0.5])
    optimiser.ask()
    content = (tmp_path / JOURNAL).read_bytes()
    last_line = content[:-1].rfind(b"\n") + 1

    for cut in (last_line + 1, (last_line + len(content)) // 2, len(content) - 1):
        (tmp_path / JOURNAL).write_bytes(content[:cut])
        assert repair(tmp_path / JOURNAL) == cut - last_line
        assert repair(tmp_path / JOURNAL) == 0
        again = Optimiser(settings_of(), _journal(tmp_path))
        assert again.ended() == {0: "complete"}
        (running,) = again.running()  # what the torn line had to say is said anew
        again.tell(running.number, "complete", [0.6])
        assert Optimiser(settings_of(), _journal(tmp_path)).best() == 0.6


def test_damage_elsewhere_than_at_the_end_is_one_clear_line(tmp_path: Path) -> None:
    Optimiser(settings_of(), _journal(tmp_path))
    content = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(b"{torn\n" + content)

    with pytest.raises(StoreError, match=r"line 1 is damaged; tune.py --rebuild"):
        _journal(tmp_path)


# -- the lease ----------------------------------------------------------------------------------------------------


def _take(folder: Path, lease: float = 300.0) -> Lease:
    return Lease(folder, "s", lease, Stopping(), lambda _: None)


def test_a_second_coordinator_is_refused_and_may_come_when_the_first_has_gone(tmp_path: Path) -> None:
    first = _take(tmp_path)
    with pytest.raises(AgadError, match=f"has a coordinator already \\(process {os.getpid()}"):
        _take(tmp_path)
    assert Feed(tmp_path).is_open()

    first.release()
    assert not Feed(tmp_path).is_open()
    _take(tmp_path).release()


def test_a_coordinator_of_another_host_is_waited_for(tmp_path: Path) -> None:
    """While its counter rises it lives; when that stands still for a lease, the study is free."""
    elsewhere = dataclasses.replace(Owner.this_process("coordinator"), host="elsewhere")
    claim = ClaimBoard(tmp_path, elsewhere).take(COORDINATOR, 1)
    assert isinstance(claim, Claim)

    class Beating(Stopping):
        def is_set(self) -> bool:
            claim.beat()
            return False

    with pytest.raises(AgadError, match="has a coordinator already"):
        Lease(tmp_path, "s", 300.0, Beating(), lambda _: None)
    said: list[str] = []
    Lease(tmp_path, "s", 1.0, Stopping(), said.append).release()
    assert len(said) == 1


def test_who_lost_the_lease_writes_nothing_more(tmp_path: Path) -> None:
    first = _take(tmp_path)
    optimiser = Optimiser(settings_of(), open_storage(tmp_path, None, first.check))
    assert ClaimBoard(tmp_path, Owner.this_process("thief")).take(COORDINATOR, 2)
    before = (tmp_path / JOURNAL).read_bytes()

    with pytest.raises(LeaseLostError, match="was taken over"):
        optimiser.ask()
    assert (tmp_path / JOURNAL).read_bytes() == before
    first.release()


# -- what a trial's rows mean -------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "values", [{"status": "failed", "auroc_val": None}, {"auroc_val": None}, {"auroc_val": math.nan}]
)
def test_a_run_without_a_score_fails_its_trial_and_is_no_number(values: dict[str, Any], tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: values if of.normal_class and of.lambda_con != 50 else {})
    trials = bench.run(3)

    assert [trial.state for trial in trials] == [STATE.COMPLETE, STATE.FAIL, STATE.FAIL]
    assert all(trial.values is None for trial in trials[1:])
    assert "run " in trials[1].user_attrs["failure"]


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


def test_a_study_goes_on_with_more_trials_and_does_not_draw_the_same_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    bench.run(4, sampler="random")
    assert len(bench.run(4, sampler="random")) == 4
    trials = bench.run(8, sampler="tpe")

    assert [trial.number for trial in trials] == list(range(8))
    assert len({trial.params["lambda_con"] for trial in trials}) == 8


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


def test_a_database_by_url(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(database=True))
    url = f"sqlite:///{tmp_path / 'study.db'}"
    bench.run(2, url=url)

    assert len(bench.run(3, url=url)) == 3
    assert not (bench.folder / JOURNAL).exists()
    with pytest.raises(StoreError, match="the database cannot be opened"):
        open_storage(tmp_path, "nosuch://", lambda: None)


def test_a_dead_worker_s_run_is_given_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    gone = dataclasses.replace(Owner.this_process("worker"), pid=2**22 - 3)
    with bench.opened() as coordinator:
        coordinator._ask(1)
        assert ClaimBoard(tmp_path, gone).take(bench.settings.specs[0].run_id, 1)
        assert coordinator.run(1)

    assert bench.store.read(["attempt"])["attempt"].to_pylist() == [2]


def test_ray_asks_again_as_long_as_the_plan_grows(tmp_path: Path) -> None:
    """Its launch ends when the coordinator has, and not in a moment in which all runs are done."""
    from ray.tune.search import Searcher

    from sweeps.executors.ray_runs import PlanRuns

    bench = Bench(tmp_path, settings_of())
    with bench.opened() as coordinator:
        runs = PlanRuns(Watch(bench.picker), Display(), lambda: 1, {})
        assert coordinator.run(1)
        runs._look()
        assert runs.suggest("a") is None
        coordinator._ask(2)
        runs._look()
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
    feed.say(Verdicts(withdrawn=frozenset(run.run_id for run in (held, elsewhere, nobody))))
    Feed(tmp_path / "studies" / "other").add(0, [elsewhere])
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
        monkeypatch.setattr("sweeps.children.ROOT", tmp_path)
        launcher = Launcher([], log, lambda: 0)
        launcher.supervise()
        assert launcher._process is not None
        launcher._process.wait()
        with pytest.raises(AgadError, match=said):
            launcher.supervise()
        (tmp_path / "sweeps" / "launch.py").write_text("")


# -- pruning ------------------------------------------------------------------------------------------------------


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


def test_a_trial_that_the_pruner_gives_up_is_withdrawn_from_its_workers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of(cells(2)))
    with bench.opened(sampler="random", pruner="median") as coordinator:
        assert coordinator.run(6)
        coordinator._idle = lambda: None
        coordinator._ask(7)
        (one,) = coordinator._running.values()
        feed = Feed(bench.folder)
        assert feed.verdicts().points == "eval"
        feed.tell(one.specs[0].run_id, {1: 0.001})
        assert coordinator._judge()

        assert {spec.run_id for spec in one.specs} <= feed.verdicts().withdrawn
        assert bench.pick() is None
        coordinator._collect()
    (last,) = [trial for trial in bench.optimiser.frozen() if trial.number == 6]
    assert (last.state, last.intermediate_values) == (STATE.PRUNED, {0: 0.001})


def test_each_point_is_told_once_where_runs_train_together(tmp_path: Path) -> None:
    specs = cells(2)
    feed = Feed(tmp_path)
    feed.say(Verdicts("eval"))
    told: list[str] = []
    feed.tell = lambda run_id, points: told.append(run_id)  # type: ignore[method-assign]
    judgement = Judgement(feed)
    progress = SimpleNamespace(point=SimpleNamespace(update=1, validation={"eval": 0.5}))
    for _ in range(3):
        assert not any(judgement.watch(spec, progress) for spec in specs)

    assert told == [spec.run_id for spec in specs]


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_pruners_by_name(pruner: str, tmp_path: Path) -> None:
    trials = Bench(tmp_path, settings_of()).run(5, pruner=pruner)

    assert all(trial.state == STATE.COMPLETE for trial in trials)


def test_a_worker_prunes_a_run_that_was_withdrawn_while_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real trainer; its points come to the coordinator while it does."""
    settings = settings_of((small(**VALIDATED, validation_anomalies=3, gamma=0.0),))
    bench, (run,) = Bench(tmp_path, settings), settings.specs
    feed = Feed(bench.folder)
    feed.say(Verdicts("eval"))
    monkeypatch.setattr(Worker, "_open_data", lambda *_: made_up())
    told: list[dict[int, float]] = []

    def tell(self: Feed, run_id: str, points: dict[int, float]) -> None:
        told.append(dict(points))
        self.say(Verdicts("eval", withdrawn=frozenset({run_id})))

    monkeypatch.setattr(Feed, "tell", tell)
    worker = Worker(WorkerOptions(plan=str(bench.plan_path), results=str(tmp_path)))
    worker.open()
    record = worker.make(run.run_id)
    worker.close()

    assert record is not None
    assert (record.status, record.values["updates_done"]) == ("pruned", 2)
    assert [*told[0]] == [1]


# -- the whole ----------------------------------------------------------------------------------------------------


def test_poisoned_test_images_do_not_move_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real training: the same trials, the same scores, the same proposals."""
    settings = settings_of(
        (small(**VALIDATED | {"validation": 0.4}, validation_anomalies=15, normal_class=1, updates=6, lr=5e-3),)
    )
    data = made_up()
    poisoned = with_images(data, test_images=torch.full_like(data.test_images, 255))

    def study(results: Path, images: Any) -> list[tuple[Any, Any]]:
        monkeypatch.setattr(Worker, "_open_data", lambda *_: images)
        bench = Bench(results, settings)
        worker = Worker(WorkerOptions(plan=str(bench.plan_path), results=str(results)))
        worker.open()

        def answer() -> None:
            while (picked := worker.picker.next()) is not None:
                worker._run(*picked)

        monkeypatch.setattr(bench, "answer", answer)
        trials = bench.run(3)
        worker.close()
        return [(trial.params, trial.values) for trial in trials]

    clean = study(tmp_path / "clean", data)
    assert len({values[0] for _, values in clean}) > 1
    assert study(tmp_path / "poisoned", poisoned) == clean


def test_killed_again_and_again_no_trial_is_lost_or_doubled(tmp_path: Path) -> None:
    """Killed at any moment, in the middle of a write too; the journal loads, and goes on, every time."""
    bench = Bench(tmp_path, settings_of(cells(2)))
    command = [*TUNE, "--study", "s", "--results", str(tmp_path), "--trials", "40", "--workers", "3", "--no-launch"]
    journal, draw = bench.folder / JOURNAL, random.Random(0)
    with answering(bench):
        for kill in range(5):
            size = journal.stat().st_size if journal.exists() else 0
            process = subprocess.Popen([*command, "--sampler", "random"], stderr=subprocess.DEVNULL)
            while process.poll() is None and (not journal.exists() or journal.stat().st_size < size + 3000):
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            if kill % 2:  # and half a line, which a kill leaves behind rarely
                journal.write_bytes(journal.read_bytes() + b'{"op_code":5,"worker_id":"x')
        done = subprocess.run(
            [*command, "--sampler", "random"], capture_output=True, text=True, check=False, timeout=120
        )

    assert done.returncode == 0, done.stderr
    study = Optimiser(bench.settings, _journal(bench.folder))
    assert study.ended() == dict.fromkeys(range(40), "complete")
    params = [tuple(trial.params.values()) for trial in study.frozen()]
    assert len(set(params)) == 40
    assert len(bench.made) == len({run.run_id for run in bench.made}) == 80
    assert len(Feed(bench.folder).trials()) == 40


def test_a_study_is_made_anew_from_the_rows(tmp_path: Path) -> None:
    """From the folder's trials, or from nothing but rows: the same trials with the same scores."""
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: {"status": "failed"} if of.lambda_con > 400 else {})
    bench.values = lambda of: {"status": "failed", "auroc_val": None} if of.lambda_lat > 30 else {}
    trials = bench.run(8, sampler="random")
    wanted = [(trial.state, trial.values) for trial in trials]
    assert {state for state, _ in wanted} == {STATE.COMPLETE, STATE.FAIL}

    for keeps_folder in (True, False):
        set_aside(bench.folder / JOURNAL)
        if not keeps_folder:
            (bench.folder / "trials").rename(bench.folder / "lost")
        study = Optimiser(bench.settings, _journal(bench.folder), begins=False)
        assert rebuild(bench.settings, study, Feed(bench.folder), Rows(bench.store)) == 8
        found = [(trial.state, trial.values) for trial in study.frozen()]
        assert found == wanted if keeps_folder else sorted(map(str, found)) == sorted(map(str, wanted))
    assert len(bench.run(9, sampler="random")) == 9


def test_a_table_takes_over_a_trial_s_values_and_says_how_they_were_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    trials = bench.run(5, sampler="random")
    write_summary(bench.folder, bench.optimiser, _known(bench), how={"sampler": "random"})
    best = max(trials, key=lambda trial: trial.value)

    tuned = tuned_by(tmp_path, "s")
    assert (tuned.trial, tuned.trials, tuned.score) == (best.number, 5, best.value)
    assert tuned.values["lambda_con"] == pytest.approx(best.params["lambda_con"], rel=1e-3)
    assert "tuned with labels" in tuned.text
    assert "14 labelled anomalies" in tuned.text
    assert tuned_by(tmp_path, "s:0").values["lambda_con"] == 50
    for wrong, message in (("s:99", "no such complete trial"), ("none", "there is no study"), ("s:x", "is not NAME")):
        with pytest.raises(AgadError, match=message):
            tuned_by(tmp_path, wrong)


def test_a_summary_names_the_classes_of_all_cells_though_the_first_trial_failed(tmp_path: Path) -> None:
    """Its later cells were never made; two cells of one class, at two gammas, are two."""
    specs = (*cells(2), *cells(1, gamma=0.2, min_anomalies=2))
    drawn = {0: [4, 2], 1: [3, 5]}

    def values(of: RunSpec) -> dict[str, Any]:
        fails = of.lambda_con == 50 and of.normal_class == 0
        classes = [7] if of.gamma else drawn[of.target_class]
        more = {"status": "failed", "auroc_val": None, "n_val_anomaly": None} if fails else {}
        return {"drawn_validation_classes": None if fails else classes, **more}

    bench = Bench(tmp_path, settings_of(specs), values)
    bench.run(3, sampler="random")
    write_summary(bench.folder, bench.optimiser, _known(bench), how={})
    cells_of = json.loads((bench.folder / SUMMARY).read_text())["validation"]

    assert [(c["class"], c["gamma"], c["classes"]) for c in cells_of] == [(0, 0, [2, 4]), (0, 0.2, [7]), (1, 0, [3, 5])]
    assert tuned_by(tmp_path, "s").classes == {"0": (2, 4, 7), "1": (3, 5)}


def _known(bench: Bench) -> dict[str, RunOutcome]:
    rows = Rows(bench.store)
    rows.look({run.run_id for run in bench.made})
    return rows.known


def test_the_dashboard_reads_the_journal(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optuna_dashboard import wsgi
    bench = Bench(tmp_path, settings_of())
    bench.run(3)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(bench.folder / JOURNAL)))
    said: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies", "SERVER_NAME": "here", "SERVER_PORT": "80",
               "wsgi.url_scheme": "http", "QUERY_STRING": ""}  # fmt: skip
    body = b"".join(wsgi(storage)(environ, lambda status, *_: said.append(status)))

    assert said == ["200 OK"]
    assert b'"study_name": "s"' in body or b'"study_name":"s"' in body


# -- the command --------------------------------------------------------------------------------------------------

ONE_RUN = ["--grid", "demo", "--select", "normal_class=0", "--select", "gamma=0"]
SHORT = ["--set", "updates=2", "--set", "image_size=16"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the demo's digits, made by real workers, and then a table with what it found."""
    results = tmp_path_factory.mktemp("tuned")
    command = [
        *TUNE,
        "--study",
        "digits",
        *ONE_RUN,
        *SHORT,
        "--trials",
        "3",
        "--workers",
        "1",
        "--results",
        str(results),
    ]
    done = subprocess.run([*command, "--anomaly-classes", "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Best: trial" in done.stdout
    done = launch(
        *ONE_RUN, *SHORT, "--seeds", "1", "--results", str(results), "--workers", "1", "--set-from-study", "digits"
    )
    assert done.returncode == 0, done.stderr
    return results


def test_a_study_s_runs_are_ordinary_rows_and_leave_nothing_behind(tuned: Path) -> None:
    rows = ResultStore(tuned).read(["evaluate_test", "auroc", "auroc_val", "validation_anomaly_classes", "plan"])
    trials = [row for row in rows.to_pylist() if row["evaluate_test"] is False]

    assert len(trials) == 3
    assert all(row["auroc"] is None and row["auroc_val"] is not None for row in trials)
    assert {len(row["validation_anomaly_classes"]) for row in trials} == {3}
    assert {row["plan"] for row in trials} == {"study-digits"}
    assert not list((tuned / "claims").iterdir())
    assert not Feed(tuned / "studies" / "digits").is_open()


def test_rows_and_tables_say_that_they_were_tuned_with_labels(tuned: Path) -> None:
    rows = ResultStore(tuned).read(["evaluate_test", "tuned_by", "lambda_con", "validation"]).to_pylist()
    final = [row for row in rows if row["evaluate_test"]]
    (table,) = (tuned / "tables").glob("*.md")

    assert len(final) == 1
    assert {row["validation"] for row in final} == {0}  # they train on all normals
    assert all("tuned with labels: trial" in row["tuned_by"] for row in final)
    assert "Tuned with labels" in " ".join(table.read_text().split())


def test_the_same_command_again_finds_nothing_to_do(tuned: Path) -> None:
    command = [*TUNE, "--study", "digits", "--trials", "3", "--workers", "1", "--results", str(tuned)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "3 complete" in done.stdout


def test_planning_loads_no_optuna() -> None:
    code = "import sys; import sweeps.launch, sweeps.status; assert not {'optuna', 'torch'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
