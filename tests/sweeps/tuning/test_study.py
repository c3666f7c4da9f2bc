"""Whole studies: no test image has a part, no trial is lost or doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from agad import json_file
from agad.errors import AgadError
from agad.plan.study import read_study
from agad.spec.run import RunSpec
from agad.store.folder import StudyFolder
from agad.store.provenance import code_digest
from sweeps.tuning.found.summary import summarise, tuned_by
from sweeps.tuning.optimiser import Optimiser
from sweeps.tuning.outcomes import Rows, RunOutcome
from sweeps.tuning.study import save_plan, say_nameless
from sweeps.worker.data.opened import OpenedData
from sweeps.worker.growing import Feed
from sweeps.worker.options import WorkerOptions
from sweeps.worker.worker import Worker
from tests.conftest import ROOT
from tests.helpers.cli import launch_here
from tests.helpers.science import made_up, small, with_images
from tests.helpers.studies import VALIDATED, Bench, a_search, answering, cells, settings_of, storage_of

TUNE = [sys.executable, str(ROOT / "sweeps" / "tune.py")]
pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.slow
def test_poisoned_test_images_do_not_move_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real training: the same trials, the same scores, the same proposals."""
    settings = settings_of(
        (small(**VALIDATED | {"validation": 0.4}, validation_anomalies=15, normal_class=1, updates=6, lr=5e-3),)
    )
    data = made_up()
    poisoned = with_images(data, test_images=torch.full_like(data.test_images, 255))

    def study(results: Path, images: Any) -> list[tuple[Any, Any]]:
        monkeypatch.setattr(OpenedData, "open", lambda *_: images)
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


@pytest.mark.slow
def test_killed_again_and_again_no_trial_is_lost_or_doubled(tmp_path: Path) -> None:
    """Killed at any moment, in the middle of a write too; the journal loads, and goes on, every time."""
    bench = Bench(tmp_path, settings_of(cells(2)))
    command = [*TUNE, "--study", "s", "--results", str(tmp_path), "--trials", "40", "--workers", "3", "--no-launch"]
    journal, draw = bench.folder.journal, random.Random(0)
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
            [*command, "--sampler", "random"], capture_output=True, text=True, check=False, timeout=600
        )

    assert done.returncode == 0, done.stderr
    study = Optimiser(bench.settings, storage_of(bench.folder))
    assert study.ended() == dict.fromkeys(range(40), "complete")
    params = [tuple(trial.params.values()) for trial in study.frozen()]
    assert len(set(params)) == 40
    assert len(bench.made) == len({run.run_id for run in bench.made}) == 80
    assert len(Feed(bench.folder).trials()) == 40


@pytest.mark.slow
def test_a_table_takes_over_a_trial_s_values_and_says_how_they_were_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings_of())
    trials = bench.run(5, sampler="random")
    summarise(bench.optimiser, _known(bench)).save(bench.folder)
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


@pytest.mark.slow
def test_a_launch_says_in_what_all_its_runs_differ_from_the_study_s(tmp_path: Path) -> None:
    """Values that were found for another method, image size or code were taken over without a word."""
    bench = Bench(tmp_path, settings_of(cells(2)), lambda _: {"code_digest": "0lder" * 4})
    bench.run(2, sampler="random")
    summarise(bench.optimiser, _known(bench)).save(bench.folder)
    own = bench.settings.specs[0]
    fields = ("dataset", "image_size", "updates", "batch_size", "method", "backbone", "gamma", "min_anomalies")
    same = [one for name in fields for one in ("--set", f"{name}={getattr(own, name)}")]
    there = ["--grid", "demo", "--select", "normal_class=0,1", "--seeds", "1", "--set-from-study", "s:1"]

    code = f"code 0lder0lder0l (here {code_digest()[:12]})"
    done = launch_here(*there, *same, "--results", str(tmp_path), "--dry-run")
    assert f"  note: of study s: its runs differ from all of these in {code}, so what was best" in done.stdout
    same[same.index(f"image_size={own.image_size}")] = "image_size=16"
    done = launch_here(*there, *same, "--set", "discriminator=two_block", "--results", str(tmp_path), "--dry-run")
    differing = f"image_size {own.image_size} (here 16), discriminator ganomaly (here two_block), {code}"
    assert f"its runs differ from all of these in {differing}, so" in done.stdout

    bench.folder.settings.unlink()
    done = launch_here(*there, *same, "--results", str(tmp_path), "--dry-run")
    assert "differ from all" not in done.stdout


