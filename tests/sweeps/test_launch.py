"""launch.py as users call it: processes, real training on the embedded digits, real kills."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.cli import options, status, tune
from tests.helpers.cli import (
    LAUNCH,
    LEAN,
    SMALL,
    children,
    claims,
    error_line,
    is_running,
    launch,
    launch_here,
    local_results,
    numbers,
    one_line,
    save_plan,
    start,
    wait_for,
)
from tests.helpers.holding import EVERY_UPDATE, HELD, checkpoints, hold, release, wait_until_held

pytestmark = pytest.mark.slow

FEW = ["--set", "updates=5", *LEAN]
TWO = [*SMALL, *FEW, *EVERY_UPDATE, "--workers", "2"]
"""Two runs of a moment, with a checkpoint after each update, at which a test can hold them."""
AGAIN = [*TWO, "--workers", "1"]
"""The same, where one worker will do: each costs an import of torch."""
ONE = [*SMALL, "--select", "normal_class=0", "--set", "updates=2", *LEAN, "--workers", "1"]
"""One run of a moment."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of TWO, undisturbed."""
    return local_results(tmp_path_factory.mktemp("uninterrupted"), *TWO)


def test_a_grid_becomes_rows_and_a_table(uninterrupted: Path) -> None:
    rows = ResultStore(uninterrupted).read().to_pylist()

    assert [(row["status"], row["attempt"]) for row in rows] == [("ok", 1)] * 2
    assert {row["normal_class"] for row in rows} == {0, 1}
    assert all(0 <= row["auroc"] <= 1 and row["threads"] == 1 for row in rows)
    (table,) = (uninterrupted / "tables").iterdir()
    assert "updates=5" in table.read_text()


def test_a_finished_sweep_leaves_nothing_behind_per_run(uninterrupted: Path) -> None:
    left = {path.relative_to(uninterrupted).parts[0] for path in uninterrupted.rglob("*") if path.is_file()}

    assert left == {"base", "digests", "logs", "plans", "tables"}
    (shared,) = (uninterrupted / "logs").glob("*/*")
    assert shared.name.startswith("options-"), "both workers have read the same file"


def test_weights_asked_for_too_late_are_said_to_be_missing(uninterrupted: Path) -> None:
    done = launch_here(*TWO, "--results", str(uninterrupted), "--keep-weights")
    assert done.returncode == 0
    assert f"2 finished runs have no weights in {uninterrupted / 'weights'}" in done.stderr


def test_launched_again_when_all_is_done_it_prints_the_table_and_trains_nothing(uninterrupted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (uninterrupted / "base").iterdir()}
    done = launch(*TWO, "--results", str(uninterrupted))

    assert done.returncode == 0
    assert "Digits" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in (uninterrupted / "base").iterdir()} == before


def test_a_plan_file_means_the_same_plan(uninterrupted: Path) -> None:
    (plan,) = (uninterrupted / "plans").iterdir()
    done = launch_here("--plan", str(plan), "--results", str(uninterrupted))

    assert (done.returncode, "Digits" in done.stdout) == (0, True)


def owner_of_a_checkpoint(results: Path) -> int:
    """The pid of the worker that wrote one."""
    run_id = checkpoints(results)[0].name.partition(".")[0]
    record = ClaimBoard(results, Owner.this_process("observer")).read(run_id, 1)
    assert record is not None
    return record.owner.pid


def test_a_killed_workers_run_is_taken_over_and_gives_the_same_bits(tmp_path: Path, uninterrupted: Path) -> None:
    hold(tmp_path)
    launcher = start(*TWO, "--results", str(tmp_path), **HELD)
    wait_until_held(tmp_path, 2, launcher)
    os.kill(owner_of_a_checkpoint(tmp_path), signal.SIGKILL)
    release(tmp_path)
    _, messages = launcher.communicate(timeout=600)

    assert launcher.returncode == 0, messages
    assert "was killed by signal 9; its run will be taken over" in messages
    assert numbers(tmp_path) == numbers(uninterrupted)
    attempts = ResultStore(tmp_path).read(["attempt", "resumes"]).to_pylist()
    assert {"attempt": 2, "resumes": 1} in attempts


