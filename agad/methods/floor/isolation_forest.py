"""Isolation forest (Liu, Ting and Zhou 2008) on pixels: how few random cuts set an image apart?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from agad.methods.floor.fitted import FittedMethod, on_host
from agad.spec.run import RunSpec
from agad.tensors.seeding import seed_of

METHOD = {
    "title": "isolation forest",
    "cost": 0.0,
    "fit_cost": 0.9,
    "labels": "none",
    "gradient": False,
    "uses": ["features"],
    "protocols": ["eval"],
    "stored": False,  # an object of scikit-learn's
}

TREES = 500
"""The paper's 100 trees leave a visible spread between seeds."""


def make(spec: RunSpec, channels: int) -> IsolationForest:  # noqa: ARG001 - any number
    """The method of a spec."""
    return IsolationForest(spec)


class IsolationForest(FittedMethod):
    """Minus scikit-learn's score: higher where the mean path through the trees is shorter."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Any:  # noqa: ARG002
        """The forest; its only randomness is the run's seed."""
        from sklearn.ensemble import IsolationForest as Forest

        seed = seed_of("isolation forest", self.spec.seed) % 2**32
        return Forest(n_estimators=TREES, random_state=seed).fit(normal.double().cpu().numpy())

    def score_vectors(self, fitted: Any, x: Tensor) -> Tensor:
        """(B,)."""
        return on_host(lambda rows: -fitted.score_samples(rows), x)