@pytest.mark.slow
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
    summarise(bench.optimiser, _known(bench)).save(bench.folder)
    cells_of = read_study(bench.folder).validation

    assert [(c["class"], c["gamma"], c["classes"]) for c in cells_of] == [(0, 0, [2, 4]), (0, 0.2, [7]), (1, 0, [3, 5])]
    assert tuned_by(tmp_path, "s").classes == {0: (2, 4, 7), 1: (3, 5)}


def _known(bench: Bench) -> dict[str, RunOutcome]:
    rows = Rows(bench.store)
    rows.poll({run.run_id for run in bench.made})
    return rows.known


@pytest.mark.slow
def test_a_summary_states_of_which_data_the_trials_are(tmp_path: Path) -> None:
    """And a plan with its values: of older summaries nobody knows."""
    made_of = {"data_digest": "a" * 64, "class_names": ["0", "1"]}

    def values(of: RunSpec) -> dict[str, Any]:  # the first trial's only row of other data has no score
        failed = {"status": "failed", "auroc_val": None, "data_digest": "b" * 64}
        return made_of | (failed if of.lambda_con == 50 else {})

    bench = Bench(tmp_path, settings_of(), values)
    bench.run(3, sampler="random")
    summarise(bench.optimiser, _known(bench)).save(bench.folder)
    size = bench.settings.specs[0].image_size
    data = {("digits", size): "a" * 64, ("digits", "class_names"): '["0", "1"]'}
    assert read_study(bench.folder).data == tuned_by(tmp_path, "s").data == data

    content = json_file.loads(bench.folder.summary.read_bytes())
    del content["data"]
    bench.folder.summary.write_text(json_file.dumps(content))
    assert tuned_by(tmp_path, "s").data == {}


@pytest.mark.slow
def test_the_dashboard_reads_the_journal(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optuna_dashboard import wsgi
    bench = Bench(tmp_path, settings_of())
    bench.run(3)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(bench.folder.journal)))
    said: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies", "SERVER_NAME": "here", "SERVER_PORT": "80",
               "wsgi.url_scheme": "http", "QUERY_STRING": ""}  # fmt: skip
    body = b"".join(wsgi(storage)(environ, lambda status, *_: said.append(status)))

    assert said == ["200 OK"]
    assert b'"study_name": "s"' in body or b'"study_name":"s"' in body


def test_a_trial_that_another_folder_over_the_same_database_has_ended_is_one_line(tmp_path: Path) -> None:
    """The lease is of a results folder; Optuna's ValueError came with a traceback."""
    study = Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
    number = study.ask().number
    study.tell(number, "complete", [0.5])
    with pytest.raises(AgadError, match=r"trial 0 of study .* was ended by another tune.py"):
        study.tell(number, "complete", [0.6])
    assert study.best() == 0.5


@pytest.mark.slow
def test_a_study_whose_rows_name_no_code_says_so_before_it_goes_on_and_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its launch says it in a log of its own."""
    for named, results in ((True, tmp_path / "named"), (False, tmp_path / "nameless")):
        bench = Bench(results, settings_of(), lambda _, named=named: {"code_digest": code_digest() if named else None})
        save_plan(a_search(bench), allow_change=False)
        bench.run(2, sampler="random")
        assert "no code" not in capsys.readouterr().out
        save_plan(a_search(bench), allow_change=False)
        say_nameless(a_search(bench))
        assert capsys.readouterr().out.count("note: 2 runs name no code: ") == (0 if named else 2)
