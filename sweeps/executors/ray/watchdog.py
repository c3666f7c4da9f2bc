"""Watchdog: says that Ray answers no more, and lets a signal end a launch that waits for it without end."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

_LOOK_EVERY = 1.0
_SILENT_SECONDS = 300.0
"""Tune's loop turns several times a second, and reading the files of a large plan may take it a minute."""
_ANSWER_SECONDS = 20.0
"""What a signal's handler gets to run. It does not while Ray's C++ code waits, as for a GCS that is alive and mute."""


class Watchdog:
    """A thread beside Tune's loop, which calls `beat` at each turn; enter it in the main thread.

    Python runs handlers of signals in its main thread alone, between two of its own instructions. Where that thread
    waits in a call of Ray, only the signals' numbers can be read, from the file that `signal.set_wakeup_fd` names.

    Args:
        say: takes a line for the user.
        ring: lets workers write checkpoints and end.
        patience: seconds that workers get for this, before the process ends.
    """

    def __init__(self, say: Callable[[str], None], ring: Callable[[], None], patience: float) -> None:
        self._say, self._ring, self._patience = say, ring, patience
        self._beat = time.monotonic()
        self._signals: list[float] = []  # when each came
        self._handled = 0
        self._warned = False
        self._rung: float | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ray-watchdog", daemon=True)

    def beat(self) -> None:
        """Tune's loop has turned."""
        self._beat = time.monotonic()

    def handled(self) -> None:
        """A signal's handler has run; to be called in it. Its turn of the loop may still take long."""
        self._handled += 1

    def __enter__(self) -> Watchdog:
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._beat = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        signal.set_wakeup_fd(self._before)
        self._ends.set()
        os.write(self._write_end, b"\0")  # wakes the thread
        self._thread.join()
        os.close(self._read_end)
        os.close(self._write_end)

    def _watch(self) -> None:
        while not self._ends.is_set():
            if select.select([self._read_end], [], [], _LOOK_EVERY)[0]:
                numbers = os.read(self._read_end, 64)
                now = time.monotonic()
                self._signals += [now for number in numbers if number in (signal.SIGINT, signal.SIGTERM)]
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        silent = now - self._beat
        if silent < _ANSWER_SECONDS and self._warned:
            self._warned = False
            self._say("Ray answers again.")
        if silent > _SILENT_SECONDS and not self._warned:
            self._warned = True
            self._say(
                f"Ray has not answered for {silent:.0f} s; is its head node up? Running runs go on where their workers "
                "live. Ctrl-C ends this launch; the same command goes on."
            )
        self._end_if_asked(now, [at for at in self._signals[self._handled :] if at > self._beat])

    def _end_if_asked(self, now: float, unanswered: list[float]) -> None:
        """Do what the handler would do for signals that nothing answers, and end this process without it."""
        if not unanswered:
            self._rung = None
        elif self._rung is None:
            if now - unanswered[0] > _ANSWER_SECONDS:
                self._rung = now
                self._ring()
                self._say(
                    f"Ray does not answer: workers finish their update and write checkpoints, and this launch ends "
                    f"within {self._patience:.0f} s (Ctrl-C again: at once). The same command goes on."
                )
        elif unanswered[-1] > self._rung or now - self._rung > self._patience:
            os._exit(1)  # every other way out would run in the main thread; Ray's own processes end with this one
