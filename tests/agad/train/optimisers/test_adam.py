"""Adam without torch.optim's classes: the bits of torch.optim.Adam, and its checkpoints."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from agad.train.optimisers.adam import Adam
from agad.train.update import update
from tests.helpers.science import small, training_of


def weights() -> list[nn.Parameter]:
    source = torch.Generator().manual_seed(0)
    kernel = torch.randn(8, 4, 3, 3, generator=source).contiguous(memory_format=torch.channels_last)
    return [nn.Parameter(kernel), nn.Parameter(torch.randn(5, generator=source)), nn.Parameter(torch.zeros(()))]


def give_gradients(parameters: list[nn.Parameter], step: int) -> None:
    """The last weight has one in every other step only."""
    source = torch.Generator().manual_seed(step)
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=source))
    if step % 2 == 0:
        parameters[-1].grad = None


def theirs_of(parameters: list[nn.Parameter]) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=2e-3, betas=(0.5, 0.9), fused=True)


def same(one: list[nn.Parameter], other: list[nn.Parameter]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_it_has_the_bits_of_torch_s_own() -> None:
    mine, others = weights(), weights()
    ours, theirs = Adam(mine, 2e-3, (0.5, 0.9)), theirs_of(others)
    for step in range(6):
        for parameters, adam in ((mine, ours), (others, theirs)):
            give_gradients(parameters, step)
            adam.step()
        assert same(mine, others), step
    assert not same(mine, weights())


@pytest.mark.parametrize("begun_by", ["torch", "agad"])
def test_a_state_goes_on_where_either_left_it(begun_by: str) -> None:
    """Checkpoints from before this class are torch's; ours lack only its groups."""
    alone, taken_over = weights(), weights()
    reference = theirs_of(alone)
    begun = theirs_of(taken_over) if begun_by == "torch" else Adam(taken_over, 2e-3, (0.5, 0.9))
    for step in range(3):
        for parameters, adam in ((alone, reference), (taken_over, begun)):
            give_gradients(parameters, step)
            adam.step()
    state = copy.deepcopy(begun.state_dict())
    goes_on = Adam(taken_over, 2e-3, (0.5, 0.9))
    goes_on.load_state_dict(state)
    for step in range(3, 6):
        for parameters, adam in ((alone, reference), (taken_over, goes_on)):
            give_gradients(parameters, step)
            adam.step()
    assert same(alone, taken_over)


def test_a_loaded_state_is_a_copy() -> None:
    first, second = weights(), weights()
    one, other = Adam(first, 2e-3, (0.5, 0.9)), Adam(second, 2e-3, (0.5, 0.9))
    give_gradients(first, 1)
    one.step()
    other.load_state_dict(one.state_dict())
    before = one.state[first[0]]["exp_avg"].clone()
    give_gradients(second, 2)
    other.step()
    assert torch.equal(one.state[first[0]]["exp_avg"], before)


def test_gradients_are_forgotten() -> None:
    parameters = weights()
    adam = Adam(parameters, 2e-3, (0.5, 0.9))
    give_gradients(parameters, 2)
    adam.zero_grad()
    assert [parameter.grad for parameter in parameters] == [None] * 3


RUN = """
import sys
from agad.train.run import train
from tests.helpers.science import OPTIONS, made_up, small
train(small(), OPTIONS, data=made_up())
print([name for name in ("torch._dynamo", "torch._inductor") if name in sys.modules])
"""


@pytest.mark.slow
def test_a_run_does_not_load_torch_s_compiler() -> None:
    """150 MiB of every worker, and a second of its start."""
    done = subprocess.run([sys.executable, "-c", RUN], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_moments_take_the_layout_of_their_weights() -> None:
    """A checkpoint from a device with another layout: the fused update would read moments of other weights."""
    one, other = training_of(small(backbone="unet")), training_of(small(backbone="unet"))
    update(one)
    state = copy.deepcopy(one.state_dict())
    for optimiser in state["optimisers"].values():
        for moments in optimiser["state"].values():
            moments.update({name: value.contiguous() for name, value in moments.items()})
    other.load_state_dict(state)
    update(one)
    update(other)
    for name, value in one.method.generator.state_dict().items():
        assert torch.equal(value, other.method.generator.state_dict()[name]), name
