"""Whose fault an exception is: the run's, or that of the place it ran in. Imports no torch: it goes by names."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from agad.errors import AgadError, DataError, DeviceError, NonFiniteLoss, StoreError, is_out_of_memory

_PLACE_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENODEV,
    errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.ENOTDIR, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOLINK,
}  # fmt: skip
_PLACE_WORDS = (
    "CUDA error", "CUDA driver", "cudaErr", "NVML", "ECC", "no kernel image", "cuDNN error", "No CUDA GPUs",
    "NVIDIA driver", "CUDA-capable device",
)  # fmt: skip
"""Words of RuntimeErrors by which torch reports a broken or missing device."""


class PlaceError(AgadError):
    """Something is wrong with this machine, its data or its disks, and not with a run: the worker ends."""


@contextlib.contextmanager
def errors_of_place() -> Iterator[None]:
    """Turn what is wrong with this place into PlaceError, one line; let the rest pass."""
    try:
        yield
    except PlaceError:
        raise
    except Exception as error:
        if not is_of_place(error):
            raise
        raise PlaceError(_one_line(error)) from error


def is_of_place(error: Exception) -> bool:
    """Whether the next run would fail here in the same way: device, data, disk, import."""
    if isinstance(error, PlaceError | DataError | DeviceError | StoreError | ImportError):
        return True
    if isinstance(error, OSError):
        return error.errno in _PLACE_ERRNOS
    return isinstance(error, RuntimeError) and not is_out_of_memory(error) and _mentions(error, _PLACE_WORDS)


def failure_kind(error: Exception) -> str:
    """One of agad.store.schema.FAILURE_KINDS for a run that raised."""
    if isinstance(error, NonFiniteLoss):
        return "nan"
    return "oom" if is_out_of_memory(error) else "error"


def _mentions(error: Exception, words: tuple[str, ...]) -> bool:
    return any(word in str(error) for word in words)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, AgadError | OSError) else f"{type(error).__name__}: {text}"
