"""Independent random generators by key: each draw of a run is a function of its key, never of earlier draws.

So no generator's state is saved: the seed and the number of the update suffice to repeat a draw.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator

import numpy as np
import torch

from agad.errors import SpecError

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


@contextlib.contextmanager
def keyed_draws_only(whose: str, when: str, *, numpy: bool = True) -> Iterator[None]:
    """Raise SpecError at the end where torch's or numpy's global generators have moved: such draws have no key.

    Args:
        whose: module of the method, for the message.
        when: what it does meanwhile, for the message.
        numpy: whether numpy's counts: scikit-learn draws seeds from it that nothing depends on.
    """
    before = _global_states(numpy=numpy)
    yield
    after = _global_states(numpy=numpy)
    for name, state in before.items():
        if state != after[name]:
            raise SpecError(
                f"{whose} {when}: it, or a net of its, draws from {name}'s global random generator, so that no run can "
                "be repeated; draw from agad.tensors.seeding.generator(KEY, ...), and make nets by "
                "agad.nets.build.seeded_net, or in torch.random.fork_rng() after torch.manual_seed(seed_of(KEY, ...)); "
                "give a DataLoader such a generator too (generator=...)"
            )


def _global_states(*, numpy: bool) -> dict[str, list[bytes]]:
    """The states are on the host, a GPU's too: to read them waits for nothing."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states.append(torch.cuda.get_rng_state())
    found = {"torch": [state.numpy().tobytes() for state in states]}
    if numpy:
        state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - read only
        found["numpy"] = [state["key"].tobytes(), str(state["pos"]).encode()]
    return found
