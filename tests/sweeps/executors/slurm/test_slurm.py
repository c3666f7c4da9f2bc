"""What agad says to Slurm and makes of its answers, without a Slurm: its commands are stand-ins on the path."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.errors import AgadError, DeviceError
from agad.plan.make import make_plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.cli.main import main as agad_command
from sweeps.cli.options import build_parser, read_shared_options, worker_options
from sweeps.cli.retrying import runs_to_retry
from sweeps.executors.slurm import executor, queue
from sweeps.executors.slurm.commands import SlurmError, call, complaint
from sweeps.executors.slurm.job import Job, parse_time_left
from sweeps.executors.slurm.ledger import Ledger, Submission, job_name
from sweeps.executors.slurm.options import ARRAY_SCRIPT, _parse, array_defaults
from sweeps.executors.slurm.queue import slurm_lines
from sweeps.executors.slurm.sbatch import job_ids
from sweeps.executors.slurm.task import MARGIN, REQUEUES_WITHOUT_PROGRESS, Task, margin, progress
from sweeps.grids import load_grid
from sweeps.worker.picking import Picker
from sweeps.worker.retry import RetryPolicy
from sweeps.worker.stopping import Stopping
from tests.conftest import ROOT
from tests.helpers.cli import error_line, launch, launch_here, one_line

JOB = Job("12_3", "12", 0, None)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a stand-in for a command on the path; it writes its arguments, one a line, to the file that is returned."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name: str, script: str = "") -> Path:
        log = tmp_path / f"{name}.log"
        path = folder / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >> {shlex.quote(str(log))}\n{script}\n')
        path.chmod(0o755)
        return log

    for name in ("squeue", "scontrol", "sbatch", "srun", "scancel"):
        make(name, f"echo '{name}: error: no such thing' >&2; exit 1")
    return make


def a_picker(results: Path) -> Picker:
    plan, _ = make_plan(load_grid("demo"), seeds=1)
    return Picker(plan, ResultStore(results), ClaimBoard(results, Owner.this_process("me")), RetryPolicy())


# -- the job ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:05\n", 5), ("59:59", 3599), ("1:00:00", 3600), ("2-03:04:05", 2 * 86400 + 3 * 3600 + 4 * 60 + 5),
        ("UNLIMITED", None), ("NOT_SET", None), ("INVALID", None), ("", None), ("5", None),
    ],
)  # fmt: skip
def test_time_left_as_slurm_writes_it(text: str, seconds: float | None) -> None:
    assert parse_time_left(text) == seconds


def test_a_task_is_named_by_its_array_for_the_last_one_has_the_arrays_own_id() -> None:
    last = {"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "7", "SLURM_RESTART_COUNT": "2"}

    assert Job.here({**last, "SLURM_JOB_NAME": "x", "SLURM_JOB_GPUS": "0"}) == Job("12_7", "12", 2, None, "x", True)
    assert Job.here({"SLURM_JOB_ID": "40", "SLURM_JOB_END_TIME": "1700000000"}) == Job("40", "40", 0, 1700000000.0)
    assert Job.here({}) is None


def test_the_end_comes_from_the_environment_else_from_squeue_else_it_is_not_known(command: Callable[..., Path]) -> None:
    assert Job("1", "1", 0, time.time() + 100).seconds_left() == pytest.approx(100, abs=2)
    assert JOB.seconds_left() is None
    asked = command("squeue", "echo 1:30")
    assert JOB.seconds_left() == 90
    assert "12_3" in asked.read_text().splitlines()


def test_the_margin_is_three_minutes_and_less_where_the_limit_is_short() -> None:
    assert margin(86400) == MARGIN
    assert 10 <= margin(120) < 30
    assert margin(1) == 10


# -- commands -----------------------------------------------------------------------------------------------------


def test_a_complaint_is_slurms_own_first_error() -> None:
    text = (
        "sbatch: hint\nsbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed\n"
    )

    assert complaint(text) == "sbatch: error: invalid partition specified: nope"
    assert complaint("") == ""


def test_what_slurm_refuses_and_what_is_not_there_is_one_line(command: Callable[..., Path]) -> None:
    with pytest.raises(SlurmError, match="squeue: error: no such thing"):
        call(["squeue"])
    with pytest.raises(SlurmError, match="not on the path"):
        call(["squeue-of-nowhere"])
    command("squeue", "exec sleep 30")
    with pytest.raises(SlurmError, match="did not answer"):
        call(["squeue"], timeout=0.2)


# -- options ------------------------------------------------------------------------------------------------------


def test_both_ways_ask_for_the_same() -> None:
    asked = array_defaults(ARRAY_SCRIPT.read_text().splitlines())

    assert asked == {"time": "04:00:00", "gres": "gpu:1", "cpus-per-task": "4", "mem": "16G"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("array=0-3", "--workers"), ("nodes=2", "--workers"), ("ntasks=2", "--workers"), ("job_name=x", "its job"),
        ("output=x", "one folder per sweep"), ("=x", "KEY=VALUE"), ("par tition=x", "KEY=VALUE"),
        ("comment=a\nb", "control character"), ("signal=B:USR1@60", "180 s"), ("no-requeue", "time limit"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_sbatch_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    done = launch("--grid", "demo", "--executor", "slurm", "--slurm", text, "--results", str(tmp_path))

    assert done.returncode == 2
    assert words in one_line(done.stderr)


def test_a_task_and_its_workers_read_the_file_of_the_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the data are, the node says: nothing else of it is decided there, so the file stays the same."""
    monkeypatch.delenv("AGAD_DATA", raising=False)
    monkeypatch.setenv("AGAD_CACHE", "/login/cache")
    parser, plan = build_parser(), tmp_path / "plans" / "p.json"
    given = parser.parse_args(["--executor", "slurm", "--results", str(tmp_path), "--threads", "2", "--lease", "60"])
    shared = worker_options(given, plan, executor="local", retry={"0123": 1})
    path = shared.save(tmp_path)
    assert (shared.data, shared.cache, shared.threads) == (None, "/login/cache", 2)

    monkeypatch.setenv("AGAD_DATA", "/node/data")
    task = parser.parse_args(["--slurm-task", "--options", str(path), "--device", "cpu"])
    read_shared_options(task)
    assert (task.plan, task.results, task.lease) == (plan, tmp_path, 60)
    own = worker_options(task, task.plan, executor="local", device="cuda", retry=runs_to_retry(task, None))
    assert own.path(tmp_path) == path
    assert (own.data_folder, own.device, own.retry) == ("/node/data", "cuda", {"0123": 1})


