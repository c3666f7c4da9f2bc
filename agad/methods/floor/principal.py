"""Principal components of training normals, kept in float64: the smallest number that explains 95% of the variance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EXPLAINED = 0.95
"""Share of the normals' variance that the kept components explain."""
MOST = 100
"""Components kept at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """Components of normals.

    Attributes:
        mean: (d,) float64.
        axes: (k, d) float64, orthonormal, by falling variance.
        variance: (k,) float64, of the normals along each axis (ddof 1).
    """

    mean: Tensor
    axes: Tensor
    variance: Tensor

    def project(self, x: Tensor) -> Tensor:
        """Vectors (B, d) in the axes' coordinates, (B, k) float64."""
        return (x.double() - self.mean) @ self.axes.T

    def residual(self, x: Tensor) -> Tensor:
        """Squared distance of vectors (B, d) to the space of the axes, (B,) float64, 0 or more."""
        centred = x.double() - self.mean
        return (centred.square().sum(1) - (centred @ self.axes.T).square().sum(1)).clamp(min=0)


def principal(x: Tensor, most: int = MOST) -> Principal:
    """Components of rows x (n, d); at most `most`, and one at least."""
    centred = x.double()
    mean = centred.mean(0)
    centred = centred - mean
    samples, dimensions = centred.shape
    # The smaller of the two symmetric matrices has the same non-zero eigenvalues.
    small = centred @ centred.T if samples < dimensions else centred.T @ centred
    values, basis = torch.linalg.eigh(small / max(samples - 1, 1))
    values, basis = values.flip(0).clamp(min=0), basis.flip(1)
    kept = _kept(values, most)
    axes = (centred.T @ basis[:, :kept]).T if samples < dimensions else basis[:, :kept].T
    axes = torch.nn.functional.normalize(axes, dim=1)
    return Principal(mean, axes.contiguous(), values[:kept])


def _kept(values: Tensor, most: int) -> int:
    total = values.sum()
    if total <= 0:
        return 1
    shares = torch.cumsum(values, 0) / total
    enough = int((shares < EXPLAINED).sum()) + 1
    positive = int((values > 1e-12 * values[0]).sum())
    return max(1, min(enough, most, positive))
