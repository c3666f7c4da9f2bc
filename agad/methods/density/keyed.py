"""Draws of an update: functions of the seed, the stage and the update, so that an interruption changes none."""

from __future__ import annotations

import torch

from agad.methods.method import Method
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded


class KeyedMethod(Method):
    """A method that draws at random in its updates.

    Attributes:
        spec: of the run; set by the method.
    """

    spec: RunSpec

    def draws(self, name: str) -> torch.Generator:
        """A fresh generator on the CPU, for one kind of draw of the update under way.

        Each stage counts from 0: what comes after pretraining draws the same with it and without it.
        """
        stage, first = (("pretraining",), 0) if self.pretraining else ((), self.spec.pretrain_updates)
        return seeded("draws", name, *stage, *self.spec.seed_key, self.update - first)
