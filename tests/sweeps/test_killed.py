"""Real workers that are killed faster than a checkpoint is due, or stopped for longer than a lease."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agad.store.claims import ClaimBoard, Owner
from agad.store.rows import ResultStore
from tests.helpers.cli import LEAN, SMALL, claims, launch, local_results, numbers, start, wait_for
from tests.helpers.holding import EVERY_UPDATE, HELD, checkpoints, hold, release, wait_until_held

pytestmark = pytest.mark.slow

RUN = [*SMALL, "--select", "normal_class=0", "--set", "updates=10", *LEAN, "--workers", "1"]
"""One run of a moment; its checkpoints are due every 300 s."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of RUN, undisturbed."""
    return local_results(tmp_path_factory.mktemp("uninterrupted"), *RUN)


def owner(results: Path, attempt: int) -> int | None:
    """The pid of the worker that holds this attempt; None while nobody does."""
    board = ClaimBoard(results, Owner.this_process("observer"))
    records = [board.read(run_id, attempt) for run_id in board.generations()]
    return next((record.owner.pid for record in records if record is not None), None)


def kill(results: Path, attempt: int) -> None:
    """Kill the worker that holds this attempt."""
    pid = owner(results, attempt)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_run_whose_workers_never_live_for_long_still_ends(tmp_path: Path, uninterrupted: Path) -> None:
    """Two die before any checkpoint; the third has one at once, and the fourth gets further."""
    hold(tmp_path)
    launcher = start(*RUN, "--results", str(tmp_path), **HELD)
    for attempt in (1, 2):
        wait_for(lambda: owner(tmp_path, attempt))  # noqa: B023 - called in this round only
        kill(tmp_path, attempt)
    for attempt in (3, 4):
        suffix = f".{attempt}.pt"
        wait_for(lambda: any(path.name.endswith(suffix) for path in checkpoints(tmp_path)))  # noqa: B023 - likewise
        kill(tmp_path, attempt)
    release(tmp_path)
    _, messages = launcher.communicate(timeout=600)

    assert launcher.returncode == 0, messages
    assert numbers(tmp_path) == numbers(uninterrupted)
    (row,) = ResultStore(tmp_path).read_tries(["status", "attempt", "resumes"]).to_pylist()
    assert (row["status"], row["attempt"], row["resumes"]) == ("ok", 5, 2), "no failed row, and no work lost"


def test_a_worker_stopped_for_longer_than_the_lease_wakes_up_and_leaves_its_run_alone(
    tmp_path: Path, uninterrupted: Path
) -> None:
    """Its heartbeat stands still, another worker takes over and ends the run; then it goes on where it was."""
    hold(tmp_path)
    options = [*RUN, *EVERY_UPDATE, "--lease", "2", "--results", str(tmp_path)]
    sleeper = start(*options, **HELD)
    wait_until_held(tmp_path, 1, sleeper)
    (claim,) = claims(tmp_path)
    asleep = [sleeper.pid, claim.owner.pid]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        release(tmp_path)
        done = launch(*options)
    finally:
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)
    _, messages = sleeper.communicate(timeout=600)

    assert (done.returncode, sleeper.returncode) == (0, 0), done.stderr + messages
    assert numbers(tmp_path) == numbers(uninterrupted)
    assert ResultStore(tmp_path).read_tries(["attempt"])["attempt"].to_pylist() == [2]
    assert checkpoints(tmp_path) == []
