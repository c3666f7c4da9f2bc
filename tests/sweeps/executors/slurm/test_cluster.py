"""Sweeps on a real Slurm: arrays, requeues, time limits, kills. Needs slurm/dev_cluster.sh (or any Slurm) running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agad.store.rows import ResultStore
from sweeps.executors.slurm import queue
from sweeps.executors.slurm.ledger import Ledger, Submission
from tests.conftest import ROOT
from tests.helpers.cli import LAUNCH, LEAN, claims, error_line, launch, local_results, numbers, wait_for
from tests.helpers.holding import EVERY_UPDATE, HELD, hold, release, wait_until_held

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

DEV_CLUSTER = ROOT / "slurm" / "dev_cluster.sh"
ASKED = ["--slurm", "time=10", "--slurm", "cpus-per-task=1", "--slurm", "mem=3G", "--device", "cpu"]
"""Small jobs, so that several run side by side; a stand-in for a GPU each, as slurm/array.sh asks."""
SHORT = ["--grid", "demo", "--seeds", "1", "--set", "updates=8", *LEAN]
"""Six runs of a moment."""
FEW = [*SHORT, "--select", "gamma=0.05"]
"""Three of them."""
ONE = [*SHORT, "--select", "normal_class=0", "--select", "gamma=0"]
"""One of them."""


def slurm_is_up() -> str | None:
    """Why there is no Slurm to be tried on; None where there is one, its configuration then in the environment."""
    if shutil.which("sbatch") is None:
        return "sbatch is not on the path; as root on Debian: slurm/dev_cluster.sh install"
    if "SLURM_CONF" not in os.environ:
        said = subprocess.run(["bash", DEV_CLUSTER, "env"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"SLURM_CONF=(\S+)", said)
        if found and Path(found[1]).exists():
            os.environ["SLURM_CONF"] = found[1]
    answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False, timeout=60)
    return None if answer.returncode == 0 and answer.stdout else "Slurm does not answer; slurm/dev_cluster.sh start"


@pytest.fixture(scope="module", autouse=True)
def slurm() -> Iterator[None]:
    before = os.environ.get("SLURM_CONF")
    reason = slurm_is_up()
    if reason is not None:
        pytest.skip(reason)
    yield
    if before is None:
        del os.environ["SLURM_CONF"]


@pytest.fixture(autouse=True)
def no_job_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for folder in tmp_path.rglob("slurm/*"):
        for job in Ledger(folder).jobs():
            subprocess.run(["scancel", job], check=False, capture_output=True)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """FEW's results by the local executor, and the seconds that it took."""
    begun = time.monotonic()
    return local_results(tmp_path_factory.mktemp("alone"), *FEW), time.monotonic() - begun


@pytest.fixture(scope="module")
def alone(timed: tuple[Path, float]) -> Path:
    """FEW's results by the local executor."""
    return timed[0]


@pytest.fixture(scope="module")
def deadline(timed: tuple[Path, float]) -> list[str]:
    """A task's deadline, in which this machine at its present load gets to a checkpoint.

    Three times what a whole sweep took, and the margin before the deadline at which the task stops. Should that not be
    enough, the task is requeued without progress, which it may be three times.
    """
    return ["--deadline", str(round(20 + 3 * timed[1]))]


