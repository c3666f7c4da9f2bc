"""A grid of one's own, launched from outside the repository: every command knows it by its plan, without its file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agad.errors import SpecError
from agad.plan.plan import Plan, find_plan
from analysis.page import report
from analysis.tables import table as tables
from sweeps import grids
from sweeps.cli import status
from sweeps.grids import load_grid
from sweeps.tuning.cells import study_cells
from tests.conftest import ROOT
from tests.helpers.cli import launch, one_line

EXAMPLE = ROOT / "examples" / "own_grid.py"
ONE = ["--select", "backbone=naive", "--select", "gamma=0", "--select", "normal_class=0", "--seeds", "1"]
CHANGES = ["--set", "updates=2", "--set", "curve=1", "--set", "lambda_con=50,5"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two runs, one for each lambda_con; the grid's file is gone."""
    file = tmp_path_factory.mktemp("elsewhere") / "mine.py"
    shutil.copy(EXAMPLE, file)
    folder = tmp_path_factory.mktemp("results")
    done = launch("--grid", str(file), *ONE, *CHANGES, "--results", str(folder), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "| 5.0 " in done.stdout
    assert "- Complete: all 2 runs are ok" in done.stdout
    file.unlink()
    return folder


@pytest.mark.slow
def test_its_plan_names_the_function_and_the_product(results: Path) -> None:
    plan = Plan.load(find_plan(results))

    assert (plan.grid, plan.overrides) == ("backbones", ("updates=2", "curve=1", "lambda_con=50,5"))
    assert [spec.lambda_con for spec in plan.specs] == [50.0, 5.0]


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], [*ONE, *CHANGES]])
@pytest.mark.parametrize("grid", ["backbones", "gone.py:backbones"])
def test_status_finds_it_by_name(
    grid: str, options: list[str], results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.main(["--grid", grid, *options, "--results", str(results)]) == 0
    assert "2 done, 0 failed" in capsys.readouterr().out


@pytest.mark.slow
def test_status_takes_no_plan_with_other_changes_for_it(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status.main(["--grid", "backbones", "--set", "updates=3", "--results", str(results)]) == 2
    assert "or give a file of your own" in one_line(capsys.readouterr().err)


@pytest.mark.slow
def test_what_goes_on_with_it_names_its_plan(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = find_plan(results)
    (tmp_path / "plans").mkdir()
    shutil.copy(plan, tmp_path / "plans")

    assert status.main(["--grid", "backbones", "--results", str(tmp_path)]) == 1
    assert f"--plan {tmp_path / 'plans' / plan.name}" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.slow
def test_tables_and_report_find_it_by_name(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.main(["--results", str(results), "--grid", "backbones"]) == 0
    assert capsys.readouterr().out.startswith("# backbones (backbone=naive; gamma=0; normal_class=0; updates=2;")
    assert report.main(["--results", str(results), "--grid", "backbones", "--out", str(tmp_path)]) == 0


@pytest.mark.slow
def test_a_study_takes_its_cells_from_the_plan(results: Path) -> None:
    _, specs = study_cells(
        "backbones",
        results,
        seeds=1,
        select=["lambda_con=5"],
        overrides=["updates=3"],
        anomaly_classes=None,
        protocol="eval",
    )
    assert [(spec.normal_class, spec.lambda_con, spec.evaluate_test) for spec in specs] == [(0, 5.0, False)]


def test_a_grid_without_cells_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("from agad import grid\n\n\n@grid\ndef nothing():\n    return []\n")

    with pytest.raises(SpecError, match="grid nothing has no cell"):
        load_grid(str(tmp_path / "empty.py"))


def test_a_grid_of_one_s_own_is_not_called_like_one_of_agad_s(tmp_path: Path) -> None:
    """Its table would be headed as the paper's Table 2."""
    (tmp_path / "copy.py").write_text(MORE.format(name="table2"))

    with pytest.raises(SpecError, match=r"table2 is the name of one of agad's grids, .* another name"):
        load_grid(str(tmp_path / "copy.py"))


@pytest.mark.slow
def test_a_grid_that_is_nowhere_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"unknown grid 'backbones'; choose from: demo, .*; or give a file of your own"):
        load_grid("backbones")
    assert "there is no file /nowhere/mine.py" in one_line(
        launch("--grid", "/nowhere/mine.py", "--results", str(tmp_path)).stderr
    )


MORE = "from agad import RunSpec, grid\n\n@grid\ndef {name}():\n    return [RunSpec(dataset='digits', normal_class=7)]"


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files count as files of sweeps/grids/."""
    monkeypatch.setattr(grids, "__path__", [*grids.__path__, str(tmp_path)])
    grids._grids.cache_clear()
    yield tmp_path
    grids._grids.cache_clear()
    sys.modules.pop("sweeps.grids.zz_more", None)


def test_a_new_file_beside_the_others_is_a_new_grid(beside: Path) -> None:
    (beside / "zz_more.py").write_text(MORE.format(name="more"))

    assert grids.grid_names()[-1] == "more"
    assert [cell.normal_class for cell in load_grid("more").cells] == [7]


def test_two_grids_of_one_name_are_refused(beside: Path) -> None:
    (beside / "zz_more.py").write_text(MORE.format(name="table2"))

    with pytest.raises(SpecError, match=r"two grids are named table2: in sweeps/grids/zz_more\.py and in .*tables"):
        grids.grid_names()
