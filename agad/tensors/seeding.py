"""Independent random generators by name: each draw of a run is a function of its key, never of what was drawn before.

So nothing of a generator's state has to be kept: whoever knows the seed and the number of the update can draw again.
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