def submit(*arguments: str, results: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return launch("--executor", "slurm", *ASKED, "--results", str(results), *arguments, **environment)


def tasks_of(results: Path) -> list[queue.Queued]:
    (folder,) = (path for path in (results / "slurm").iterdir() if path.is_dir())
    return queue.of_jobs(queue.read(), Ledger(folder).jobs())


def finish(results: Path, runs: int) -> None:
    """Wait until every run has its row, and no task is left."""

    def is_complete() -> bool:
        return len(ResultStore(results).read(["run_id"]).to_pylist()) == runs and not tasks_of(results)

    wait_for(is_complete, 900, pause=1)


def ok_rows(results: Path) -> Counter[str]:
    """How many ok rows each run has, those that do not count included."""
    return Counter(
        {run_id: sum(one.status == "ok" for one in tries) for run_id, tries in ResultStore(results).tries().items()}
    )


def batch_script(*options: str, arguments: list[str], results: Path, **environment: str) -> str:
    """Submit slurm/array.sh; the job's id."""
    command = ["sbatch", "--parsable", "--cpus-per-task=1", "--mem=3G", *options, str(ROOT / "slurm" / "array.sh")]
    done = subprocess.run(
        [*command, *arguments, "--device", "cpu", "--results", str(results)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "AGAD_PYTHON": sys.executable, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_both_ways_give_the_rows_of_the_local_executor(alone: Path, tmp_path: Path) -> None:
    by_script, by_launch = tmp_path / "script", tmp_path / "launch"
    job = batch_script("--time=10", "--array=0-1", f"--output={tmp_path}/%A_%a.out", arguments=FEW, results=by_script)
    done = submit(*FEW, "--workers", "2", "--wait", results=by_launch)
    assert done.returncode == 0, done.stderr
    assert "Digits" in done.stdout
    finish(by_script, 3)

    for results in (by_script, by_launch):
        assert numbers(results) == numbers(alone)
        left = {path.parent.relative_to(results).parts[0] for path in results.rglob("*") if path.is_file()}
        assert left <= {"base", "digests", "plans", "tables", "logs", "slurm"}
        (logs,) = (results / "logs").iterdir()
        assert len(list(logs.glob("task-*.log"))) == 2
    assert {path.name for path in (by_script / "logs").glob("*/task-*")} == {f"task-{job}_{i}.log" for i in (0, 1)}


def test_requeued_cancelled_killed_and_a_node_away_the_sweep_ends_complete(tmp_path: Path) -> None:
    results, alone = tmp_path / "sweep", local_results(tmp_path / "alone", *SHORT)
    hold(results)
    asked = submit(*SHORT, *EVERY_UPDATE, "--workers", "3", results=results, **HELD)
    assert asked.returncode == 0, asked.stderr
    assert "status.py" in asked.stdout
    (job,) = {one.array for one in tasks_of(results)}
    wait_until_held(results, 3)

    os.kill(next(one.owner.pid for one in claims(results) if not one.released), signal.SIGKILL)
    subprocess.run(["scontrol", "requeue", f"{job}_0"], check=True)
    subprocess.run(["scancel", f"{job}_1"], check=True)
    if shutil.which("slurmd") and os.geteuid() == 0 and "agad-slurm" in os.environ["SLURM_CONF"]:
        subprocess.run([DEV_CLUSTER, "slurmd", "stop"], check=True, capture_output=True)
        subprocess.run([DEV_CLUSTER, "slurmd", "start"], check=True, capture_output=True)
    (log,) = (results / "logs").glob(f"*/task-{job}_0.log")
    wait_for(lambda: "requeued 1 times before" in log.read_text())
    release(results)
    finish(results, 6)

    assert set(ok_rows(results).values()) == {1}
    assert any(row["resumes"] for row in ResultStore(results).read(["resumes"]).to_pylist())
    assert numbers(results) == numbers(alone)


def log_of_the_task(results: Path) -> str:
    (log,) = (results / "logs").glob("*/task-*.log")
    return log.read_text()


def test_a_run_that_is_longer_than_the_time_limit_is_finished_over_requeues_both_ways(
    tmp_path: Path, deadline: list[str]
) -> None:
    """Its worker waits at its checkpoints until the deadline comes, whenever that is: it cannot end before."""
    one = [*ONE, *EVERY_UPDATE, *deadline]
    ways = (tmp_path / "script", tmp_path / "launch")
    for results in ways:
        hold(results)
    options = ("--time=10", "--array=0-0", f"--output={tmp_path}/out")
    job = batch_script(*options, arguments=one, results=ways[0], **HELD)
    done = submit(*one, "--workers", "1", results=ways[1], **HELD)
    assert done.returncode == 0, done.stderr

    requeued = "Requeued: its deadline is near"
    for results in ways:
        wait_until_held(results, 1)
        before = log_of_the_task(results).count(requeued)
        wait_for(lambda: log_of_the_task(results).count(requeued) > before)  # noqa: B023 - called in this round only
        release(results)
    for results in ways:
        finish(results, 1)
        (row,) = ResultStore(results).read(["status", "resumes", "attempt"]).to_pylist()
        assert row["status"] == "ok"
        assert row["resumes"] >= 1
        log = log_of_the_task(results)
        assert "Stopping, for its deadline is near" in log
        assert "requeued 1 times before" in log
    assert [path.name for path in (tmp_path / "script" / "logs").glob("*/task-*")] == [f"task-{job}_0.log"]


def test_a_task_learns_from_slurm_when_it_ends() -> None:
    """Of a time limit of seven minutes there is something left, and no more than there was."""
    code = "from sweeps.executors.slurm.job import Job; print(Job.here().seconds_left())"
    command = ["srun", "--time=7", "--cpus-per-task=1", "--mem=1G", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stderr
    assert 60 < float(done.stdout) <= 420


def test_two_launches_at_once_ask_for_the_tasks_of_one(tmp_path: Path) -> None:
    command = [*LAUNCH, "--executor", "slurm", *ASKED, "--slurm", "hold", *SHORT, "--workers", "3"]
    both = [
        subprocess.Popen(
            [*command, "--results", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    messages = [one.communicate(timeout=600)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], messages
    assert len(tasks_of(tmp_path)) == 3
    assert sum("in the queue already" in text for text in messages) == 1


def test_a_launch_that_was_cut_off_finds_its_job_again(alone: Path, tmp_path: Path) -> None:
    """As after a kill between sbatch and the note of its answer: the job is there, what its tasks run is not."""
    assert submit(*FEW, "--workers", "2", "--slurm", "hold", results=tmp_path).returncode == 0
    (folder,) = (path for path in (tmp_path / "slurm").iterdir() if path.is_dir())
    ledger = Ledger(folder)
    (entry,) = ledger.entries()
    ledger.write(Submission(entry.token, entry.tasks, entry.command))
    for pickle in folder.glob("*_submitted.pkl"):
        pickle.unlink()

    again = submit(*FEW, "--workers", "2", "--slurm", "hold", results=tmp_path)
    assert f"Found job {entry.job} (2 tasks)" in again.stderr
    assert ledger.entries() == [entry]
    assert len(tasks_of(tmp_path)) == 2
    subprocess.run(["scontrol", "release", str(entry.job)], check=True)
    finish(tmp_path, 3)
    assert numbers(tmp_path) == numbers(alone)


def test_what_never_reached_slurm_is_asked_for_again(tmp_path: Path) -> None:
    dry = submit(*SHORT, "--workers", "2", "--dry-run", results=tmp_path)
    assert "to start at" in dry.stdout, dry.stderr
    name = re.search(r"slurm/(demo-\w+)/", dry.stdout)
    assert name is not None
    folder = tmp_path / "slurm" / name[1]
    lost = Submission.new("demo", 2, ("true",), retries=False)
    Ledger(folder).write(lost)
    os.utime(folder / f"{lost.token}.json", (0, 0))
    assert submit(*SHORT, "--workers", "2", "--slurm", "hold", results=tmp_path).returncode == 0
    (entry,) = Ledger(folder).entries()
    assert entry.token != lost.token
    assert len(tasks_of(tmp_path)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="changing MaxArraySize of the one-machine Slurm needs root")
def test_more_tasks_than_an_array_may_have_are_several_arrays(tmp_path: Path) -> None:
    if "agad-slurm" not in os.environ["SLURM_CONF"]:
        pytest.skip("MaxArraySize is changed in the one-machine Slurm only")
    environment = {**os.environ, "AGAD_SLURM_MAX_ARRAY_SIZE": "11"}
    subprocess.run([DEV_CLUSTER, "reconfigure"], env=environment, check=True, capture_output=True)
    try:
        grid = ["--grid", "demo", "--seeds", "3", "--set", "updates=4"]
        done = submit(*grid, "--workers", "14", "--slurm", "hold", results=tmp_path)
        assert done.returncode == 0, done.stderr
        assert sorted(Counter(one.array for one in tasks_of(tmp_path)).values()) == [3, 11]
    finally:
        subprocess.run([DEV_CLUSTER, "reconfigure"], check=True, capture_output=True)


def test_what_surrounds_a_launch_does_not_reach_its_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that sets sbatch's variables, and a launch from within another job."""
    monkeypatch.setenv("SBATCH_PARTITION", "nope")
    monkeypatch.setenv("SBATCH_JOB_NAME", "other")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "1")
    monkeypatch.setenv("SLURM_CPU_BIND", "mask_cpu:0x1")
    done = submit(*SHORT, "--workers", "2", "--slurm", "hold", results=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(tasks_of(tmp_path)) == 2


def test_a_wrong_partition_is_slurms_own_words_and_leaves_nothing(tmp_path: Path) -> None:
    for more in ([], ["--dry-run"]):
        done = submit(*SHORT, "--slurm", "partition=nope", *more, results=tmp_path)
        assert done.returncode == 2
        assert "invalid partition" in error_line(done.stderr).lower()
    assert not list(tmp_path.rglob("agad-*.json"))
    assert not list(tmp_path.rglob("*.pkl"))
