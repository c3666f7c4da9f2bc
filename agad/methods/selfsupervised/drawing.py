"""DrawingMethod: what methods share that draw at random in every update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from agad.methods.method import Group, Method
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded


class DrawingMethod(Method):
    """A method with one net whose draws are functions of the run's seed_key and the number of the update alone.

    Args:
        spec: of the run.
        name: of the net, and of the group that moves it.
        net: what is trained.
    """

    def __init__(self, spec: RunSpec, name: str, net: nn.Module) -> None:
        betas, steps = (spec.beta1, spec.beta2), spec.lr_steps
        divisor, optimiser = spec.lr_divisor, spec.optimiser
        group = Group(name, (name,), spec.lr, betas, spec.weight_decay, steps, lr_divisor=divisor, optimiser=optimiser)
        super().__init__({name: net}, (group,))
        self.spec = spec
        self._updates = 0

    def draw(self, what: str, choices: int, count: int) -> Tensor:
        """`count` numbers from 0 to below `choices`, (count,) int64 on the CPU: the same in the same update."""
        key = seeded(what, *self.spec.seed_key, self._updates)
        return torch.randint(choices, (count,), generator=key)

    def after_update(self, terms: Mapping[str, float]) -> None:  # noqa: ARG002
        """Count it."""
        self._updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The number of updates made."""
        return {"updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self._updates = state["updates"]
