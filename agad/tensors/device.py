"""The device of a run: opened, described, measured."""

from __future__ import annotations

import contextlib
import platform
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from agad.errors import DeviceError

Net = TypeVar("Net", bound=nn.Module)

MEMORY_FORMATS = {"cpu": torch.channels_last, "cuda": torch.contiguous_format}
"""Layout of images and weights by device type. On the CPU channels_last was measured to be 1.1 times faster for all
three generators, in float32 and bfloat16; on CUDA nothing was measured, so that torch's default stands."""


def open_device(name: str) -> torch.device:
    """The device `cpu`, `cuda` or `cuda:N`; DeviceError, one line, where it does not exist."""
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in MEMORY_FORMATS:
        raise DeviceError(f"unknown device {name!r}; choose from: cpu, cuda, cuda:N")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(f"device {name} is not available: torch sees no CUDA device here; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"device {name} does not exist; torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def memory_format(device: torch.device) -> torch.memory_format:
    """The layout that nets and images have on a device."""
    return MEMORY_FORMATS[device.type]


def place(net: Net, device: torch.device) -> Net:
    """The same net, moved to a device, in that device's memory layout."""
    net.to(device)
    net.to(memory_format=memory_format(device))
    return net


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Context of forward passes: `fp32` changes nothing, `bf16` is torch's autocast to bfloat16."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextlib.contextmanager
def settings(device: torch.device, threads: int | None) -> Iterator[None]:
    """Torch's settings for a run, restored at its end: thread count; on CUDA no TF32 and deterministic algorithms."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        if device.type == "cuda":
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
                yield
        else:
            yield
    finally:
        torch.set_num_threads(before)


def device_name(device: torch.device) -> str:
    """The model name of the GPU or the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def reset_peak_memory(device: torch.device) -> None:
    """Restart the measurement of the peak; where the system cannot, the CPU's peak is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: resets VmHWM


def peak_memory_bytes(device: torch.device) -> int:
    """Peak in bytes since reset_peak_memory: of tensors on CUDA, of the process's resident memory on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
