"""Adam, by torch's own fused update; moments and checkpoints are handled here.

The first torch.optim.Optimizer of a process loads torch's compiler, which nothing here uses: 150 MiB of every worker
and more than a second of its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

EPSILON = 1e-8
"""torch's own default, which the paper does not mention changing."""


class Adam:
    """Adam (Kingma and Ba 2015) as torch.optim.Adam(..., fused=True) does it.

    Attributes:
        parameters: the weights.
        lr: learning rate of the next step.
        betas: decay rates of the two moments.
        weight_decay: factor of the weights that is added to their gradients.
        state: by weight `step`, `exp_avg` and `exp_avg_sq`; of those that had a gradient in some step.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, betas: tuple[float, float], weight_decay: float = 0.0
    ) -> None:
        self.parameters = list(parameters)
        self.lr, self.betas, self.weight_decay = lr, betas, weight_decay
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move each weight that has a gradient."""
        moved = [parameter for parameter in self.parameters if parameter.grad is not None]
        states = [self._state_of(parameter) for parameter in moved]
        steps, means, squares = ([state[name] for state in states] for name in ("step", "exp_avg", "exp_avg_sq"))
        adam(
            moved,
            [parameter.grad for parameter in moved if parameter.grad is not None],
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """The states by the weights' positions, as torch.optim.Adam's have them; not copies."""
        positions = enumerate(self.parameters)
        return {"state": {position: dict(self.state[one]) for position, one in positions if one in self.state}}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over copies of what state_dict gave, torch.optim.Adam's too.

        Moments come to the layout of their weights. Saved ones keep that of the device which wrote them, and the fused
        update walks through memory: in another layout they would silently be those of other weights. Moments that are
        there are overwritten where they lie: a captured update reads them there.
        """
        for position in {*range(len(self.parameters))} - {*saved["state"]}:
            self.state.pop(self.parameters[position], None)
        for position, values in saved["state"].items():
            parameter = self.parameters[position]
            state = self._state_of(parameter)
            for name, value in state.items():
                value.copy_(values[name])

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        if parameter not in self.state:
            self.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
        return self.state[parameter]
