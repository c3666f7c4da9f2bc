"""Principal component residual on pixels: what of an image do the normals' components not explain?"""

from __future__ import annotations

from torch import Tensor

from agad.methods.floor.fitted import FittedMethod
from agad.methods.floor.principal import Principal, principal
from agad.spec.run import RunSpec

METHOD = {
    "title": "PCA residual",
    "cost": 0.0,
    "fit_cost": 0.4,
    "labels": "none",
    "gradient": False,
    "uses": ["features"],
    "protocols": ["eval"],
}


def make(spec: RunSpec, channels: int) -> Pca:  # noqa: ARG001 - any number
    """The method of a spec."""
    return Pca(spec)


class Pca(FittedMethod):
    """Squared distance to the space of the components that explain 95% of the normals' variance, at most 100."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Principal:  # noqa: ARG002
        """The components."""
        return principal(normal)

    def score_vectors(self, fitted: Principal, x: Tensor) -> Tensor:
        """(B,)."""
        return fitted.residual(x)