@pytest.mark.slow
def test_a_set_up_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    setup = ["--slurm-setup", str(tmp_path / "none.sh")]
    done = launch("--grid", "demo", "--executor", "slurm", *setup, "--results", str(tmp_path))

    assert done.returncode == 2
    assert "set-up file" in one_line(done.stderr)


@pytest.mark.slow
def test_a_task_outside_of_slurm_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    done = launch("--grid", "demo", "--slurm-task", "--results", str(tmp_path))

    assert done.returncode == 2
    assert "SLURM_JOB_ID" in one_line(done.stderr)


@pytest.mark.slow
def test_a_machine_without_slurm_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = launch("--grid", "demo", "--executor", "slurm", "--results", str(tmp_path))

    assert done.returncode == 2
    assert "--executor local" in error_line(done.stderr)


@pytest.mark.slow
def test_nothing_reaches_a_shell_unquoted(command: Callable[..., Path], tmp_path: Path) -> None:
    """The script that submitit would hand over, run by bash with a stand-in for srun: words arrive as they were."""
    command("scontrol", "echo 'MaxArraySize = 1001'")
    command("sbatch", f"cp ${{!#}} {shlex.quote(str(tmp_path))}/script.sh; echo fine")
    words = command("srun")
    odd = tmp_path / "a b $(touch pwned) ; 'q'"
    setup = tmp_path / "set up; touch pwned.sh"
    setup.write_text("export SEEN_BY_SRUN=yes\n")
    done = launch(
        "--grid", "demo", "--executor", "slurm", "--results", str(odd), "--dry-run", "--slurm-setup", str(setup),
        "--slurm", "comment=$(touch pwned) `touch pwned`",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    ran = subprocess.run(["bash", str(tmp_path / "script.sh")], cwd=tmp_path, check=False, capture_output=True)

    assert ran.returncode == 0, ran.stderr
    assert any(word.startswith(f"{odd}/slurm/") for word in words.read_text().splitlines())
    asked = [text for text in (tmp_path / "script.sh").read_text().splitlines() if text.startswith("#SBATCH")]
    assert [text.partition("=")[0].removeprefix("#SBATCH --") for text in asked] == [
        "array", "comment", "cpus-per-task", "gres", "job-name", "mem", "nodes", "open-mode", "output", "requeue",
        "signal", "time",
    ]  # fmt: skip
    assert asked[1] == "#SBATCH --comment='$(touch pwned) `touch pwned`'"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.slow
def test_a_dry_run_says_it_when_slurm_would_refuse(command: Callable[..., Path], tmp_path: Path) -> None:
    command("scontrol", "echo 'MaxArraySize = 5'")
    command("sbatch", "echo 'sbatch: error: invalid partition specified: nope' >&2; exit 1")
    done = launch("--grid", "demo", "--executor", "slurm", "--results", str(tmp_path / "r"), "--dry-run")

    assert done.returncode == 2
    assert "invalid partition specified: nope" in one_line(done.stderr)
    assert "8 tasks in 2 arrays of at most 5" in done.stdout
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["a\nb", "100%a", "back\\slash", "tab\there", "bell\a"])
def test_a_results_folder_that_slurm_would_read_otherwise_is_one_line(
    name: str, command: Callable[..., Path], tmp_path: Path
) -> None:
    """Nothing of it reaches the script or Slurm's patterns: sbatch is not called."""
    asked = command("sbatch")
    done = launch_here("--grid", "demo", "--executor", "slurm", "--results", str(tmp_path / name), "--dry-run")

    assert done.returncode == 2
    assert "choose another folder" in one_line(done.stderr)
    assert not asked.exists()


