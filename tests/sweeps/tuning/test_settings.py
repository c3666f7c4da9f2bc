"""Which study is meant, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from agad import json_file
from agad.errors import AgadError, StoreError
from agad.plan.grid import Grid
from agad.plan.make import make_plan
from agad.store.folder import ResultsFolder, StudyFolder
from sweeps.cli.tune import main as tune
from sweeps.tuning.optimiser import Optimiser
from sweeps.tuning.settings import load_settings
from tests.helpers.cli import launch_here, one_line
from tests.helpers.studies import cells, settings_of

pytestmark = pytest.mark.usefixtures("no_flushing")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "dataset=mnist", "--sampler", "magic"], "unknown sampler 'magic'; choose from: tpe, gp"),
        (["--select", "dataset=mnist", "--pruner", "magic"], "unknown pruner"),
        (["--select", "dataset=mnist", "--range", "lambda_adv=3:2"], "upside down"),
        (["--select", "dataset=mnist", "--sampler", "cmaes", "--objective", "auroc,time"], "cmaes has one objective"),
        (["--select", "dataset=mnist", "--objective", "auroc,stability"], "ask for --seeds 2"),
        (["--select", "dataset=mnist", "--objective", "time"], "begins with auroc"),
        (["--select", "dataset=mnist", "--objective", "auroc,time", "--together", "4"], "the objective time, .*out"),
        (["--select", "dataset=mnist", "--objective", "auroc,time", "--together", "auto"], "has the objective time"),
        (["--select", "dataset=mnist", "--objective", "auroc", "--together", "4"], "--trials is missing"),
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
    settings_of().save(StudyFolder(tmp_path))

    with pytest.raises(AgadError, match=r"searches lambda_adv=0.1:10:log, .*now it would be lambda_adv=0.5:10"):
        settings_of(ranges=("lambda_adv=0.5:10",)).save(StudyFolder(tmp_path))
    with pytest.raises(AgadError, match=r"is about other runs .*, with other values of updates: take"):
        settings_of(cells(updates=5)).save(StudyFolder(tmp_path))
    with pytest.raises(AgadError, match="the folder of study t holds study s, so it was copied or renamed"):
        replace(settings_of(), name="t").save(StudyFolder(tmp_path))
    assert settings_of(title="said otherwise").save(StudyFolder(tmp_path)) == settings_of()

    content = json_file.loads(StudyFolder(tmp_path).settings.read_bytes())
    StudyFolder(tmp_path).settings.write_text(json_file.dumps({**content, "study_version": 99}))
    with pytest.raises(StoreError, match="a study of schema 99, this agad has 1"):
        load_settings(StudyFolder(tmp_path))


def test_time_is_no_objective_of_runs_that_advance_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a study that goes on, nor where its workers are started by hand."""
    folder = ResultsFolder(tmp_path).study("s")
    settings = replace(settings_of(), objectives=("auroc", "time")).save(folder)
    plan, _ = make_plan(Grid("study-s", "", settings.specs, 1))
    path = replace(plan, study="s").save(tmp_path)  # as tune.py --no-launch leaves it
    of_results = ["--results", str(tmp_path), "--together", "2"]

    assert tune(["--study", "s", "--trials", "4", *of_results]) == 2
    assert "has the objective time" in one_line(capsys.readouterr().err)
    by_hand = launch_here("--plan", str(path), *of_results)
    assert by_hand.returncode == 2
    assert "has the objective time" in one_line(by_hand.stderr)

    replace(settings_of(), name="t").save(ResultsFolder(tmp_path).study("t"))
    ResultsFolder(tmp_path).study("t").settings.replace(folder.settings)  # which says nothing of this study
    by_hand = launch_here("--plan", str(path), *of_results)
    assert by_hand.returncode == 2
    assert "study.json is of study t, and not of s: it was copied over; put back that of s" in one_line(by_hand.stderr)


@pytest.mark.slow
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
