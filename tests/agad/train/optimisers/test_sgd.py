"""Plain gradient descent: the numbers of torch.optim.SGD."""

from __future__ import annotations

import pytest
import torch

from agad.train.optimisers.sgd import Sgd
from tests.agad.train.optimisers.test_adam import give_gradients, weights


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_moves_weights_as_torch_s_own(decay: float) -> None:
    """Also where a weight has no gradient, and after its state was saved and read."""
    mine, others = weights(), weights()
    ours, theirs = Sgd(mine, 0.1, decay), torch.optim.SGD(others, 0.1, weight_decay=decay)
    for step in range(4):
        for parameters, sgd in ((mine, ours), (others, theirs)):
            give_gradients(parameters, step)
            sgd.step()
        for a, b in zip(mine, others, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
        again = Sgd(mine, 0.1, decay)
        again.load_state_dict(ours.state_dict())
        ours = again
    ours.zero_grad()
    assert all(parameter.grad is None for parameter in mine)