@pytest.mark.slow
@given(comment=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20), grid=st.text())
def test_no_value_makes_a_line_of_the_script(comment: str, grid: str) -> None:
    """Whatever an option's value and a grid's name are, they are refused, or the script has the lines that it had."""
    name = job_name(grid)
    assert re.fullmatch(r"agad-[A-Za-z0-9_.-]{0,60}", name)
    assert len(_script_lines({}, "agad-x")) + 1 == len(_script_lines({"comment": comment or "-"}, name))


def _script_lines(options: dict[str, str], name: str) -> list[str]:
    pytest.importorskip("submitit")
    from submitit.slurm.slurm import _make_sbatch_string

    text = _make_sbatch_string("true", "/results", job_name=name, additional_parameters=options)
    return text.splitlines()


@given(st.text())
def test_an_option_with_a_control_character_is_refused(value: str) -> None:
    """Whatever would end a line, for Python's or Slurm's reader, is an error of one line."""
    if value.isprintable():
        assert _parse(f"comment={value}") == ("comment", value)
    else:
        with pytest.raises(AgadError, match="control character") as raised:
            _parse(f"comment={value}")
        one_line(str(raised.value))


@pytest.mark.slow
@given(noise=st.lists(st.text(st.characters(categories=["L", "N", "P", "Zs"]))), job=st.integers(1, 10**8))
def test_a_jobs_id_is_read_from_lines_of_sbatchs_own_form_only(noise: list[str], job: int) -> None:
    """Sites print lines around the answer, with numbers and the word job in them."""
    others = [line for line in noise if not re.fullmatch(r"[0-9]+(;.*)?", line.strip())]
    for line in (f"{job}", f"{job};cluster", f"Submitted batch job {job}", f"Submitted batch job {job} on cluster c"):
        answer = "\n".join(["Note: job 24 hours limit", *others, line, *others, "job 25 hours"])
        assert job_ids(answer) == {str(job)}


# -- array.sh -----------------------------------------------------------------------------------------------------


