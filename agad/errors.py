"""Errors that a user can cause, and warnings. Each message is one line that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection


class AgadError(Exception):
    """Base of all errors that are shown to the user as one line, without a traceback."""


class SpecError(AgadError, ValueError):
    """A field, a value or a combination of values that no run can have."""


class DataError(AgadError):
    """Data that are missing, truncated or unusable. A fault of the environment: no row is written for it."""


class DeviceError(AgadError):
    """A device that is not there or is broken. A fault of the environment: no row is written for it."""


class StoreError(AgadError):
    """A results folder that cannot be read or written. A fault of the environment: no row is written for it."""


class AnalysisError(AgadError):
    """Rows, a plan or a request that no honest table can be made of."""


class EmptyResultsError(AnalysisError):
    """A results folder that holds no plan, no row and no study."""


class StoreWarning(UserWarning):
    """A finished run is not stored, or is not the one that counts, as other numbers of it are there."""


class MakerWarning(UserWarning):
    """Other code than today's has made a detector or trained weights, or the weights are not those of a row."""


class AuditError(AgadError):
    """A score function, a model or images that no audit can be made of."""


class NonFiniteLoss(AgadError):
    """The loss or a weight became NaN or infinite: the run has failed, and would fail again.

    Attributes:
        update: the update (counted from 1) at which it was seen.
    """

    def __init__(self, update: int, what: str) -> None:
        super().__init__(f"{what} became non-finite at update {update}")
        self.update = update


FAULTS = (Exception, SystemExit)
"""What code of somebody else's may raise, `sys.exit` included; Ctrl-C is the user's own."""

NO_THREADS = "the system gives no more threads or processes (ulimit -u, or a limit of the job or container)"
_THREAD_WORDS = ("can't start new thread", "Failed to launch worker thread", "pthread_create", "Thread creation failed")
_MEMORY_WORDS = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, a device's or the host's. By names and words, for this module imports no torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _MEMORY_WORDS)


def lacks_threads(error: BaseException) -> bool:
    """Whether the system has refused a thread. By words: Python and Arrow have no error of its own for it."""
    return isinstance(error, Exception) and any(word in str(error) for word in _THREAD_WORDS)


def suggestion(name: str, names: Collection[str], what: str) -> str:
    """For a message about an unknown name: the nearest of the legal names, or all of them where none is near."""
    near = difflib.get_close_matches(name, names, cutoff=0.7)
    return f"did you mean {' or '.join(near)}" if near else f"{what}: {', '.join(names)}"