def test_all_killed_at_once_goes_on_at_the_next_launch(tmp_path: Path, uninterrupted: Path) -> None:
    hold(tmp_path)
    launcher = start(*TWO, "--results", str(tmp_path), **HELD)
    wait_until_held(tmp_path, 2, launcher)
    workers = children(launcher.pid)
    os.kill(launcher.pid, signal.SIGSTOP)  # so that it replaces no worker
    for pid in [*workers, launcher.pid]:
        os.kill(pid, signal.SIGKILL)
    launcher.communicate()
    release(tmp_path)
    done = launch_here(*AGAIN, "--results", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert ResultStore(tmp_path).read_tries().num_rows == 2


def test_workers_end_when_their_launcher_is_killed(tmp_path: Path) -> None:
    long = [word.replace("updates=5", "updates=50000") for word in TWO]
    launcher = start(*long, "--results", str(tmp_path))
    wait_for(lambda: len(checkpoints(tmp_path)) == 2)
    workers = children(launcher.pid)
    assert len(workers) == 2
    launcher.kill()
    launcher.communicate()

    wait_for(lambda: not any(map(is_running, workers)))
    assert all(claim.released for claim in claims(tmp_path))


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path, uninterrupted: Path) -> None:
    hold(tmp_path)
    launcher = start(*TWO, "--results", str(tmp_path), **HELD)
    wait_until_held(tmp_path, 2, launcher)
    os.kill(launcher.pid, signal.SIGINT)
    _, messages = launcher.communicate(timeout=600)
    release(tmp_path)

    assert launcher.returncode == 1
    assert "Go on with:" in messages
    assert "Traceback" not in messages
    assert "launch.py --grid demo" in messages.strip().splitlines()[-1]
    assert all(claim.released for claim in claims(tmp_path))
    assert checkpoints(tmp_path)

    done = launch_here(*AGAIN, "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path) == numbers(uninterrupted)


def test_two_launches_at_once_share_the_work(tmp_path: Path, uninterrupted: Path) -> None:
    one, other = (start(*AGAIN, "--results", str(tmp_path)) for _ in range(2))
    outputs = [launcher.communicate(timeout=600) for launcher in (one, other)]

    assert (one.returncode, other.returncode) == (0, 0), outputs
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert ResultStore(tmp_path).read_tries().num_rows == 2


def test_a_non_finite_loss_is_a_failed_row_and_the_sweep_goes_on(tmp_path: Path) -> None:
    """A learning rate at which the naive generator overflows."""
    options = [*SMALL, "--results", str(tmp_path), "--set", "updates=8", *LEAN, "--set", "lr=1e38", "--workers", "1"]
    done = launch(*options)

    assert done.returncode == 1
    assert "2 runs failed" in done.stderr
    assert "class 1 γ 0 naive seed 0: nan: NonFiniteLoss: " in done.stderr
    columns = ["status", "failure_kind", "failure_update", "failure_message", "log"]
    rows = ResultStore(tmp_path).read(columns).to_pylist()
    assert [row["failure_kind"] for row in rows] == ["nan", "nan"]
    assert all(row["failure_update"] >= 1 for row in rows)
    assert all("non-finite at update" in Path(row["log"]).read_text() for row in rows)

    again = launch_here(*options)
    assert (again.returncode, ResultStore(tmp_path).read_tries().num_rows) == (1, 2), "nan is never tried again"
    launch_here(*options, "--retry-failed")
    assert ResultStore(tmp_path).read_tries().num_rows == 4


def test_dry_run_says_what_would_be_run_and_touches_nothing(tmp_path: Path) -> None:
    done = launch_here("--grid", "table2", "--dry-run", "--results", str(tmp_path / "new"))

    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "table2: 450 runs, 0 done, 0 failed, 450 to do"
    assert "backbone: naive, unetpp" in done.stdout
    assert not (tmp_path / "new").exists()


def test_dry_run_forecasts_from_finished_runs(uninterrupted: Path) -> None:
    done = launch_here(*TWO, "--set", "seed=7", "--dry-run", "--results", str(uninterrupted))

    assert "2 runs, 0 done" in done.stdout
    done = launch_here("--grid", "demo", *FEW, "--dry-run", "--results", str(uninterrupted))
    assert "12 runs, 2 done, 0 failed, 10 to do" in done.stdout
    assert "from 2 finished runs" in done.stdout


def test_list_grids() -> None:
    done = launch("--list-grids")

    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[0] == "demo"
    assert {"fig2", "fig3", "table2", "floor", "rivals_semi"} <= {*names}


def test_prepare_data_prepares_and_stops(tmp_path: Path) -> None:
    done = launch(*SMALL, "--prepare-data", "--results", str(tmp_path / "r"), "--cache", str(tmp_path / "cache"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("digits 16x16: 1442 training and 355 test images")
    assert list((tmp_path / "cache").iterdir())
    assert not (tmp_path / "r" / "inbox").exists()


BAD = [
    (["--grid", "tabel2"], "unknown grid 'tabel2'; did you mean table2"),
    (["--grid", "nonsense"], "unknown grid 'nonsense'; choose from: demo, "),
    ([], "--grid is missing; choose from: demo"),
    (["--grid", "demo", "--set", "epochs=3"], "unknown field 'epochs'; the fields are: dataset,"),
    (["--grid", "demo", "--set", "backbone=vgg"], "choose from: naive, unet, unetpp"),
    (["--grid", "demo", "--set", "gamma=1.5"], "gamma=1.5 is outside [0, 1)"),
    (["--grid", "demo", "--set", "gamma=.95"], "anomalies"),
    (["--grid", "demo", "--set", "normal_class=10"], "the classes are 0..9"),
    (["--grid", "demo", "--select", "normal_class=7"], "matches no run; normal_class is one of: 0, 1, 4"),
    (["--grid", "demo", "--set", "seed=99999999999999999999"], "is too large"),
    (["--grid", "demo", "--workers", "none"], "--help lists the options"),
    (["--grid", "demo", "--lease", "0"], "no number of seconds of 1 or more"),
    (["--grid", "demo", "--plan", "x.json"], "--plan says everything"),
    (["--plan", "/nowhere/x.json"], "/nowhere/x.json: there is no such plan file"),
    (["--grid", "demo", "--device", "cuda"], "no CUDA device is visible here"),
    (["--grid", "table2", "--data", "/nowhere", "--select", "dataset=mnist"], "--prepare-data"),
    (["--grid", "demo", "--set", "dataset=npz:mine", "--data", "/nowhere"], "mine.npz"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments[-2:]) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_status_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = launch_here("--results", str(tmp_path / "r"), *arguments)

    said = re.sub(r"^.*; checking the data of .*\.\.\.\n", "", done.stderr)
    assert done.returncode == 2
    assert message in one_line(said)
    assert not (tmp_path / "r" / "inbox").exists()


def test_bad_input_is_the_status_of_the_process_too(tmp_path: Path) -> None:
    done = launch("--results", str(tmp_path / "r"), "--grid", "tabel2")

    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown grid 'tabel2'" in one_line(done.stderr)


def test_a_results_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = launch_here(*SMALL, "--results", str(tmp_path / "file"))

    assert done.returncode == 2
    assert "is not writable" in one_line(done.stderr)


def test_truncated_data_are_one_line(tmp_path: Path) -> None:
    """After the one that says at once what is being done."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\0\0\x08\x03\0\0\xea\x60")
    select = ["--select", "dataset=mnist", "--select", "normal_class=0", "--select", "gamma=0"]
    done = launch_here("--grid", "table2", *select, "--data", str(tmp_path / "data"), "--results", str(tmp_path / "r"))

    assert done.returncode == 2
    assert "ubyte" in error_line(done.stderr)
    first, _ = done.stderr.splitlines()
    assert first.endswith(f" runs of table2 in {tmp_path / 'r'}; checking the data of mnist ...")


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 600 KiB, for real."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    return folder


def test_a_full_disk_is_one_line_and_goes_on_when_there_is_room(small_disk: Path, uninterrupted: Path) -> None:
    """The checkpoints do not fit."""
    try:
        done = launch(*AGAIN, "--results", str(small_disk))
        assert done.returncode == 1
        errors = [line for line in done.stderr.splitlines() if line.startswith("launch.py: error: ")]
        assert "No space left on device" in one_line("\n".join(errors))
        assert "Traceback" not in done.stderr
        assert ResultStore(small_disk).read().num_rows == 0, "no row for a fault of the environment"
        subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
        assert launch_here(*AGAIN, "--results", str(small_disk)).returncode == 0
        assert numbers(small_disk) == numbers(uninterrupted)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_changed_code_is_refused_once_there_are_rows(tmp_path: Path) -> None:
    """Rows of two codes would be mixed silently."""
    options = [*ONE, "--results", str(tmp_path)]
    plan = Plan.load(save_plan(tmp_path, *options))
    dataclasses.replace(plan, code="0123456789abcdef").save(tmp_path, replace=True)
    ResultStore(tmp_path).commit(RunRecord(spec=plan.specs[0], attempt=1, status="pruned"))

    done = launch_here(*options)
    assert done.returncode == 2
    assert "--allow-code-change" in one_line(done.stderr)
    assert launch_here(*options, "--allow-code-change").returncode == 0


def test_a_plan_without_rows_takes_todays_code(tmp_path: Path) -> None:
    """Data prepared on Monday, agad updated on Tuesday: nothing can be mixed yet."""
    options = [*ONE, "--results", str(tmp_path)]
    dataclasses.replace(Plan.load(save_plan(tmp_path, *options)), code="0123456789abcdef").save(tmp_path, replace=True)

    assert launch_here(*options).returncode == 0


def test_a_run_of_a_host_that_is_gone_is_taken_over_after_the_lease(tmp_path: Path) -> None:
    """Nobody can see whether a process of another host lives: its silence has to last for a lease."""
    options = [*ONE, "--results", str(tmp_path), "--lease", "2"]
    path = save_plan(tmp_path, *options)
    elsewhere = dataclasses.replace(Owner.this_process("gone"), host="another-host")
    for spec in Plan.load(path).specs:
        assert ClaimBoard(tmp_path, elsewhere).take(spec.run_id, 1)

    done = launch_here(*options)
    assert done.returncode == 0, done.stderr
    assert ResultStore(tmp_path).read(["attempt"])["attempt"].to_pylist() == [2]


def test_options_are_a_closed_surface() -> None:
    """Knobs of a run are fields of RunSpec, set by --set; a new option is added here on purpose."""
    done = subprocess.run([*LAUNCH, "--help"], capture_output=True, text=True, check=True)
    options = {word.strip(",[]") for word in done.stdout.split() if word.startswith(("--", "[--"))}

    assert options - {"--"} >= OPTIONS
    assert {option for option in options if option.islower()} - OPTIONS == set()


@pytest.mark.parametrize("build", [options.build_parser, status.build_parser, tune.build_parser])
def test_every_option_has_a_help_text(build: Callable[[], argparse.ArgumentParser]) -> None:
    assert [action.dest for action in build()._actions if not action.help] == []


@pytest.mark.parametrize(
    "twice",
    [
        ("--set-from-study", "s:1", "--set-from-study", "s:2"),
        ("--seeds", "1", "--seeds", "2"),
        ("--grid", "full"),
        ("--plan", "a.json", "--plan", "a.json"),
        ("--results", "elsewhere"),
    ],
    ids=lambda twice: twice[0],
)
def test_what_says_which_runs_is_refused_twice(twice: tuple[str, ...], tmp_path: Path) -> None:
    """The last one had won: the other's runs were missing without a word."""
    done = launch_here("--grid", "demo", "--results", str(tmp_path / "new"), *twice)

    assert done.returncode == 2
    assert f"{twice[0]} is given twice" in one_line(done.stderr)
    assert not (tmp_path / "new").exists()


def test_several_runs_together_on_the_cpu_are_refused(tmp_path: Path) -> None:
    done = launch_here("--grid", "demo", "--results", str(tmp_path), "--device", "cpu", "--together", "2")

    assert done.returncode == 2
    assert "start more processes by --workers" in one_line(done.stderr)


@pytest.mark.parametrize("threads", ["0", "999999", "two"])
def test_a_number_of_threads_that_no_machine_has_is_refused(threads: str, tmp_path: Path) -> None:
    """Workers died of it one after another, for minutes."""
    done = launch_here("--grid", "demo", "--results", str(tmp_path), "--threads", threads)

    assert done.returncode == 2
    assert f"'{threads}' is no number of threads: give 1 to 1024" in one_line(done.stderr)


OPTIONS = {
    "--grid", "--plan", "--list-grids", "--seeds", "--select", "--set", "--retry-failed", "--dry-run",
    "--prepare-data", "--results", "--data", "--cache", "--executor", "--workers", "--threads", "--together",
    "--device", "--eager", "--checkpoint-every", "--lease", "--keep-weights", "--allow-code-change", "--help",
    "--address", "--resources", "--tensorboard", "--dashboard-host", "--scheduler", "--metric", "--grace",
    "--deadline", "--slurm", "--slurm-at-once", "--slurm-setup", "--wait", "--set-from-study",
}  # fmt: skip
