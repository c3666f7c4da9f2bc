"""Whose fault an exception is: the run's, or that of the environment it ran in. Imports no torch: it goes by names."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

from agad import files
from agad.errors import NO_THREADS, AgadError, NonFiniteLoss, SpecError, is_out_of_memory, lacks_threads
from agad.store.provenance import collect

_ENVIRONMENT = (AgadError, OSError, ImportError)
"""Errors that are never a run's own: data, device, store, every error of the operating system, a failing import."""
_OWN = (NonFiniteLoss, SpecError)
"""Those of AgadError that are: the spec, on these data, has no number."""
_SYSTEM_ERROR = re.compile(r"(?P<text>[A-Z][^:()]*) \((?P<number>[0-9]{1,3})\)")
"""How torch's C++ code writes an error of the operating system into a RuntimeError."""
_DEVICE_WORDS = (
    "CUDA error", "CUDA driver", "cudaErr", "NVML", "ECC", "no kernel image", "cuDNN error", "No CUDA GPUs",
    "NVIDIA driver", "CUDA-capable device",
)  # fmt: skip
"""Words of RuntimeErrors by which torch reports a broken or missing device."""


class EnvironmentFault(AgadError):
    """Something is wrong with this machine, its data or its disks, and not with a run: the worker ends."""


class LastingFault(EnvironmentFault):
    """One that comes again however often a run is made: no worker need be started to see it again."""


@contextlib.contextmanager
def environment_faults() -> Iterator[None]:
    """Turn what is wrong with the environment into EnvironmentFault, one line; let the rest pass."""
    try:
        yield
    except EnvironmentFault:
        raise
    except Exception as error:
        if not is_environmental(error):
            raise
        raise EnvironmentFault(_one_line(error)) from error


def is_environmental(error: BaseException) -> bool:
    """Whether an exception is not the run's own fault, by itself or by the error that it was raised from.

    A run's own are a non-finite loss, a spec that does not go with its data, memory that does not suffice, and
    whatever the code of a net or method raises. No error of the operating system is: another run would meet it too.
    """
    if isinstance(error, _OWN) or is_out_of_memory(error):
        return False
    if isinstance(error, _ENVIRONMENT) or lacks_threads(error):
        return True
    if isinstance(error, RuntimeError) and (_names_device(error) or _names_system_error(error)):
        return True
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return cause is not None and is_environmental(cause)


def _names_device(error: RuntimeError) -> bool:
    return any(word in str(error) for word in _DEVICE_WORDS)


def _names_system_error(error: RuntimeError) -> bool:
    found = _SYSTEM_ERROR.finditer(str(error))
    return any(os.strerror(int(one["number"])) == one["text"] for one in found)


def failure_columns(error: Exception) -> dict[str, Any]:
    """The columns by which a failed row says what happened, and of which code, versions and machine."""
    return {
        **collect(),
        "failure_kind": failure_kind(error),
        "failure_message": f"{type(error).__name__}: {error}"[:2000],
        "failure_update": error.update if isinstance(error, NonFiniteLoss) else None,
    }


def failure_kind(error: Exception) -> str:
    """One of agad.store.schema.FAILURE_KINDS for a run that raised."""
    if isinstance(error, NonFiniteLoss):
        return "nan"
    return "oom" if is_out_of_memory(error) else "error"


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return files.error_line(error)
    if lacks_threads(error):
        return NO_THREADS
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, AgadError) else f"{type(error).__name__}: {text}"
