"""ESAD: its loss and its score by hand."""

from __future__ import annotations

import math

import pytest
import torch

from agad.methods import method_of
from agad.methods.density.esad import Outputs
from tests.helpers.methods import small_spec


def test_the_loss_by_hand_in_float64() -> None:
    """Of each image, then the mean over the batch; the last image is an anomaly."""
    source = torch.Generator().manual_seed(0)
    x, x_hat = torch.rand(2, 3, 1, 4, 4, dtype=torch.float64, generator=source)
    z1, z2 = torch.randn(2, 3, 5, dtype=torch.float64, generator=source)
    total = 0.0
    for index in range(3):
        norm = math.sqrt((z2[index] ** 2).sum().item())
        total += ((x[index] - x_hat[index]) ** 2).sum().item()
        total += norm if index < 2 else 1 / norm
        total += ((z1[index] - z2[index]) ** 2).mean().item()
    loss = method_of(small_spec("esad"), 1).losses(Outputs(2, x, x_hat, z1, z2)).by_group["esad"]
    assert loss.item() == pytest.approx(total / 3, rel=1e-5)


def test_a_code_at_the_origin_has_gradients() -> None:
    """There the norm has none, and its reciprocal is at its largest."""
    x = torch.zeros(2, 1, 4, 4)
    z2 = torch.zeros(2, 5, requires_grad=True)
    loss = method_of(small_spec("esad"), 1).losses(Outputs(1, x, x, z2, z2)).by_group["esad"]
    loss.backward()
    assert loss.isfinite()
    assert z2.grad.isfinite().all()


@torch.no_grad()
def test_the_score_is_the_error_and_the_norm_of_the_second_code() -> None:
    method = method_of(small_spec("esad", scaling="unit"), 1)
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    x_hat = method.nets["decoder"](method.nets["encoder"]((x + 1) / 2))
    norm = torch.linalg.vector_norm(method.nets["encoder2"](x_hat), dim=1)
    expected = ((x + 1) / 2 - x_hat).square().sum((1, 2, 3)) + norm
    torch.testing.assert_close(method.scores(x, None, torch.arange(3)), expected)
    first, second = (next(method.nets[name].parameters()) for name in ("encoder", "encoder2"))
    assert not torch.equal(first, second), "each encoder has weights of its own"
