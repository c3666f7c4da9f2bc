"""A study's launcher that ends too early: said, started again once where it was killed, an error where it is again."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from sweeps.machine import program
from sweeps.tuning.launcher import Launcher, LauncherEndedError
from tests.helpers.cli import wait_for


@pytest.fixture
def said() -> list[str]:
    return []


def a_launcher(code: str, folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch, ended: list[int]) -> Launcher:
    """One whose launch.py is this code."""
    monkeypatch.setattr(program, "command", lambda _: [sys.executable, "-c", code])
    return Launcher([], folder / "launch.log", lambda: len(ended), said.append)


def to_its_end(launcher: Launcher) -> None:
    """Start the process, wait for its end, and let the launcher see it."""
    launcher.supervise()
    process = launcher._process
    assert process is not None
    wait_for(lambda: process.poll() is not None)
    launcher.supervise()


KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_killed_once_it_is_started_again_and_killed_twice_it_is_an_error(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = a_launcher(KILLED, tmp_path, said, monkeypatch, [])
    to_its_end(launcher)
    (line,) = said
    assert f"killed by signal {signal.SIGKILL.value}" in line
    with pytest.raises(LauncherEndedError, match="again"):
        to_its_end(launcher)


def test_a_trial_that_ended_in_between_makes_it_the_first_time_again(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    launcher = a_launcher(KILLED, tmp_path, said, monkeypatch, ended)
    to_its_end(launcher)
    launcher.supervise()
    ended.append(0)
    process = launcher._process
    assert process is not None
    wait_for(lambda: process.poll() is not None)
    launcher.supervise()
    to_its_end(launcher)
    assert len(said) == 2


def test_an_error_of_its_own_is_not_tried_again(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = a_launcher("import sys; sys.exit('launch.py: error: no data')", tmp_path, said, monkeypatch, [])
    with pytest.raises(LauncherEndedError, match="no data"):
        to_its_end(launcher)
    assert not said
