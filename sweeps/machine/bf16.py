"""Whether this machine's CPU computes in bfloat16, or only imitates it. Without torch: a plan is checked before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agad.spec.run import RunSpec

_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""x86's two sets, and ARM's, as Linux names them."""
_TIMES = 24
"""How many times as long as in float32 an update was measured to take on a CPU with AVX2 alone."""


def slow_bf16(specs: Iterable[RunSpec], device: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """One line for runs that would be slowed down by bfloat16 on the CPU; None where none is, or nothing is known.

    Args:
        specs: the runs that are to be made.
        device: where: `cpu`, `cuda` or `cuda:N`.
        cpuinfo: Linux's description of the processor.
    """
    wanted = {name for spec in specs for name in ("precision", "eval_precision") if getattr(spec, name) == "bf16"}
    if device != "cpu" or not wanted or _has_instructions(cpuinfo):
        return None
    changes = " ".join(f"--set {name}=fp32" for name in sorted(wanted))
    return (
        "this CPU has no bfloat16 instructions (avx512_bf16 or amx_bf16): bf16 was measured "
        f"{_TIMES} times slower than fp32 on such a one; take {changes}, which makes other runs"
    )


def _has_instructions(cpuinfo: Path) -> bool:
    """Also where nothing is known."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    known = [set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))]
    return not known or any(flags & _INSTRUCTIONS for flags in known)
