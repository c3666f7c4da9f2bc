"""Draws of an update: functions of the seed, the stage and the update, so that an interruption changes none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from agad.methods.method import Method, TrainView
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded


class KeyedMethod(Method):
    """A method that draws at random in its updates.

    Attributes:
        spec: of the run; set by the method.
    """

    spec: RunSpec
    _updates = 0  # of the stage

    def begin(self, train: TrainView) -> None:  # noqa: ARG002
        """Count the stage's updates from 0: what comes after pretraining draws the same with it and without it."""
        self._updates = 0

    def draws(self, name: str) -> torch.Generator:
        """A fresh generator on the CPU, for one kind of draw of the update under way."""
        stage = ("pretraining",) if self.pretraining else ()
        return seeded("draws", name, *stage, *self.spec.seed_key, self._updates)

    def after_update(self, terms: Mapping[str, float]) -> None:  # noqa: ARG002
        """Count it."""
        self._updates += 1

    def state_dict(self) -> dict[str, Any]:
        """How many updates the stage has made."""
        return {"updates": self._updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self._updates = state["updates"]
