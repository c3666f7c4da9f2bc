"""tune.py as users call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from sweeps.worker.growing import Feed
from tests.conftest import ROOT
from tests.helpers.cli import launch

TUNE = [sys.executable, str(ROOT / "sweeps" / "tune.py")]


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
    assert not Feed(ResultsFolder(tuned).study("digits")).is_open()


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
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    assert (done.returncode, done.stderr) == (0, "")
    assert "3 complete" in done.stdout


def test_planning_loads_no_optuna() -> None:
    code = (
        "import sys; import sweeps.cli.launch, sweeps.cli.status; assert not {'optuna', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
