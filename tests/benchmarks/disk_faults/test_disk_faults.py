"""Errors of the disk below a results folder: a sample of `python -m benchmarks.disk_faults`, and what it would see."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.disk_faults.__main__ import drawn
from benchmarks.disk_faults.disk import Disk, Fault
from tests.conftest import ROOT


def write(path: Path) -> None:
    """Write a file by the system's own calls."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"new")
    os.close(descriptor)


def test_a_disk_sees_the_calls_below_its_folder_alone(tmp_path: Path) -> None:
    """By path, by descriptor and by file, from pathlib, io and os."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    with Disk(inside) as disk:
        for folder in (inside, outside):
            write(folder / "a")
            (folder / "b").write_bytes(b"text")
            (folder / "b").rename(folder / "c")
            (folder / "c").read_text()
            list(folder.iterdir())
            (folder / "c").unlink()
    kinds = {site.split()[0]: count for site, count in disk.sites.items()}

    assert kinds == {"open": 3, "write": 2, "close": 3, "rename": 1, "read": 1, "list": 1, "unlink": 1}


@pytest.mark.parametrize(("mode", "failures", "content"), [("once", 1, b"new"), ("lasting", 2, b"old"),
                                                             ("after", 1, b"new")])  # fmt: skip
def test_a_fault_is_met_as_often_as_its_mode_says(tmp_path: Path, mode: str, failures: int, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    met: list[int | None] = []
    with Disk(tmp_path, Fault(errno.EIO, "write ", mode)):
        for _ in range(2):
            try:
                write(path)
            except OSError as error:
                met.append(error.errno)

    assert met == [errno.EIO] * failures
    assert path.read_bytes() == content


def test_each_errno_is_tried_at_each_kind_of_call_before_any_twice() -> None:
    """So that a run that is ended by the clock has seen every kind."""
    sites = ("open a", "open b", "open c", "write a")
    faults = [Fault(number, site, mode) for number in (1, 2) for site in sites for mode in ("once", "lasting")]
    rounds = drawn(faults, seed=0)

    assert [len(one) for one in rounds] == [8, 4, 4]
    assert {(fault.number, fault.kind, fault.mode) for fault in rounds[0]} == {
        (number, kind, mode) for number in (1, 2) for kind in ("open", "write") for mode in ("once", "lasting")
    }
    assert {fault for one in rounds for fault in one} == {*faults}
    assert drawn(faults, seed=1) != rounds


SAMPLE = """
import sys
from benchmarks.disk_faults import __main__ as command
if sys.argv.pop(1) == "blind":
    from sweeps.worker import failures
    failures._ENVIRONMENT = ()
sys.exit(command.main())
"""


def storm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own; `blind` first: with a worker that takes errors of the disk for runs'."""
    command = [sys.executable, "-c", SAMPLE, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)


@pytest.mark.slow
def test_a_sample_of_errors_at_a_sample_of_calls_ends_in_one_line_and_loses_nothing() -> None:
    """Commit of a row, claim, checkpoint, reading: as the disk is full, stale, slow, or answers what nobody expects."""
    done = storm("seeing", "--errno", "EIO,ENOSPC,ESTALE,EUCLEAN", "--minutes", "0.4", "--seed", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-1].split("|")[3]) > 0, "no fault was met"


@pytest.mark.slow
def test_what_is_wrong_is_seen() -> None:
    """A worker that takes errors of the disk for its runs' own writes rows of failures, and is found out."""
    done = storm("blind", "--errno", "EIO", "--mode", "lasting", "--site", "open file.<lambda>")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "a row of status failed" in done.stderr
