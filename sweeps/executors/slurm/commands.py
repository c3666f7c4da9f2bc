"""Slurm's own commands, called with a time limit; their errors become one line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from agad.errors import AgadError

_TIMEOUT = 60.0
"""Seconds; a client waits about 9 s for a controller that does not answer, and repeats its request."""


class SlurmError(AgadError):
    """Slurm is not here, does not answer, or refuses."""


class SlurmNotHereError(SlurmError):
    """Slurm's commands are not on this machine."""


def call(command: Sequence[str], *, timeout: float = _TIMEOUT) -> str:
    """Standard output of one of Slurm's commands. Raises SlurmError with Slurm's own message, one line."""
    return run(command, timeout=timeout)[0]


def run(command: Sequence[str], *, timeout: float = _TIMEOUT) -> tuple[str, str]:
    """Standard output and standard error, likewise: `sbatch --test-only` answers on the latter."""
    name = command[0]
    path = shutil.which(name)
    if path is None:
        raise SlurmNotHereError(
            f"{name} is not on the path: Slurm cannot be reached from this machine; use --executor local"
        )
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell
            [path, *command[1:]],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{name} did not answer within {timeout:.0f} s; is slurmctld up?") from error
    except OSError as error:
        raise SlurmError(f"{name} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise SlurmError(complaint(done.stderr) or f"{name} ended with status {done.returncode}")
    return done.stdout, done.stderr


def complaint(stderr: str) -> str:
    """The first line with an error, in Slurm's words: the ones after it are consequences."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if "error:" in line]
    return next(iter([*named, *lines]), "")
