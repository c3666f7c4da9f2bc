"""Launches that make no run: what they end with, and a results folder that they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.plan.make import make_plan
from agad.store.folder import ResultsFolder
from agad.store.rows import ResultStore
from sweeps.cli import status
from sweeps.grids import load_grid
from tests.helpers.cli import launch_here
from tests.helpers.disk import forbid
from tests.helpers.rows import record

SELECT = ["--grid", "demo", "--select", "gamma=0", "--seeds", "1"]
SPECS = make_plan(load_grid("demo"), seeds=1, select=["gamma=0"])[0].specs


def fill(results: Path, *digests: str) -> None:
    """A row for each run of the plan, of data with these digests by turns."""
    for number, spec in enumerate(SPECS):
        ResultStore(results).commit(record(spec, data_digest=digests[number % len(digests)]))


@pytest.mark.slow
def test_a_complete_plan_has_its_table(tmp_path: Path) -> None:
    fill(tmp_path, "a" * 64)
    done = launch_here(*SELECT, "--results", str(tmp_path))
    assert (done.returncode, "The table is in" in done.stderr) == (0, True), done.stderr


def test_rows_of_different_data_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All runs are done, but for nothing; status says it as well, and both say what to do."""
    fill(tmp_path, "a" * 64, "b" * 64)
    done = launch_here(*SELECT, "--results", str(tmp_path))
    assert done.returncode == 1
    assert "error: no table: rows of different Digits (8x8) data cannot share a table" in done.stderr
    assert "in another --results folder" in done.stderr.splitlines()[-1]

    assert status.main([*SELECT, "--results", str(tmp_path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "rows of different digits data" in line]
    assert "aaaaaaaaaaaa (2 runs), bbbbbbbbbbbb (1 runs); make all runs of one data folder" in lines[0]


@pytest.mark.slow
def test_a_table_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    fill(tmp_path, "a" * 64)
    ResultsFolder(tmp_path).tables.write_text("a file in place of the folder")
    done = launch_here(*SELECT, "--results", str(tmp_path))
    assert done.returncode == 1
    assert f"no table: {ResultsFolder(tmp_path).tables}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["inbox", "base", "tables", "logs"])
def test_a_folder_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(monkeypatch, tmp_path / name)
    done = launch_here(*SELECT, "--results", str(tmp_path))
    assert done.returncode == 2
    assert f"nothing can be written into {tmp_path / name}: Permission denied; mend that" in done.stderr
    assert len(done.stderr.splitlines()) == 1
