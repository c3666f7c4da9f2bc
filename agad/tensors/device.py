"""The device of a run: opened, described, measured."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from agad.errors import DeviceError

Net = TypeVar("Net", bound=nn.Module)
Answer = TypeVar("Answer")

_KINDS = ("cpu", "cuda")
_DEFAULT_LAYOUT = {("cuda", "fp32")}
"""Device type and training precision for which images and weights keep torch's default layout; channels_last for all
others. On the CPU channels_last was measured to be 1.1 times faster for all three generators, in float32 and bfloat16;
on an H100 1.2 (naive) and 1.9 times (UNet++) in bfloat16 and 2.0 in TF32 (UNet++). In strict float32 it is as fast
there and takes nearly twice the memory."""


def open_device(name: str) -> torch.device:
    """The device `cpu`, `cuda` or `cuda:N`; DeviceError, one line, where it does not exist."""
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in _KINDS:
        raise DeviceError(f"unknown device {name!r}; choose from: cpu, cuda, cuda:N")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError(f"device {name} is not available: torch sees no CUDA device here; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise DeviceError(f"device {name} does not exist; torch sees {torch.cuda.device_count()} CUDA devices")
        # Without it cuBLAS may choose other products on another stream; it is read at a process's first product.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return device


def memory_format(device: torch.device, precision: str = "fp32") -> torch.memory_format:
    """The layout of nets and images on a device, where training has that precision."""
    return torch.contiguous_format if (device.type, precision) in _DEFAULT_LAYOUT else torch.channels_last


def place(net: Net, device: torch.device, precision: str = "fp32") -> Net:
    """The same net, moved to a device, in the layout of that device and training precision."""
    net.to(device)
    net.to(memory_format=memory_format(device, precision))
    return net


def autocast(device: torch.device, precision: str, *, cached: bool = True) -> contextlib.AbstractContextManager[Any]:
    """Context of forward passes: `bf16` is torch's autocast to bfloat16, `tf32` is `rounding`, `fp32` is neither.

    `cached`: whether autocast keeps its casts of weights until the context ends.
    """
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=cached)
    return rounding(device, precision)


@contextlib.contextmanager
def rounding(device: torch.device, precision: str) -> Iterator[None]:
    """Context of forward and backward passes: whether float32 products may round their factors to TF32.

    They may under `tf32` on CUDA: the default of torch 1.10, for convolutions and matrix products. On the CPU `tf32`
    is `fp32`. Unlike torch's autocast it must be around backward passes too.
    """
    if device.type != "cuda" or precision != "tf32":
        yield
        return
    switches: tuple[Any, Any] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = True
    try:
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


@contextlib.contextmanager
def settings(device: torch.device, threads: int | None) -> Iterator[None]:
    """Torch's settings for runs, restored at their end: thread count; on CUDA deterministic algorithms.

    TF32 is off there; `rounding` switches it on for what has that precision. What the caller has set for numbers of its
    own means nothing to a run: autocast, inference mode, precision of products, no oneDNN, default type and device. So
    has an environment that rounds products to TF32, as in some containers.
    """
    before = torch.get_num_threads(), torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_num_threads, before[0])
        stack.callback(torch.set_default_dtype, before[1])
        stack.enter_context(_full_products())
        if threads is not None:
            torch.set_num_threads(threads)
        kernels: Any = torch.backends.mkldnn
        stack.callback(setattr, kernels, "enabled", kernels.enabled)
        kernels.enabled = True
        torch.set_default_dtype(torch.float32)
        stack.enter_context(_outside_autocast({"cpu", device.type}))
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.no_grad())
        if torch.get_default_device().type != "cpu":  # not always: it slows every call
            stack.enter_context(torch.device("cpu"))
        if device.type == "cuda":
            flags = torch.backends.cudnn.flags
            stack.enter_context(flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False))
        yield


@contextlib.contextmanager
def _full_products() -> Iterator[None]:
    """Products of whole float32 factors, however the caller rounds them: by torch's older switches or its newer ones.

    The older ones cannot be read, RuntimeError, where the newer ones say something else: they get their defaults back.
    """
    backends: Any = torch.backends
    older = _or(torch.get_float32_matmul_precision, "highest"), _or(lambda: backends.cudnn.allow_tf32, True)
    newer = []
    for switch in _newer_switches(backends):
        newer.append((switch, switch.fp32_precision))
        switch.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = True  # as is its default, which both ways then say
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(older[0])
        backends.cudnn.allow_tf32 = older[1]
        for switch, value in reversed(newer):
            switch.fp32_precision = value


def _newer_switches(backends: Any) -> Iterator[Any]:
    """Where torch 2.9 and later keep the rounding of products; that of all first, whose value the others else show."""
    if hasattr(backends, "fp32_precision"):
        yield backends
        yield from (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
        yield from (backends.mkldnn.matmul, backends.mkldnn.conv, backends.mkldnn.rnn)


def _or(question: Callable[[], Answer], otherwise: Answer) -> Answer:
    try:
        return question()
    except RuntimeError:
        return otherwise


@contextlib.contextmanager
def _outside_autocast(kinds: Collection[str]) -> Iterator[None]:
    """As if the caller were within no autocast, also none that is off.

    To be switched off would not do: autocast keeps its casts of weights until its outermost context ends, and if that
    is the caller's, an update would meet the weights of the first one.
    """
    depth = torch.autocast_increment_nesting() - 1
    before = {kind: torch.is_autocast_enabled(kind) for kind in kinds}, torch.is_autocast_cache_enabled()
    try:
        for _ in range(depth + 1):
            torch.autocast_decrement_nesting()
        for kind in kinds:
            torch.set_autocast_enabled(kind, False)
        torch.set_autocast_cache_enabled(True)
        torch.clear_autocast_cache()
        yield
    finally:
        for _ in range(depth):
            torch.autocast_increment_nesting()
        for kind, enabled in before[0].items():
            torch.set_autocast_enabled(kind, enabled)
        torch.set_autocast_cache_enabled(before[1])


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
