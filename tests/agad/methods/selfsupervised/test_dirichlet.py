"""The fit of Dirichlet distributions: on drawn points, against its equation, and where there is hardly a maximum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from torch import Tensor

from agad.methods.selfsupervised.dirichlet import fitted_dirichlet, inverse_digamma


def drawn(alpha: list[float], count: int, seed: int = 0) -> Tensor:
    """Points (count, K) of a Dirichlet distribution."""
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(alpha, count))


def fit(points: Tensor) -> Tensor:
    return fitted_dirichlet(points.mean(0)[None], points.log().mean(0)[None])[0]


def test_it_finds_what_the_points_were_drawn_from() -> None:
    alpha = [0.5, 2.0, 7.0, 1.0]
    torch.testing.assert_close(fit(drawn(alpha, 200_000)), torch.tensor(alpha).double(), rtol=0.02, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("entries", range(2, 7))
def test_the_gradient_of_the_likelihood_vanishes_there(entries: int) -> None:
    """digamma(alpha) - digamma(sum alpha) is the mean of log p, by scipy's digamma; many rows take hardly longer."""
    parameters = np.random.default_rng(entries).uniform(0.2, 20, (40, entries)).tolist()
    points = torch.stack([drawn(alpha, 50, seed) for seed, alpha in enumerate(parameters)]).clamp(min=1e-12)
    mean_log = points.log().mean(1)
    found = fitted_dirichlet(points.mean(1), mean_log).numpy()
    left = special.digamma(found) - special.digamma(found.sum(1, keepdims=True))
    assert abs(left - mean_log.numpy()).max() < 1e-4


def test_rows_are_fitted_each_alone() -> None:
    sets = [drawn([1.0, 3.0], 40), drawn([9.0, 2.0], 40)]
    mean, mean_log = (torch.stack([f(one).mean(0) for one in sets]) for f in (lambda p: p, torch.log))
    both = fitted_dirichlet(mean, mean_log)
    for row, one in zip(both, sets, strict=True):
        torch.testing.assert_close(row, fit(one), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_a_net_that_is_sure_or_always_says_the_same_gives_numbers() -> None:
    """Logarithms far below what float32's softmax holds; one observation; equal observations."""
    sure = torch.tensor([[0.0, -300.0, -250.0], [0.0, -310.0, -260.0]], dtype=torch.float64)
    for logits in (sure, sure[:1], torch.zeros(4, 3, dtype=torch.float64)):
        log_p = logits.log_softmax(1)
        alpha = fitted_dirichlet(log_p.exp().mean(0)[None], log_p.mean(0)[None])
        assert alpha.isfinite().all()
        assert (alpha > 0).all()


@pytest.mark.slow
@given(st.floats(1e-3, 1e4))
def test_inverse_of_digamma(x: float) -> None:
    y = torch.tensor(float(special.digamma(x)), dtype=torch.float64)
    assert abs(inverse_digamma(y).item() / x - 1) < 1e-8
