"""A mixture of Gaussians by weighted moments, and the energy of a point under it (Zong et al. 2018, Eq. 5 and 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

JITTER = 1e-3
"""Added to the diagonal of each covariance. In the code that the printed numbers come from it is drawn again in each
update, N(1e-3, 1e-4)."""
_LEAST = 1e-12
"""Least total membership of a component, so that one without members has a density."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """K components in d dimensions, float64, with a graph where their points have one.

    Attributes:
        shares: phi, (K,), with sum 1.
        means: mu, (K, d).
        factors: lower Cholesky factors of the covariances Sigma, (K, d, d).
    """

    shares: Tensor
    means: Tensor
    factors: Tensor

    def energies(self, z: Tensor) -> Tensor:
        """E(z) = -log sum_k phi_k N(z; mu_k, Sigma_k) of points (B, d), in nats: (B,) float64, finite."""
        offsets = (z.double() - self.means[:, None]).mT  # (K, d, B)
        squares = torch.linalg.solve_triangular(self.factors, offsets, upper=False).square().sum(1)
        log_root = self.factors.diagonal(dim1=1, dim2=2).log().sum(1)
        logs = self.shares.log() - log_root - z.shape[1] / 2 * math.log(2 * math.pi)
        return -torch.logsumexp(logs[:, None] - squares / 2, 0)

    def penalty(self) -> Tensor:
        """Sum of 1 / Sigma_kjj over components and dimensions (Eq. 7): keeps covariances from collapsing."""
        return (1 / self.factors.square().sum(2)).sum()


def mixture_of(z: Tensor, memberships: Tensor) -> Mixture:
    """The moments of points z (n, d), weighted by memberships (n, K) whose rows sum to 1 (Eq. 5)."""
    z, memberships = z.double(), memberships.double()
    weights = memberships.sum(0).clamp(min=_LEAST)
    means = memberships.mT @ z / weights[:, None]
    offsets = z - means[:, None]  # (K, n, d)
    covariances = (memberships.mT[:, :, None] * offsets).mT @ offsets / weights[:, None, None]
    jitter = JITTER * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    return Mixture(weights / weights.sum(), means, torch.linalg.cholesky(covariances + jitter))
