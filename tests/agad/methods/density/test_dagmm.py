"""DAGMM: its loss by hand, its nets against their counts, its draws, and the mixture that it is scored by."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from agad.methods import method_of
from agad.methods.density.dagmm import Dagmm, Outputs
from agad.methods.density.mixture import JITTER
from agad.methods.method import TrainView
from agad.nets.build import count_parameters
from tests.helpers.methods import small_spec
from tests.helpers.science import training_of


def dagmm(channels: int = 1) -> Dagmm:
    method = method_of(small_spec("dagmm"), channels)
    assert isinstance(method, Dagmm)
    return method


def test_the_loss_by_hand_in_float64() -> None:
    """Mean squared error + .01 mean energy + .0005 sum of 1 / Sigma_jj, for a mixture of one component."""
    source = torch.Generator().manual_seed(1)
    x, x_hat = torch.rand(2, 6, 1, 4, 4, dtype=torch.float64, generator=source)
    z = torch.randn(6, 7, dtype=torch.float64, generator=source)
    losses = dagmm().losses(Outputs(x, x_hat, z, torch.ones(6, 1, dtype=torch.float64)))
    sigma = np.cov(z.numpy().T, bias=True) + JITTER * np.eye(7)
    centred = z.numpy() - z.numpy().mean(0)
    squares = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(sigma), centred)
    energy = (squares + np.linalg.slogdet(sigma)[1] + 7 * math.log(2 * math.pi)) / 2
    expected = (x - x_hat).square().mean().item() + 0.01 * energy.mean() + 0.0005 * (1 / np.diag(sigma)).sum()
    assert losses.by_group["dagmm"].item() == pytest.approx(expected, rel=1e-9)


def test_the_nets_have_their_authors_numbers_of_parameters() -> None:
    """By the layers of the code that the printed numbers come from, at three channels."""
    down = sum(9 * a * b + b + 2 * b for a, b in ((3, 64), (64, 128), (128, 256))) + 4096 * 5 + 5
    up = 5 * 4096 + 3 * 4096 + sum(9 * a * b + b for a, b in ((256, 128), (128, 64), (64, 3))) + 2 * (128 + 64)
    nets = dagmm(channels=3).nets
    assert count_parameters(nets["autoencoder"]) == down + up
    assert count_parameters(nets["estimation"]) == 7 * 64 + 64 + 64 * 10 + 10 + 10 * 3 + 3


def test_an_update_drops_by_its_key_alone() -> None:
    """The same again for the same update, other values in the next; scoring drops nothing."""
    training = training_of(small_spec("dagmm"))
    x = training.batch()
    method = training.method
    with torch.no_grad():
        first, again = (method.forward(x, len(x)).memberships for _ in range(2))
        method.update += 1
        other = method.forward(x, len(x)).memberships
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@torch.no_grad()
def test_it_is_scored_under_the_mixture_of_all_training_normals() -> None:
    """Whatever the batch that the normals come in; z is code, relative distance and cosine."""
    training = training_of(small_spec("dagmm"))
    method, images = training.method, training._images
    x = images.take(torch.arange(len(images)))
    code, x_hat = method.autoencoder(x)
    distance = torch.linalg.vector_norm((x - x_hat).flatten(1), dim=1) / torch.linalg.vector_norm(x.flatten(1), dim=1)
    cosine = ((x * x_hat).flatten(1).sum(1)) / (
        torch.linalg.vector_norm(x.flatten(1), dim=1) * torch.linalg.vector_norm(x_hat.flatten(1), dim=1)
    )
    z = torch.cat([code, distance[:, None], cosine[:, None]], 1)
    memberships = method.estimation(z)
    for batch in (4, 256):
        mixture = method.fit(TrainView(images, images.part(0, 0), batch, lambda: None))
        torch.testing.assert_close(mixture.shares.float(), memberships.mean(0), rtol=1e-4, atol=1e-6)
        expected = (memberships.T @ z) / memberships.sum(0)[:, None]
        torch.testing.assert_close(mixture.means.float(), expected, rtol=1e-4, atol=1e-5)
        scores = method.scores(x, mixture, torch.arange(len(x)))
        torch.testing.assert_close(scores, mixture.energies(z), rtol=1e-3, atol=1e-3)