def array(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as Slurm runs it: a copy, elsewhere."""
    return subprocess.run(
        ["bash", "-s", "--", *arguments],
        input=ARRAY_SCRIPT.read_text(),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], "SLURM_SUBMIT_DIR": str(folder), "AGAD_PYTHON": "echo", **environment},
    )


def test_array_sh_hands_words_on_as_they_are(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    said = array("--plan", "x y.json", "--results", "$(touch pwned)", AGAD_PYTHON=str(program)).stdout.splitlines()
    assert said[-4:] == ["--plan", "x y.json", "--results", "$(touch pwned)"]


def test_array_sh_runs_table2_by_default_and_else_what_it_is_given() -> None:
    program = str(ROOT / "sweeps" / "launch.py")
    task = [program, "--executor", "local", "--slurm-task"]

    assert array().stdout.split() == [*task, "--grid", "table2"]
    assert array("--workers", "2").stdout.split() == [*task, "--grid", "table2", "--workers", "2"]
    assert array("--grid", "full").stdout.split() == [*task, "--grid", "full"]


def test_array_sh_outside_of_a_repository_runs_the_installed_agad(tmp_path: Path) -> None:
    words = ["launch", "--executor", "local", "--slurm-task", "--grid", "full"]
    named = array("--grid", "full", folder=tmp_path)
    assert named.stdout.split() == ["-m", "agad.sweeps.cli.main", *words]

    for folder in (tmp_path / "bin", tmp_path / ".venv" / "bin"):
        folder.mkdir(parents=True)
        (folder / "agad").write_text(f'#!/bin/bash\necho {folder} "$@"\n')
        (folder / "agad").chmod(0o755)
        found = array("--grid", "full", folder=tmp_path, PATH=f"{tmp_path}/bin:/usr/bin:/bin", AGAD_PYTHON="")
        assert found.stdout.split() == [str(folder), *words], found.stderr


def test_array_sh_without_any_agad_is_one_line(tmp_path: Path) -> None:
    lost = array(folder=tmp_path, PATH="/usr/bin:/bin", AGAD_PYTHON="")
    assert lost.returncode == 2
    assert "top folder" in one_line(lost.stderr)


def test_the_script_of_an_installed_agad_needs_no_folder_for_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert agad_command(["slurm-script"]) == 0
    (output,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith("#SBATCH --output="))
    assert output == "#SBATCH --output=%x-%A_%a.out"


def test_array_sh_runs_the_set_up_lines_first(tmp_path: Path) -> None:
    setup = tmp_path / "set up.sh"
    setup.write_text("false\necho $UNSET\nmkdir -p $HOME; echo ready $#\nset -- clobbered\n")

    done = array("--grid", "full", AGAD_SLURM_SETUP=str(setup), HOME=str(tmp_path / "h"))
    assert done.stdout.split()[:2] == ["ready", "0"]
    assert done.stdout.split()[-2:] == ["--grid", "full"]
    missing = array(AGAD_SLURM_SETUP=str(tmp_path / "none"))
    assert missing.returncode == 2
    assert "no such file" in one_line(missing.stderr)


# -- the queue ----------------------------------------------------------------------------------------------------


def line(array: str, task: str, name: str, *others: str) -> str:
    """A task's line of squeue, which counts bytes where it pads."""
    values = (array, task, *others, name)
    return "".join(value.ljust(width) for value, (_, width) in zip(values, queue._FIELDS, strict=True))


def test_status_shows_the_queue_by_one_squeue_in_half_a_minute(command: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    assert list(slurm_lines(folder)) == []
    Ledger(folder).write(Submission("agad-demo-1", 3, ("python",), "12"))
    answer = "\n".join(
        [
            line("12", "0", "agad-demo-1", "RUNNING", "None", "node7", "2"),
            line("12", "1", "agad-demo-1", "PENDING", "Resources", "", "0"),
            line("12", "2", "agad-demo-1", "PENDING", "BeginTime", "", "1"),
            line("99", "N/A", "other", "RUNNING", "None", "node7", "0"),
        ]
    )
    (tmp_path / "answer").write_text(answer + "\n")
    calls = command("squeue", f"cat {tmp_path}/answer")

    for _ in range(2):
        lines = list(slurm_lines(folder))
        assert "1 task running on node7 (job 12, requeued 2 times)" in lines
        assert "1 task pending (Resources; job 12)" in lines
        assert "1 task requeued, pending (BeginTime; job 12)" in lines
        assert len(lines) == 3
    assert calls.read_text().splitlines().count("--me") == 1


def test_status_works_where_slurm_does_not_answer(command: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "job-12").touch()
    calls = command("squeue", "echo 'squeue: error: no such thing' >&2; exit 1")

    for _ in range(2):
        assert list(slurm_lines(tmp_path)) == ["queue not read: squeue: error: no such thing"]
    assert calls.read_text().splitlines().count("--me") == 1


def test_one_launch_at_a_time_and_a_dead_ones_lock_is_no_obstacle(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.locked():
        board = ClaimBoard(tmp_path, Owner.this_process("other"))
        (last,) = board.generations()["0"]
        assert board.is_held("0", last)
    with ledger.locked():
        pass
    assert len(list((tmp_path / "claims").iterdir())) == 1


# -- the task -----------------------------------------------------------------------------------------------------


def a_task(folder: Path, deadline: float | None = 86400, job: Job = JOB) -> Task:
    task = Task(job)
    task.begin(folder, deadline)
    return task


def test_near_its_end_a_task_stops(command: Callable[..., Path], tmp_path: Path) -> None:
    assert not a_task(tmp_path, 11.5).stopping.is_set()
    assert a_task(tmp_path, 9).stopping.is_set()
    assert not a_task(tmp_path, None).stopping.is_set()  # nothing tells when it ends
    command("squeue", "echo 0:05")
    assert a_task(tmp_path, None).stopping.is_set()
    assert Ledger(tmp_path).jobs() == {"12": ""}


def test_a_warning_in_a_job_that_is_shorter_than_its_lead_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = a_task(tmp_path, 120)
    task.warned(signal.SIGUSR1, None)
    assert not task.stopping.is_set()
    monkeypatch.setattr("sweeps.executors.slurm.task._BEGINNING", 0.0)
    assert not task.stopping.is_set()
    task.warned(signal.SIGUSR2, None)
    assert task.stopping.is_set()
    assert task.stopping.reason == "it got SIGUSR2"


def test_a_warning_counts_from_the_start_where_the_end_is_not_known(
    command: Callable[..., Path], tmp_path: Path
) -> None:
    task = a_task(tmp_path, None)
    task.warned(signal.SIGUSR1, None)
    assert task.stopping.is_set()


def test_a_node_whose_gpus_do_not_work_takes_no_runs(tmp_path: Path) -> None:
    with_gpus = Task(Job("1", "1", 0, None, has_gpus=True))
    with pytest.raises(DeviceError, match="--device cpu"):
        with_gpus.check_gpus([])
    with_gpus.check_gpus(["0"])
    Task(JOB).check_gpus([])


def stopped(folder: Path) -> Task:
    task = a_task(folder)
    task.stopping.stop("its deadline is near")
    return task


def test_requeues_are_capped_only_where_nothing_is_kept(
    command: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").mkdir()  # a launch has made it
    requeued = command("scontrol")
    picker = a_picker(tmp_path / "results")
    board, specs = picker.board, picker.plan.specs

    for saved in range(1, 6):  # each incarnation keeps a little more: an epoch that is longer than the time limit
        claim = board.take(specs[0].run_id, saved)
        assert claim is not None
        claim.note(update=saved, updates=9, saved=saved)
        claim.release()
        stopped(tmp_path).requeue(picker)
    assert requeued.read_text().splitlines() == ["requeue", "12_3"] * 5

    for _ in range(REQUEUES_WITHOUT_PROGRESS + 1):
        stopped(tmp_path).requeue(picker)
    assert requeued.read_text().splitlines().count("requeue") == 5 + REQUEUES_WITHOUT_PROGRESS - 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "Give the job more time" in said
    assert said.endswith("scontrol requeue 12_3")

    picker.store.commit(RunRecord(spec=specs[1], attempt=1, status="failed", values={"failure_kind": "nan"}))
    stopped(tmp_path).requeue(picker)
    assert progress(picker)[0] == 1
    assert requeued.read_text().splitlines().count("requeue") == 5 + REQUEUES_WITHOUT_PROGRESS


@pytest.mark.slow
def test_a_task_that_was_cancelled_or_is_done_is_not_requeued(command: Callable[..., Path], tmp_path: Path) -> None:
    requeued = command("scontrol")
    picker = a_picker(tmp_path / "results")
    cancelled = a_task(tmp_path)
    cancelled.ended(signal.SIGTERM, None)
    cancelled.requeue(picker)
    a_task(tmp_path).requeue(picker)  # nothing stopped it: others are at what is left
    for spec in picker.plan.specs:
        picker.store.commit(RunRecord(spec=spec, attempt=1, status="failed", values={"failure_kind": "nan"}))
    stopped(tmp_path).requeue(picker)

    assert not requeued.exists()


def test_a_busy_controller_is_asked_again(
    command: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sweeps.executors.slurm.task._REQUEUE_PAUSE", 0.01)
    asked = command("scontrol", f"[ $(grep -c requeue {tmp_path}/scontrol.log) = 3 ] || exit 1")
    stopped(tmp_path).requeue(a_picker(tmp_path / "results"))

    assert asked.read_text().splitlines().count("requeue") == 3
    assert "Not requeued" not in capsys.readouterr().err


def test_where_there_is_no_scontrol_the_command_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    stopped(tmp_path).requeue(a_picker(tmp_path / "results"))

    assert capsys.readouterr().err.splitlines()[-1].endswith("scontrol requeue 12_3")


def test_what_an_array_tries_again_is_settled_once(tmp_path: Path) -> None:
    first = a_task(tmp_path).once("retry.json", json.dumps({"a": 1}))
    later = a_task(tmp_path, job=Job("12_4", "12", 1, None)).once("retry.json", json.dumps({"a": 1, "b": 2}))

    assert first == later
    assert json.loads(later.read_text()) == {"a": 1}


def test_the_last_task_takes_the_others_out_of_the_queue(command: Callable[..., Path], tmp_path: Path) -> None:
    """All of them where nothing has failed; else its own, for another array may be there to try failed runs again."""
    Ledger(tmp_path).write(Submission("agad-demo-1", 3, ("python",), "40"))
    Ledger(tmp_path).write(Submission("agad-demo-2", 3, ("python",), "41"))
    answer = [
        line("12", "4", "agad", "PENDING", "Priority", "", "0"),
        line("40", "0", "agad-demo-1", "PENDING", "Priority", "", "0"),
        line("41", "0", "of another cluster", "PENDING", "Priority", "", "0"),
    ]
    (tmp_path / "answer").write_text("\n".join(answer) + "\n")
    command("squeue", f"cat {tmp_path}/answer")
    cancelled = command("scancel")
    picker = a_picker(tmp_path / "results")
    picker.store.commit(
        RunRecord(spec=picker.plan.specs[0], attempt=1, status="failed", values={"failure_kind": "nan"})
    )
    a_task(tmp_path, job=Job("12_3", "12", 0, None, "agad")).leave(picker)
    assert cancelled.read_text().split() == ["--state=PENDING", "12"]

    a_task(tmp_path, job=Job("12_3", "12", 0, None, "agad")).leave(a_picker(tmp_path / "clean"))
    assert cancelled.read_text().split()[2:] == ["--state=PENDING", "12", "--state=PENDING", "40"]


def followed(
    answers: list[list[queue.Queued]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str | None, list[str]]:
    """The error of a launch that follows tasks which Slurm's queue tells of so, one answer after another; its lines."""
    monkeypatch.setattr(queue, "SQUEUE_EVERY", 0.0)
    monkeypatch.setattr(executor, "_READ_EVERY", 0.0)
    said = list[str]()
    sweep = SimpleNamespace(
        picker=lambda: a_picker(folder),
        display=SimpleNamespace(show=lambda _: None, say=said.append),
        stopping=Stopping(),
        jobs=folder / "slurm" / "demo",
        logs=folder / "logs" / "demo",
    )
    left = iter(answers)
    return executor._follow(sweep, SimpleNamespace(queued=lambda: next(left)), ("7",)).error, said


def test_a_launch_whose_tasks_are_gone_names_where_they_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that ended before its workers began has said why in its own output alone."""
    error, _ = followed([[], []], tmp_path, monkeypatch)
    assert error is not None
    assert all(str(tmp_path / of / "demo") in error for of in ("slurm", "logs"))


def test_a_launch_says_why_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pending = queue.Queued("7", "0", "agad", "PENDING", "Resources", "", 0)
    running = dataclasses.replace(pending, state="RUNNING", node="n1")
    _, said = followed([[pending], [pending], [running], [], []], tmp_path, monkeypatch)
    assert said == ["Slurm: 1 task pending (Resources; job 7).", "Tasks have started."]


@pytest.mark.parametrize(
    ("reason", "lasts"),
    [
        ("ReqNodeNotAvail, UnavailableNodes:sheldon[01-04]", False),
        ("JobArrayTaskLimit", False),
        ("QOSMaxJobsPerUserLimit", False),
        ("Dependency", False),
        ("JobHoldMaxRequeue", True),
        ("JobHeldAdmin", True),
        ("BadConstraints", True),
    ],
)
def test_which_reasons_pass_by_themselves(reason: str, lasts: bool) -> None:
    assert queue.is_lasting(queue.Queued("7", "0", "agad", "PENDING", reason, "", 0)) == lasts


@pytest.mark.parametrize("reason", ["JobHeldUser", "launch failed requeued held", "DependencyNeverSatisfied"])
def test_a_launch_whose_tasks_will_never_start_ends_with_the_reason(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for a held job without a word, for ever."""
    pending = queue.Queued("7", "0", "agad", "PENDING", "Resources", "", 0)
    held = dataclasses.replace(pending, task="1", reason=reason)
    error, said = followed([[pending, held], [held]], tmp_path, monkeypatch)
    assert error is not None
    assert f"1 task pending ({reason}; job 7)" in error
    assert "scontrol release 7" in error
    assert len(said) == 1


@pytest.mark.parametrize("name", ["größe-äöü", "agad", "名前", "x" * 200])
def test_a_job_s_name_moves_no_other_column(name: str) -> None:
    """Slurm counts bytes: behind a name with umlauts the state of a running task was not read as RUNNING."""
    (task,) = queue.parse(line("12", "0", name, "RUNNING", "None", "node7", "2"))
    assert (task.array, task.state, task.node, task.restarts) == ("12", "RUNNING", "node7", 2)
    assert task.name == name[: dict(queue._FIELDS)["Name"]]


def test_a_dead_launch_of_another_host_is_waited_for_and_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.executors.slurm.ledger._LOCK_LEASE", 0.5)
    elsewhere = dataclasses.replace(Owner.this_process("launcher"), host="login2", boot="other")
    assert ClaimBoard(tmp_path, elsewhere).take("0", 1) is not None
    with Ledger(tmp_path).locked():
        assert sorted(path.name for path in (tmp_path / "claims").iterdir())[-1] == "0.2"


def test_a_lock_is_held_for_as_long_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.executors.slurm.ledger._LOCK_BEAT", 0.1)
    with Ledger(tmp_path).locked():
        board, counters = ClaimBoard(tmp_path, Owner.this_process("other")), set[int]()
        for _ in range(3000):
            record = board.read("0", 1)
            assert record is not None
            assert board.is_held("0", 1)
            counters.add(record.counter)
            if len(counters) > 3:
                break
            time.sleep(0.02)
        assert len(counters) > 3, "it shows no sign of life"


def test_a_lock_that_is_held_for_long_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.executors.slurm.ledger._LOCK_PATIENCE", 0.1)
    with Ledger(tmp_path).locked(), pytest.raises(AgadError, match="another launch"), Ledger(tmp_path).locked():
        pass
