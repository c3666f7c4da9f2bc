"""What all processes share that this program starts: environment, signals."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from .program import search_path

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment(threads: int | None = None) -> dict[str, str]:
    """This process's environment, with this code importable and, where given, each library's number of threads."""
    return {**os.environ, **search_path(), **({} if threads is None else thread_limits(threads))}


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that set the number of threads of each library."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


_WARNINGS = {signal.SIGUSR1, signal.SIGUSR2}
"""Slurm sends its warnings to all processes of a step: only the launcher handles them."""


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Processes started inside never get Slurm's warnings; this one gets them at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WARNINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
