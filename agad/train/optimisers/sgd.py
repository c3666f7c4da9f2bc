"""Sgd: plain gradient descent, without momentum, with the interface of Adam here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class Sgd:
    """torch.optim.SGD(..., momentum=0): w - lr (g + weight_decay w). It remembers nothing.

    Attributes:
        parameters: the weights.
        lr: learning rate of the next step.
        weight_decay: factor of the weights that is added to their gradients.
        state: empty; Adam's moments lie here.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        self.parameters = list(parameters)
        self.lr, self.weight_decay = lr, weight_decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move each weight that has a gradient."""
        for parameter in self.parameters:
            if parameter.grad is not None:
                gradient = parameter.grad
                if self.weight_decay:
                    gradient = gradient.add(parameter, alpha=self.weight_decay)
                parameter.add_(gradient, alpha=-self.lr)

    def state_dict(self) -> dict[str, Any]:
        """As Adam's."""
        return {"state": {}}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
