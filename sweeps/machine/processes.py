"""What processes that are started with this agad share: environment, signals."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from .program import search_path

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def environment(threads: int | None = None) -> dict[str, str]:
    """This process's environment, with this code importable and, where given, so many threads for each library."""
    return {**os.environ, **search_path(), **({} if threads is None else thread_limits(threads))}


def thread_limits(threads: int) -> dict[str, str]:
    """Variables that give each library so many threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


_WARNINGS = {signal.SIGUSR1, signal.SIGUSR2}
"""Slurm sends its warnings to all processes of a step: what they mean is for the launcher to say."""


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Processes that are started meanwhile never get Slurm's warnings; this one gets them at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WARNINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
