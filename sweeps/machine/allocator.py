"""How the C library hands out memory in workers on the CPU, set by environment variables that each is started with.

torch asks for each map at a multiple of 64 bytes. What glibc cuts off at both ends goes to its caches of small pieces,
and one small piece in use keeps the map's place from ever serving a map of the same size: measured at a quarter of the
memory of an update. Without these caches the pieces grow together again. The thresholds keep freed memory at hand
instead of giving it back to the system for zeroed pages a moment later. Other C libraries ignore all of this.
"""

from __future__ import annotations

import os

_TUNABLES = {
    "arena_max": 1,  # Ray's workers train in a thread: it shall have the one heap that grows as a whole
    "tcache_count": 0,
    "mxfast": 0,
    "mmap_threshold": 32 * 2**20,  # the most that glibc takes: larger maps are the system's, smaller ones the heap's
    "trim_threshold": 8 * 2**30,
}


def variables(device: str) -> dict[str, str]:
    """Environment variables for a worker on that device: none for a GPU, nor where somebody has set the allocator."""
    if device != "cpu" or any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return {}
    return {"GLIBC_TUNABLES": ":".join(f"glibc.malloc.{name}={value}" for name, value in _TUNABLES.items())}
