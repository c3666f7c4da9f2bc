"""Mahalanobis distance in the normals' principal components: how unusual is an image along what varies?"""

from __future__ import annotations

from torch import Tensor

from agad.methods.floor.fitted import FittedMethod
from agad.methods.floor.principal import Principal, principal
from agad.spec.run import RunSpec

METHOD = {
    "title": "Mahalanobis",
    "cost": 0.0,
    "fit_cost": 0.3,
    "labels": "none",
    "gradient": False,
    "uses": ["features"],
    "protocols": ["eval"],
}


def make(spec: RunSpec, channels: int) -> Mahalanobis:  # noqa: ARG001 - any number
    """The method of a spec."""
    return Mahalanobis(spec)


class Mahalanobis(FittedMethod):
    """Squared Mahalanobis distance to the normals' mean within the components of `pca`."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Principal:  # noqa: ARG002
        """The components."""
        return principal(normal)

    def score_vectors(self, fitted: Principal, x: Tensor) -> Tensor:
        """(B,)."""
        return (fitted.project(x).square() / fitted.variance.clamp(min=1e-12)).sum(1)
