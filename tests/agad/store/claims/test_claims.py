"""Claims: exclusive, stolen when dead, never doubled."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agad.store.claims import Claim, ClaimBoard, ClaimRecord, Owner

RUN = "ab" * 8
ELSEWHERE = dataclasses.replace(Owner.this_process("far"), host="another-host")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mine(tmp_path: Path, clock: Clock) -> ClaimBoard:
    return ClaimBoard(tmp_path, Owner.this_process("me"), lease=300, clock=clock)


@pytest.fixture
def far(tmp_path: Path, clock: Clock) -> ClaimBoard:
    """The board as a process of another host sees it."""
    return ClaimBoard(tmp_path, ELSEWHERE, lease=300, clock=clock)


def test_a_generation_is_taken_once(mine: ClaimBoard, far: ClaimBoard) -> None:
    assert mine.take(RUN, 1) is not None
    assert far.take(RUN, 1) is None
    assert mine.generations() == {RUN: [1]}


def test_generations_are_numbers_not_words(mine: ClaimBoard) -> None:
    for generation in (10, 9, 2):
        mine.take(RUN, generation)

    assert mine.generations() == {RUN: [2, 9, 10]}


def test_foreign_names_are_passed_over(mine: ClaimBoard) -> None:
    mine.take(RUN, 1)
    (mine.folder / "README").write_text("")
    (mine.folder / "_half.tmp").write_text("")

    assert mine.generations() == {RUN: [1]}


def test_a_claim_of_another_host_lives_while_it_beats(mine: ClaimBoard, far: ClaimBoard, clock: Clock) -> None:
    claim = far.take(RUN, 1)
    assert claim is not None
    for _ in range(5):
        assert mine.is_held(RUN, 1)
        clock.now += 299
        claim.beat()

    assert mine.is_held(RUN, 1)


def test_it_is_dead_when_its_bytes_stand_still_for_a_lease(mine: ClaimBoard, far: ClaimBoard, clock: Clock) -> None:
    far.take(RUN, 1)

    assert mine.is_held(RUN, 1), "seen for the first time: no matter how old the file is"
    clock.now += 299
    assert mine.is_held(RUN, 1)
    clock.now += 2
    assert not mine.is_held(RUN, 1)


def test_file_times_decide_nothing(mine: ClaimBoard, far: ClaimBoard) -> None:
    far.take(RUN, 1)
    os.utime(far.folder / f"{RUN}.1", (0, 0))

    assert mine.is_held(RUN, 1)


def test_wall_clocks_that_jump_by_hours_decide_nothing(
    mine: ClaimBoard, far: ClaimBoard, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two hosts one is set to another time; the server has a third. A claim lives as long as it beats."""
    claim = far.take(RUN, 1)
    assert claim is not None
    for hours in (5, -5, 1000):
        monkeypatch.setattr(time, "time", lambda hours=hours: 1e9 + 3600 * hours)
        os.utime(claim.path, (3600 * abs(hours), 3600 * abs(hours)))
        assert mine.is_held(RUN, 1)
        clock.now += 299
        claim.beat()
    assert mine.is_held(RUN, 1)
    clock.now += 301
    assert not mine.is_held(RUN, 1)


def test_an_observer_that_was_stopped_between_two_lines_takes_nobodys_run(
    mine: ClaimBoard, far: ClaimBoard, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the claim, was stopped for longer than a lease, and compares what it had read before."""
    far.take(RUN, 1)
    assert mine.is_held(RUN, 1)
    clock.now += 1
    read = mine._record

    def read_and_sleep(name: str) -> tuple[bytes | None, ClaimRecord | None]:
        content = read(name)
        clock.now += 1000
        return content

    monkeypatch.setattr(mine, "_record", read_and_sleep)
    assert mine.is_held(RUN, 1), "one second of silence is all that it has seen"


def test_of_two_hosts_with_one_name_the_boot_tells_them_apart(tmp_path: Path, mine: ClaimBoard, clock: Clock) -> None:
    """A pid of the other is no process here, and shows nothing: silence for a lease does."""
    namesake = dataclasses.replace(Owner.this_process("namesake"), boot="another", pid=2**22 + 1)
    claim = ClaimBoard(tmp_path, namesake, lease=300, clock=clock).take(RUN, 1)
    assert claim is not None
    for _ in range(3):
        assert mine.is_held(RUN, 1)
        clock.now += 299
        claim.beat()
    assert mine.is_held(RUN, 1)
    clock.now += 301
    assert not mine.is_held(RUN, 1)


def test_a_claim_is_lost_to_the_end_of_its_run(mine: ClaimBoard, far: ClaimBoard) -> None:
    """The thief may be done, and the run's claims cleared, before the robbed wakes up."""
    claim = mine.take(RUN, 1)
    assert claim is not None
    far.take(RUN, 2)
    mine.clear([RUN])
    assert claim.is_lost()


@pytest.mark.slow
def test_a_process_of_this_host_that_is_gone_is_dead_at_once(mine: ClaimBoard, tmp_path: Path) -> None:
    take = f"ClaimBoard(sys.argv[1], Owner.this_process('w')).take('{RUN}', 1)"
    code = f"import sys; from agad.store.claims import *; {take}"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)

    assert not mine.is_held(RUN, 1)


