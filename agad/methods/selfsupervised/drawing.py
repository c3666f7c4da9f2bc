"""DrawingMethod: what methods share that draw at random in every update."""

from __future__ import annotations

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
        super().__init__({name: net}, (Group.of(spec, name, name),))
        self.spec = spec

    def draw(self, what: str, choices: int, count: int) -> Tensor:
        """`count` numbers from 0 to below `choices`, (count,) int64 on the CPU: the same in the same update."""
        key = seeded(what, *self.spec.seed_key, self.update)
        return torch.randint(choices, (count,), generator=key)
