"""Launcher: the `launch.py` that runs a study's plan, in a process of its own, under any executor."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from agad.errors import AgadError

from ..machine import processes, program

_STOP_PATIENCE = 150.0
"""Seconds that the launcher gets for its workers' checkpoints; a little more than it gives them."""


class LauncherEndedError(AgadError):
    """launch.py ended before its work, and would again."""


class Launcher:
    """Starts launch.py at the study's plan, and starts it again while that brings trials to their end.

    Args:
        arguments: of launch.py, `--plan` among them.
        log: file for what it prints: the terminal is the coordinator's.
        ended: how many trials have ended.
        say: shows a line.
    """

    def __init__(
        self, arguments: list[str], log: Path, ended: Callable[[], int], say: Callable[[str], None] = print
    ) -> None:
        self._arguments = arguments
        self._log = log
        self._ended = ended
        self._say = say
        self._was_killed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._at_start = 0
        self._said_before = 0

    def supervise(self) -> None:
        """Start it where it is not running.

        Raises LauncherEndedError where it ended and no trial has ended since its start; where it was killed, by the
        system for want of memory or by somebody, only when that happens again.
        """
        if self._process is None:
            self._start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._process = None
        if self._ended() > self._at_start:
            self._was_killed = False
            return
        if code >= 0:
            raise LauncherEndedError(f"{self._last_line() or f'launch.py ended with status {code}'} (log: {self._log})")
        how = f"launch.py, which runs this study's workers, was killed by signal {-code}"
        if self._was_killed:
            raise LauncherEndedError(f"{how} again, before a trial ended (log: {self._log}); is there enough memory?")
        self._was_killed = True
        self._say(f"{how}; it is started again once.")

    def stop(self) -> None:
        """Let its workers write checkpoints, and end it."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self, seconds: float) -> None:
        """Give it time to end by itself, as it does when the plan grows no more; then stop it."""
        ends = time.monotonic() + seconds
        while self._process is not None and self._process.poll() is None and time.monotonic() < ends:
            time.sleep(0.05)
        self.stop()

    def _start(self) -> None:
        self._at_start = self._ended()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [*program.command("launch"), *self._arguments]
        with self._log.open("ab") as output, processes.without_warnings():
            self._said_before = output.tell()  # by earlier launches, whose errors are not this one's
            self._process = subprocess.Popen(  # noqa: S603 - our own command, arguments passed as a list
                [*command, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=processes.environment(),
                start_new_session=True,  # Ctrl-C reaches the coordinator alone, which passes it on
            )

    def _last_line(self) -> str:
        try:
            text = self._log.read_bytes()[self._said_before :].decode(errors="replace")
        except OSError:
            return ""
        lines = text.strip().splitlines()
        errors = [line for line in lines if "error: " in line]
        return (errors or lines or [""])[-1].removeprefix(f"{program.title('launch')}: error: ")