def test_a_process_of_this_host_that_lives_is_not(mine: ClaimBoard) -> None:
    mine.take(RUN, 1)

    assert mine.is_held(RUN, 1)


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"pid_start": "1"}, True),  # the pid was given to another process
        ({"boot": "other", "pid_start": "1"}, False),  # not this boot: the lease decides
        ({"pid_namespace": "other", "pid": 1}, False),  # another container of this host
        ({"host": "other", "pid": 2**22 + 1}, False),
        ({"pid": 2**22 + 1}, True),
    ],
)
def test_who_is_gone(change: dict[str, object], gone: bool) -> None:
    assert dataclasses.replace(Owner.this_process("w"), **change).is_gone() is gone  # type: ignore[arg-type]


def test_a_released_claim_is_free_at_once(mine: ClaimBoard, far: ClaimBoard) -> None:
    claim = far.take(RUN, 1)
    assert claim is not None
    claim.release()

    assert not mine.is_held(RUN, 1)
    assert mine.take(RUN, 1) is None, "its generation is used up"
    assert mine.take(RUN, 2) is not None


def test_a_heartbeat_that_comes_late_does_not_take_a_release_back(mine: ClaimBoard) -> None:
    claim = mine.take(RUN, 1)
    assert claim is not None
    claim.release()
    claim.beat()

    assert not mine.is_held(RUN, 1)


def test_a_full_disk_leaves_no_claim(mine: ClaimBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        mine.take(RUN, 1)

    assert mine.generations() == {}


def test_a_torn_record_counts_as_held_until_the_lease_is_over(mine: ClaimBoard, clock: Clock) -> None:
    """A crash between the creation of the file and its first bytes."""
    mine.folder.mkdir()
    (mine.folder / f"{RUN}.1").write_bytes(b'{"owner": {"wor')

    assert mine.is_held(RUN, 1)
    clock.now += 301
    assert not mine.is_held(RUN, 1)


@pytest.mark.parametrize("sees", [Claim.is_superseded, Claim.is_lost])
def test_the_robbed_sees_the_thief(sees: Callable[[Claim], bool], mine: ClaimBoard, far: ClaimBoard) -> None:
    claim = mine.take(RUN, 1)
    assert claim is not None
    assert not sees(claim)
    far.take(RUN, 2)

    assert sees(claim)


def test_notes_reach_observers_with_the_next_beat(mine: ClaimBoard, far: ClaimBoard) -> None:
    claim = mine.take(RUN, 1)
    assert claim is not None
    claim.note(update=7, updates=60, saved=5)
    claim.beat()

    seen = far.read(RUN, 1)
    assert seen is not None
    assert (seen.update, seen.updates, seen.saved, seen.owner.worker) == (7, 60, 5, "me")


def test_a_shorter_record_leaves_no_tail() -> None:
    owner = Owner.this_process("w")
    long = ClaimRecord(owner, counter=10**9, update=10**6).to_bytes()

    assert len(long) == len(ClaimRecord(owner).to_bytes())


def test_clear_unlinks_closed_runs_only(mine: ClaimBoard) -> None:
    mine.take(RUN, 1)
    mine.take("cd" * 8, 1)
    mine.clear([RUN])

    assert mine.generations() == {"cd" * 8: [1]}


TAKERS = """
import sys
from agad.store.claims import ClaimBoard, Owner
board = ClaimBoard(sys.argv[1], Owner.this_process("w"))
print(sum(board.take(f"{run:04x}", 1) is not None for run in range(200)))
"""


@pytest.mark.slow
def test_processes_that_race_take_each_run_once(tmp_path: Path) -> None:
    takers = [
        subprocess.Popen([sys.executable, "-c", TAKERS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert sum(int(taker.communicate(timeout=600)[0]) for taker in takers) == 200
