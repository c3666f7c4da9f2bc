"""Independent random generators by key: each draw of a run is a function of its key, never of earlier draws.

So no generator's state is saved: the seed and the number of the update suffice to repeat a draw.
"""

from __future__ import annotations

import hashlib
import json

import torch

Key = str | int


def seed_of(*key: Key) -> int:
    """64 bits of the SHA-256 of a key; `("init", 1)` and `("init", "1")` are different keys."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def generator(*key: Key) -> torch.Generator:
    """A fresh CPU generator for a key such as `("anomalies", seed, update)`.

    torch's CPU generator starts from the lower 32 bits of its seed, so two keys coincide with a chance of 2^-32.
    """
    return torch.Generator().manual_seed(seed_of(*key))
