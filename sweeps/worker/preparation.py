"""The data of a plan, prepared by a process of its own: it needs torch, which a launch does not load."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agad.errors import AgadError

from ..machine import processes, program
from .stopping import Stopping


def prepare(plan_path: Path, data: str, cache: str | None, *, download: bool, stopping: Stopping | None = None) -> None:
    """Run sweeps.worker.prepare on a plan file. Raises AgadError with its one line.

    Returns early where it is to stop: a preparation that is cut off leaves nothing behind.
    """
    command = [*program.module("worker.prepare"), "--plan", str(plan_path), "--data", data]
    command += ["--cache", cache] if cache else []
    command += ["--download", "--list"] if download else []
    with processes.without_warnings():
        process = subprocess.Popen(command, env=processes.environment(), stderr=subprocess.PIPE, text=True)  # noqa: S603
    with process:
        said = _ended(process, stopping or Stopping())
    if process.returncode and not (stopping and stopping.is_set()):
        lines = said.strip().splitlines() or [f"preparing the data ended with status {process.returncode}"]
        raise AgadError(lines[-1])


def _ended(process: subprocess.Popen[str], stopping: Stopping) -> str:
    """What a process has written to standard error when it has ended, by itself or because all is to stop."""
    while True:
        try:
            return process.communicate(timeout=0.5)[1]
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                process.terminate()
        except BaseException:
            process.kill()
            raise
