"""One-class support vector machine (Schölkopf et al. 2001) on principal components of pixels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from agad.methods.floor.fitted import FittedMethod, on_host
from agad.methods.floor.principal import Principal, principal
from agad.spec.run import RunSpec

METHOD = {
    "title": "OC-SVM",
    "cost": 0.0,
    "fit_cost": 0.6,
    "labels": "none",
    "gradient": False,
    "uses": ["features"],
    "protocols": ["eval"],
    "stored": False,  # an object of scikit-learn's
}

NU = 0.1
"""Upper bound on the share of training normals outside; fixed in advance, as is the kernel's width: `scale`, which is
1 / (k * variance) of the k components. The borrowed numbers chose the width on labelled test images."""


def make(spec: RunSpec, channels: int) -> OcSvm:  # noqa: ARG001 - any number
    """The method of a spec."""
    return OcSvm(spec)


class OcSvm(FittedMethod):
    """Minus the decision function of scikit-learn's OneClassSVM with an RBF kernel."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> tuple[Principal, Any]:  # noqa: ARG002
        """Components and machine."""
        from sklearn.svm import OneClassSVM

        components = principal(normal)
        return components, OneClassSVM(nu=NU, gamma="scale").fit(components.project(normal).cpu().numpy())

    def score_vectors(self, fitted: tuple[Principal, Any], x: Tensor) -> Tensor:
        """(B,)."""
        components, machine = fitted
        return on_host(lambda rows: -machine.decision_function(rows), components.project(x))
