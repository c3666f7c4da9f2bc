"""The mixture of Gaussians against its definition, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from agad.methods.density.mixture import JITTER, mixture_of


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**20))
def test_moments_and_energies_are_their_definitions(points: int, components: int, dimensions: int, seed: int) -> None:
    """phi, mu, Sigma, E and the penalty, component by component as Eq. 5 to 7 have them."""
    source = np.random.default_rng(seed)
    z = source.normal(size=(points, dimensions)) * source.uniform(0.1, 10, dimensions)
    members = source.dirichlet(np.ones(components), points)
    mixture = mixture_of(torch.from_numpy(z), torch.from_numpy(members))
    density, penalty = np.zeros(points), 0.0
    for k in range(components):
        weights = members[:, k]
        mean = (weights[:, None] * z).sum(0) / weights.sum()
        sigma = sum(w * np.outer(row - mean, row - mean) for w, row in zip(weights, z, strict=True)) / weights.sum()
        sigma = sigma + JITTER * np.eye(dimensions)
        density += weights.mean() * multivariate_normal(mean, sigma).pdf(z)
        penalty += (1 / np.diag(sigma)).sum()

    np.testing.assert_allclose(mixture.energies(torch.from_numpy(z)).numpy(), -np.log(density), rtol=1e-6, atol=1e-6)
    assert mixture.penalty().item() == pytest.approx(penalty, rel=1e-9)


def test_a_component_without_members_and_a_flat_cloud_have_finite_energies() -> None:
    """And so have their gradients."""
    z = torch.ones(5, 3, requires_grad=True)
    members = torch.tensor([[1.0, 0.0]] * 5, requires_grad=True)
    mixture = mixture_of(z, members)
    (mixture.energies(z).mean() + mixture.penalty()).backward()
    for tensor in (mixture.energies(z), z.grad, members.grad):
        assert tensor.isfinite().all()


def test_points_far_away_do_not_tie() -> None:
    """Their densities are 0 in any float; by logarithms they are in order."""
    source = torch.Generator().manual_seed(0)
    mixture = mixture_of(torch.randn(50, 7, generator=source), torch.rand(50, 3, generator=source).softmax(1))
    energies = mixture.energies(torch.arange(1, 100)[:, None] * torch.ones(7) * 100)
    assert energies.isfinite().all()
    assert (energies.diff() > 0).all()
