"""A launch whose main thread waits in C code for a Ray that is mute: it is said, and a signal ends it all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from sweeps.executors.ray import watchdog

STUCK = """
import ctypes, signal, sys
from sweeps.executors.ray import watchdog
watchdog._ANSWER_SECONDS, watchdog._SILENT_SECONDS, watchdog._LOOK_EVERY = 0.5, {silent}, 0.1
signal.signal(signal.SIGTERM, lambda *_: None)
def say(line): print(line, flush=True)
with watchdog.Watchdog(say, lambda: say("rung"), patience={patience}):
    mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    libc.pthread_mutex_lock(mutex)
    say("waits")
    libc.pthread_mutex_lock(mutex)  # without end, and no signal's handler runs
"""


def stuck(patience: float, silent: float, then: Callable[[subprocess.Popen[str]], None]) -> tuple[list[str], int]:
    code = STUCK.format(patience=patience, silent=silent)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waits\n"
            then(process)
            return process.communicate(timeout=60)[0].splitlines(), process.returncode
        finally:
            process.kill()


def test_a_signal_ends_a_launch_that_waits_for_a_mute_ray() -> None:
    """A stopped GCS kept a launch, and its SIGTERM, for ever."""
    lines, status = stuck(0.5, 1000, lambda process: process.send_signal(signal.SIGTERM))

    assert status == 1
    assert lines[0] == "rung", "workers write checkpoints first"
    assert lines[1].startswith("Ray does not answer: workers finish their update and write checkpoints")


def test_a_second_signal_ends_it_at_once() -> None:
    def twice(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "rung\n"
        process.send_signal(signal.SIGTERM)  # SIGINT may be ignored, as in a job of a shell

    _, status = stuck(1000, 1000, twice)

    assert status == 1


def test_a_mute_ray_is_said_once() -> None:
    def wait_for_the_line(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Ray has not answered for 1 s; is its head node up?")
        time.sleep(1)
        process.kill()

    lines, _ = stuck(1000, 1, wait_for_the_line)

    assert lines == []


@pytest.fixture
def dog(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[watchdog.Watchdog, list[str]]]:
    """One that looks when it is told to, at signals that really come; and what it says and does."""
    said = list[str]()
    monkeypatch.setattr(watchdog, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(watchdog, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(watchdog.os, "_exit", lambda status: said.append(f"exit {status}"))
    with watchdog.Watchdog(said.append, lambda: said.append("rung"), patience=0.2) as made:
        yield made, said


def raised(handler: Callable[[], None]) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: handler())
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_whose_handler_ran_ends_nothing(dog: tuple[watchdog.Watchdog, list[str]]) -> None:
    """However long the turn of the loop then takes: reading the files of a large plan may take a minute."""
    watched, said = dog
    raised(watched.handled)
    time.sleep(1)

    assert said == []


def test_a_signal_after_which_the_loop_turned_ends_nothing(dog: tuple[watchdog.Watchdog, list[str]]) -> None:
    watched, said = dog
    raised(lambda: None)
    time.sleep(0.1)
    watched.beat()
    time.sleep(1)

    assert said == []


def test_an_impatient_user_leaves_workers_the_time_for_checkpoints(
    dog: tuple[watchdog.Watchdog, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signals before the line that promises it are one; those after it end at once."""
    watched, said = dog
    monkeypatch.setattr(watched, "_patience", 1000.0)
    raised(lambda: None)
    raised(lambda: None)
    time.sleep(1)
    assert [line.split(":")[0] for line in said] == ["rung", "Ray does not answer"]
    raised(lambda: None)
    time.sleep(0.5)

    assert said[2] == "exit 1"


def test_it_is_gone_at_once_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each launch waited for its next look: here that would be an hour."""
    monkeypatch.setattr(watchdog, "_LOOK_EVERY", 3600.0)
    with watchdog.Watchdog(print, lambda: None, patience=120):
        pass

    assert signal.set_wakeup_fd(-1) == -1, "the file of before is named again"


def test_a_ray_that_answers_again_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    now = [0.0]
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    dog = watchdog.Watchdog(said.append, lambda: None, patience=120)
    for now[0] in (10.0, 301.0, 400.0):
        dog._look(now[0])
    dog.beat()
    dog._look(now[0])

    assert [line.split(";")[0] for line in said] == ["Ray has not answered for 301 s", "Ray answers again."]
