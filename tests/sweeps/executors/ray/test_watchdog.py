"""A launch whose main thread waits in C code for a Ray that is mute: it is said, and a signal ends it all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

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
        process.send_signal(signal.SIGINT)

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


def test_a_signal_that_is_answered_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler has run and Tune's loop turns: workers may take their time."""
    monkeypatch.setattr(watchdog, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(watchdog, "_LOOK_EVERY", 0.05)
    handled, said = list[int](), list[str]()
    before = signal.signal(signal.SIGTERM, lambda number, _: handled.append(number))
    try:
        with watchdog.Watchdog(said.append, lambda: said.append("rung"), patience=0.1) as dog:
            signal.raise_signal(signal.SIGTERM)
            for _ in range(20):
                dog.beat()
                time.sleep(0.05)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert handled == [signal.SIGTERM]
    assert said == []
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
