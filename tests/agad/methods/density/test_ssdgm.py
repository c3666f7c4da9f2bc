"""SS-DGM: its bounds and its loss by hand, its stages, its draws, and what its score depends on."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from agad.methods import method_of
from agad.methods.density.ssdgm import WIDTHS, Latent, Outputs, SsDgm, _bound
from agad.nets.build import count_parameters
from agad.train.update import update
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def ssdgm(**changes: object) -> SsDgm:
    method = method_of(small_spec("ssdgm", **changes), 1)
    assert isinstance(method, SsDgm)
    return method


def log_gaussian(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return (-((z - mean) ** 2) / (2 * variance) - torch.log(2 * math.pi * variance) / 2).sum(1)


def test_the_bound_by_hand_in_float64() -> None:
    """-log p(x|z) + log q(z) - log p(z) at the sample, from densities and probabilities."""
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 9, dtype=torch.float64, generator=source)
    x = torch.rand(4, 9, dtype=torch.float64, generator=source)
    mean, log_variance, z = torch.randn(3, 4, 5, dtype=torch.float64, generator=source)
    p = 1 / (1 + torch.exp(-logits))
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    expected += log_gaussian(z, mean, log_variance.exp()) - log_gaussian(z, torch.zeros(()), torch.ones(()).double())
    torch.testing.assert_close(_bound(logits, x, Latent(mean, log_variance, z)), expected)


def test_the_loss_by_hand_in_float64() -> None:
    """Two normals and one anomaly: J = L(anomalous) + sum_y q L - H + alpha CE."""
    bounds = torch.tensor([[5.0, 9.0], [4.0, 2.0], [7.0, 3.0]], dtype=torch.float64)
    odds = torch.tensor([-1.0, 0.3, 0.8], dtype=torch.float64)
    q = 1 / (1 + torch.exp(-odds))
    unlabelled = sum(
        (1 - p) * (of[0] + math.log(1 - p)) + p * (of[1] + math.log(p))
        for p, of in zip(q[:2].tolist(), bounds[:2].tolist(), strict=True)
    )
    expected = 3.0 + unlabelled / 2 + 0.1 * 0.75 / 0.25 * -math.log(q[2].item())
    loss = ssdgm(gamma=0.25).losses(Outputs(2, bounds, odds)).by_group["m2"]
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_pretraining_moves_m1_alone_and_the_rest_m2_alone() -> None:
    training = training_of(small_spec("ssdgm"))
    for stage, moved, still in (("m1", "m1", "m2"), ("m2", "m2", "m1")):
        while True:
            before = {name: [w.clone() for w in net.parameters()] for name, net in training.method.nets.items()}
            update(training)
            assert f"loss_{stage}" in training.terms
            assert all(map(torch.equal, before[still], training.method.nets[still].parameters()))
            assert not all(map(torch.equal, before[moved], training.method.nets[moved].parameters()))
            if training.done == 0 or stage == "m2":
                break


def test_what_follows_pretraining_draws_the_same_without_it() -> None:
    """So runs with and without are paired."""
    with_it, without = training_of(small_spec("ssdgm")), training_of(small_spec("ssdgm", pretrain_updates=0))
    for _ in range(with_it.spec.pretrain_updates):
        update(with_it)
    with_it.batch(), without.batch()
    draws = [torch.rand(3, generator=one.method.draws("z2 0")) for one in (with_it, without)]
    assert torch.equal(*draws)


@pytest.mark.parametrize("encoder", WIDTHS)
def test_the_nets_have_their_authors_numbers_of_parameters(encoder: str) -> None:
    """M2 takes the code of M1 and the label, and restores the image."""
    (first, second), latent = WIDTHS[encoder]
    pixels = 32 * 32

    def dense(*sizes: int) -> int:
        return sum(a * b + b for a, b in itertools.pairwise(sizes))

    nets = ssdgm(encoder=encoder).nets
    m1 = dense(pixels, first, second) + 2 * dense(second, latent) + dense(latent, second, first, pixels)
    m2 = dense(latent + 2, first, second) + 2 * dense(second, latent) + dense(latent + 2, second, first, pixels)
    assert count_parameters(nets["m1"]) == m1
    assert count_parameters(nets["m2"]) == m2 + dense(latent, first, 2)


@torch.no_grad()
def test_the_score_is_the_log_odds_at_the_mean_and_owes_nothing_to_draws() -> None:
    method = ssdgm()
    x = torch.rand(5, 1, 32, 32) * 2 - 1
    code = method.m1.encoder((x.flatten(1) + 1) / 2, torch.Generator()).mean
    logits = method.m2.classifier[1](method.m2.classifier[0](code).relu())
    expected = logits.softmax(1)[:, 1]
    torch.testing.assert_close(method.scores(x, None, torch.arange(5)).sigmoid(), expected)
