"""How the C library hands out memory in workers on the CPU, set by environment variables that each is started with.

torch requests memory for each activation at a multiple of 64 bytes. What glibc cuts off at both ends goes to its caches
of small pieces, and one small piece in use prevents the block from being used for an activation of the same size again:
measured at a quarter of the memory of an update. Without these caches the pieces are merged again. The thresholds keep
freed memory in the process instead of returning it to the system for zeroed pages a moment later. Other C libraries
ignore all of this.
"""

from __future__ import annotations

import os

_TUNABLES = {
    "arena_max": 1,  # Ray's workers train in a thread: it must use the one heap that grows as a whole
    "tcache_count": 0,
    "mxfast": 0,
    "mmap_threshold": 32
    * 2**20,  # the most that glibc accepts: larger activations are mapped by the system, smaller ones are on the heap
    "trim_threshold": 8 * 2**30,
}


def variables(device: str) -> dict[str, str]:
    """Environment variables for a worker on that device: none for a GPU, nor where the user has set the allocator."""
    if device != "cpu" or any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return {}
    return {"GLIBC_TUNABLES": ":".join(f"glibc.malloc.{name}={value}" for name, value in _TUNABLES.items())}
