"""Workers as processes of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ...machine import allocator, processes, program
from ...worker.options import WorkerOptions

_KILLED_WITHIN = 10.0
"""Seconds that killed workers are waited for: one that waits for a dead file server never ends."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker process that has ended.

    Attributes:
        name: the worker's name.
        code: its exit code; negative: the signal that killed it.
        message: the last line of its log, where it ended with a fault of the environment.
    """

    name: str
    code: int
    message: str


class LocalWorkers:
    """Worker processes, started and watched by this one.

    Args:
        options: what every worker is started with; name, log and launcher are added.
        logs: folder of their logs, and of the file of the options.
        gpus: names for CUDA_VISIBLE_DEVICES, one worker each in turn; empty on the CPU.
    """

    def __init__(self, options: WorkerOptions, logs: Path, gpus: list[str]) -> None:
        self._options = options
        self._logs = logs
        self._file: Path | None = None
        self._gpus = gpus
        self._started = 0
        self._running: dict[subprocess.Popen[bytes], tuple[str, Path]] = {}
        self._gpu_of: dict[str, str] = {}

    @property
    def running(self) -> int:
        """How many are running."""
        return len(self._running)

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are running."""
        return tuple(name for name, _ in self._running.values())

    def start(self, count: int) -> None:
        """Start `count` more workers."""
        if count:
            self._file = self._options.save(self._logs)
        for _ in range(count):
            self._start_one()

    def _start_one(self) -> None:
        name = f"{os.uname().nodename}-{os.getpid()}-{self._started}"
        log = self._logs / f"{name}.log"
        options = self._options
        own = [f"--name={name}", f"--log={log}", f"--device={options.device}", f"--parent={os.getpid()}"]
        own.append("--verified=1")  # by the launch that runs this executor, on this machine
        environment = processes.environment(options.threads) | allocator.variables(options.device)
        environment["PYTHONUNBUFFERED"] = "1"
        if self._gpus:
            self._gpu_of[name] = environment["CUDA_VISIBLE_DEVICES"] = self._freest_gpu()
        with log.open("ab") as output, processes.without_warnings():
            process = subprocess.Popen(  # noqa: S603 - our own module, arguments passed as a list
                [*program.module("worker"), f"--options={self._file}", *own],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which passes it on
            )
        self._running[process] = (name, log)
        self._started += 1

    def _freest_gpu(self) -> str:
        """The GPU with the fewest workers: that of the worker that has died, where one replaces it."""
        busy = [self._gpu_of[name] for name, _ in self._running.values()]
        return min(self._gpus, key=busy.count)

    def poll(self) -> list[Exit]:
        """The workers that have ended since the last call. Empty logs are removed."""
        ended = []
        for process, (name, log) in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            del self._running[process]
            ended.append(Exit(name, code, _last_line(log)))
            if log.exists() and log.stat().st_size == 0:
                log.unlink()
        return ended

    def stop(self, patience: float) -> None:
        """Let all write checkpoints and end, wait for it for `patience` seconds, then kill those that are left."""
        self._signal(signal.SIGTERM)
        ends = time.monotonic() + patience
        while self._running and time.monotonic() < ends:
            self.poll()
            time.sleep(0.05)
        self.kill()

    def kill(self) -> None:
        """Kill them at once; their claims are dead with them. One that hangs in the system is left to it."""
        self._signal(signal.SIGKILL)
        ends = time.monotonic() + _KILLED_WITHIN
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, ends - time.monotonic()))
        self.poll()

    def abandon(self, name: str) -> None:
        """Kill this one, and wait for it no more: it may hang where no signal reaches it, and its place is free."""
        for process, (known, _) in list(self._running.items()):
            if known == name:
                process.kill()
                del self._running[process]

    def _signal(self, number: int) -> None:
        for process in self._running:
            process.send_signal(number)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
