"""Logistic regression on principal components: what a linear classifier makes of the labelled anomalies."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, cat

from agad.methods.floor.fitted import FittedMethod, on_host
from agad.methods.floor.principal import Principal, principal
from agad.spec.run import RunSpec

METHOD = {
    "title": "logistic regression",
    "cost": 0.0,
    "fit_cost": 1.0,
    "labels": "must",
    "gradient": False,
    "uses": ["features"],
    "protocols": ["eval"],
    "stored": False,  # an object of scikit-learn's
}

COMPONENTS = 64
INVERSE_PENALTY = 0.1
"""Settings fixed in advance: 64 whitened components, C = .1, classes weighted to be equally heavy."""


def make(spec: RunSpec, channels: int) -> Logistic:  # noqa: ARG001 - any number
    """The method of a spec."""
    return Logistic(spec)


class Logistic(FittedMethod):
    """The log-odds of being an anomaly, by scikit-learn's LogisticRegression run to convergence."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> tuple[Principal, Any]:
        """Components of all training images, and the classifier on them."""
        from sklearn.linear_model import LogisticRegression

        x = cat([normal, anomaly])
        labels = np.repeat([0, 1], [len(normal), len(anomaly)])
        components = principal(x, COMPONENTS)
        classifier = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=5000, tol=1e-6)
        return components, classifier.fit(_whitened(components, x).cpu().numpy(), labels)

    def score_vectors(self, fitted: tuple[Principal, Any], x: Tensor) -> Tensor:
        """(B,)."""
        components, classifier = fitted
        return on_host(classifier.decision_function, _whitened(components, x))


def _whitened(components: Principal, x: Tensor) -> Tensor:
    return components.project(x) / components.variance.clamp(min=1e-12).sqrt()
