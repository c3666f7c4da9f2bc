"""status.py: what is done, running, failed and missing, from the files alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.rows import ResultStore
from sweeps.cli.status import main
from sweeps.grids import load_grid
from sweeps.tuning.found.summary import summarise
from tests.helpers.rows import record
from tests.helpers.studies import Bench, settings_of

SELECT = ["--grid", "demo", "--select", "gamma=0", "--seeds", "3"]
SPECS = make_plan(load_grid("demo"), seeds=3, select=["gamma=0"])[0].specs


@pytest.fixture
def status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> object:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*SELECT, "--results", str(tmp_path), *arguments])
        return code, *capsys.readouterr()

    return call


def test_nothing_is_there_yet(status, tmp_path: Path) -> None:
    code, output, _ = status()

    assert code == 1
    assert "0 done, 0 failed, 0 running, 9 to do" in output
    assert "Digits (8x8)  γ 0   0:0/3 1:0/3 4:0/3" in output
    assert list(tmp_path.iterdir()) == [], "looking leaves no trace"


def test_done_running_and_failed(status, tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    board = ClaimBoard(tmp_path, Owner.this_process("w3"))
    store.commit(record(SPECS[0], train_seconds=60.0, eval_seconds=6.0))
    store.commit(record(SPECS[1], status="failed", failure_kind="nan"))
    claim = board.take(SPECS[2].run_id, 1)
    assert claim is not None
    claim.note(update=7, updates=16, saved=0)
    claim.beat()
    code, output, _ = status()

    assert code == 1
    assert "0:1/3 1:0/3 4:0/3" in output
    assert "1 done, 1 failed, 1 running, 6 to do, about 7 min 42 s with 1 workers left" in output
    assert "running: Digits (8x8) class 4 γ 0 naive seed 0, update 7/100 by w3" in output
    assert "failed (nan): 1" in output
    assert f"launch.py --results {tmp_path} --grid demo --seeds 3 --select gamma=0" in output.splitlines()[-1]


@pytest.mark.slow
def test_complete(status, tmp_path: Path) -> None:
    for spec in SPECS:
        ResultStore(tmp_path).commit(record(spec, train_seconds=1.0, eval_seconds=1.0))
    code, output, _ = status()

    assert code == 0
    assert "0:3/3 1:3/3 4:3/3" in output
    assert "Go on" not in output


@pytest.mark.slow
def test_only_failed_runs_are_left(status, tmp_path: Path) -> None:
    for spec in SPECS:
        ResultStore(tmp_path).commit(record(spec, status="failed", failure_kind="error"))
    code, output, _ = status()

    assert code == 1
    assert output.strip().endswith("--retry-failed")


def test_how_to_go_on_in_a_folder_whose_name_is_no_utf_8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / os.fsdecode(b"bad\xff")
    ResultStore(results).commit(record(SPECS[0]))
    main(["--results", str(results), "--plan", str(Plan("mine", (), (), tuple(SPECS), "code").save(results))])
    line = capsys.readouterr().out.rpartition("Go on with: ")[2]

    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout.split(
        b"\0"
    )
    assert words[words.index(b"--results") + 1] == os.fsencode(results)


def test_torn_files_are_named(status, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "ab.1.parquet").write_text("torn")

    assert "skipped" in status()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--select", "normal_class=9"], "matches no run"), (["--plan", "x.json"], "--plan says everything")],
)
def test_bad_input(status, arguments: list[str], message: str) -> None:
    code, output, error = status(*arguments)

    assert (code, output) == (2, "")
    assert message in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.slow
def test_runs_that_a_study_s_folder_has_lost_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its summary knows them; without them the study would look smaller, and complete."""
    bench = Bench(tmp_path, settings_of())
    bench.run(2, sampler="random")
    summarise(bench.optimiser, {}).save(bench.folder)
    arguments = ["--results", str(tmp_path), "--plan", str(bench.plan_path)]
    main(arguments)
    assert "lacks" not in capsys.readouterr().out

    next(bench.folder.trials.glob("000001-*")).unlink()
    main(arguments)
    assert f"{bench.folder.trials} lacks 1 runs of trials that the summary names" in capsys.readouterr().out


def test_of_several_plans_of_a_grid_the_one_launched_last_is_shown_and_said(tmp_path, capsys):
    """A grid's file was changed, launched, and changed back: the plan made last is not the one meant."""
    plans = [Plan("mine", (), (), (one,), "code") for one in SPECS[:2]]
    paths = [plan.save(tmp_path) for plan in plans]
    (tmp_path / "mine.py").write_text("@grid\ndef mine(): ...\n")
    for age, path in enumerate(paths):
        os.utime(path, (1000 + age, 1000 + age))
    plans[0].save(tmp_path)

    assert main(["--results", str(tmp_path), "--grid", str(tmp_path / "mine.py")]) == 1
    shown = capsys.readouterr()
    assert f"2 launched plans of mine fit; this is {paths[0].name}" in shown.err
    assert str(paths[0]) in shown.out
