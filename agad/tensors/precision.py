"""What a precision is on this machine, where that is not what its name says. Without torch: plans are checked early."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from pathlib import Path

from agad.spec.run import RunSpec

_LOG = logging.getLogger(__name__)
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""x86's two sets, and ARM's, as Linux names them."""
_TIMES = 24
"""How many times as long as in float32 an update was measured to take on a CPU with AVX2 alone."""


_FIELDS = ("precision", "eval_precision")


def notes(specs: Iterable[RunSpec], device: str) -> list[str]:
    """A line for each precision of the runs that is not on this device what its name says."""
    specs = list(specs)
    return [line for line in (slow_bf16(specs, device), tf32_is_fp32(specs, device)) if line is not None]


def say_once(spec: RunSpec, device: str) -> None:
    """Log what `notes` says of a run, once in a process."""
    for line in notes([spec], device):
        _say_once(line)


@functools.cache
def _say_once(line: str) -> None:
    _LOG.warning("%s", line)


def tf32_is_fp32(specs: Iterable[RunSpec], device: str) -> str | None:
    """One line for runs whose TF32 is float32, because they are made on the CPU; None where there are none."""
    if device != "cpu" or not _wanted(specs, "tf32"):
        return None
    return "on the CPU precision=tf32 is fp32: only GPUs round to TF32"


def slow_bf16(specs: Iterable[RunSpec], device: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """One line for runs that would be slowed down by bfloat16 on the CPU; None where none is, or nothing is known.

    Args:
        specs: the runs that are to be made.
        device: where: `cpu`, `cuda` or `cuda:N`.
        cpuinfo: Linux's description of the processor.
    """
    wanted = _wanted(specs, "bf16")
    if device != "cpu" or not wanted or _has_instructions(cpuinfo):
        return None
    changes = " ".join(f"--set {name}=fp32" for name in sorted(wanted))
    return (
        "this CPU has no bfloat16 instructions (avx512_bf16 or amx_bf16): bf16 was measured "
        f"{_TIMES} times slower than fp32 on such a one; take {changes}, which makes other runs"
    )


def _wanted(specs: Iterable[RunSpec], precision: str) -> set[str]:
    """The fields in which some run has that precision."""
    return {name for spec in specs for name in _FIELDS if getattr(spec, name) == precision}


def _has_instructions(cpuinfo: Path) -> bool:
    """Also where nothing is known."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    known = [set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))]
    return not known or any(flags & _INSTRUCTIONS for flags in known)
