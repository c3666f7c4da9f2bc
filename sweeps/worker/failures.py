"""Whose fault an exception is: the run's, or that of the environment it ran in. Imports no torch: it goes by names."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from agad.errors import AgadError, DataError, DeviceError, NonFiniteLoss, StoreError, is_out_of_memory
from agad.store.provenance import collect

_ENVIRONMENT_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENODEV,
    errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.ENOTDIR, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOLINK,
}  # fmt: skip
_DEVICE_WORDS = (
    "CUDA error", "CUDA driver", "cudaErr", "NVML", "ECC", "no kernel image", "cuDNN error", "No CUDA GPUs",
    "NVIDIA driver", "CUDA-capable device",
)  # fmt: skip
"""Words of RuntimeErrors by which torch reports a broken or missing device."""


class EnvironmentFault(AgadError):
    """Something is wrong with this machine, its data or its disks, and not with a run: the worker ends."""


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


def is_environmental(error: Exception) -> bool:
    """Whether the next run would fail here in the same way: device, data, disk, import."""
    if isinstance(error, EnvironmentFault | DataError | DeviceError | StoreError | ImportError):
        return True
    if isinstance(error, OSError):
        return error.errno in _ENVIRONMENT_ERRNOS
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return any(word in str(error) for word in _DEVICE_WORDS)


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
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, AgadError | OSError) else f"{type(error).__name__}: {text}"
