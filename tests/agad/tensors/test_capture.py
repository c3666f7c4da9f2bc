"""Whether two tensors have the same bits, of any type and shape."""

from __future__ import annotations

import pytest
import torch

from agad.tensors.capture import same_bits

KINDS = [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4, 4)], ids=str)
def test_a_tensor_of_any_type_has_the_bits_of_its_copy(kind: torch.dtype, shape: tuple[int, ...]) -> None:
    one = torch.arange(max(1, torch.Size(shape).numel())).to(kind)[: torch.Size(shape).numel()].reshape(shape)
    assert same_bits(one, one.clone())
    if one.numel():
        other = one.clone()
        other.view(-1)[-1] = 0 if one.view(-1)[-1] else 1
        assert not same_bits(one, other)


def test_bits_are_compared_and_not_numbers() -> None:
    nan, zero = torch.tensor([float("nan")]), torch.zeros(1)
    assert same_bits(nan, nan.clone())
    assert not same_bits(zero, -zero)
    assert not same_bits(torch.zeros(2), torch.zeros(1, 2))
    assert not same_bits(torch.zeros(1), torch.zeros(1, dtype=torch.int32))


def test_layout_is_no_matter() -> None:
    one = torch.rand(2, 3, 4, 4)
    assert same_bits(one, one.to(memory_format=torch.channels_last))
