"""The GPUs, cores and memory of this machine, found without importing torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agad.errors import DeviceError


def visible_gpus() -> list[str]:
    """Names by which CUDA_VISIBLE_DEVICES addresses the GPUs that this process may use; empty where there are none.

    As CUDA reads that variable: its list ends at the first name that no GPU has, and a GPU named twice makes it void.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = _gpu_names()
    if listed is None:
        return [str(index) for index in range(len(there.gpus))]
    names, found = [], []
    for name in (part.strip() for part in listed.split(",")):
        gpu = there.find(name)
        if gpu is None:
            break
        if gpu in found:
            return []
        names.append(name)
        found.append(gpu)
    return names


@dataclass(frozen=True, slots=True)
class _Names:
    """The UUIDs of this machine's GPUs, by index, and of their MIG slices."""

    gpus: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()

    def find(self, name: str) -> str | None:
        """The UUID that an index, a UUID or the beginning of one means; None: none, or several."""
        if name.isdecimal():
            return self.gpus[int(name)] if int(name) < len(self.gpus) else None
        kind = self.gpus if name.startswith("GPU-") else self.slices if name.startswith("MIG-") else ()
        fitting = [uuid for uuid in kind if uuid.startswith(name)]
        return fitting[0] if len(fitting) == 1 else None


def _gpu_names() -> _Names:
    command = shutil.which("nvidia-smi")
    if command is None:
        return _Names()
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            [command, "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return _Names()
    if done.returncode:
        return _Names()
    listed = re.findall(r"^(\s*)(?:GPU|MIG) .*\(UUID: ([^)]+)\)", done.stdout, re.MULTILINE)
    return _Names(
        gpus=tuple(uuid for indent, uuid in listed if not indent),
        slices=tuple(uuid for indent, uuid in listed if indent),
    )


def resolve_device(requested: str) -> str:
    """`cpu` or `cuda` for `auto`, `cpu` or `cuda`. Raises DeviceError for CUDA where there is none."""
    if requested == "auto":
        return "cuda" if visible_gpus() else "cpu"
    if requested == "cuda" and not visible_gpus():
        raise DeviceError("--device cuda: no CUDA device is visible here; use --device cpu, or a machine with a GPU")
    return requested


def default_workers(device: str, threads: int, need: int) -> int:
    """One worker per visible GPU; on the CPU as many of `need` bytes each as cores and memory carry."""
    if device != "cpu":
        return len(visible_gpus())
    by_cores, free = _cores() // threads, _available_bytes()
    return max(1, by_cores if free is None else min(by_cores, free // need))


def _cores() -> int:
    """Cores that this process may use; in a Slurm job no more than it was allocated, which not every site enforces."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS
    return min(there, _allocated("SLURM_CPUS_ON_NODE") or there)


def _allocated(name: str) -> int | None:
    """A number from Slurm's environment variables; None outside of its jobs."""
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() and int(value) > 0 else None


def _available_bytes() -> int | None:
    """Bytes that workers may use; None where the system does not report them."""
    megabytes = _allocated("SLURM_MEM_PER_NODE") or (_allocated("SLURM_MEM_PER_CPU") or 0) * _cores()
    limits = (_free_bytes(), megabytes * 2**20 or None)
    return min((amount for amount in limits if amount is not None), default=None)


def _free_bytes() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not on macOS
        return None
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
    return kilobytes * 1024
