"""Maximum likelihood of Dirichlet distributions by Minka's fixed point (Estimating a Dirichlet distribution, 2000)."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 1000
"""At most, of the fixed point; GeoTrans' number, as is TOLERANCE."""
TOLERANCE = 1e-9
"""Euclidean distance of two rounds' parameters at which it ends."""
_NEWTON = 5
_GAMMA = 0.5772156649015329


def fitted_dirichlet(mean: Tensor, mean_log: Tensor) -> Tensor:
    """Parameters alpha of each row's distribution, (T, K) float64, by digamma(alpha) = digamma(sum alpha) + mean_log.

    Args:
        mean: (T, K) float64, mean over observations of points p of the simplex.
        mean_log: (T, K) float64, mean of log p: the sufficient statistic.
    """
    # log p is finite though p underflows; observations that are all equal have no finite maximum, hence the bound.
    spread = (torch.xlogy(mean, mean) - mean * mean_log).sum(1, keepdim=True).clamp(min=1e-12)
    alpha = (mean * (mean.shape[1] - 1) * _GAMMA / spread).clamp(min=1e-12)
    for _ in range(ROUNDS):
        before = alpha
        alpha = inverse_digamma(torch.digamma(alpha.sum(1, keepdim=True)) + mean_log)
        if torch.linalg.vector_norm(alpha - before, dim=1).max() < TOLERANCE:
            break
    return alpha


def inverse_digamma(y: Tensor) -> Tensor:
    """The x > 0 with digamma(x) = y, by five Newton steps from Minka's first guess; same shape."""
    x = torch.where(y >= -2.22, y.clamp(min=-2.22).exp() + 0.5, -1 / (y.clamp(max=-2.22) + _GAMMA))
    for _ in range(_NEWTON):
        x = x - (torch.digamma(x) - y) / torch.polygamma(1, x)
    return x
