"""What the floor's detectors share: images as vectors, fitted once and for all on training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agad.data.features.vectors import Vectors
from agad.errors import SpecError
from agad.methods.method import Method, TrainView
from agad.spec.run import RunSpec
from agad.tensors.pool import ImagePool

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OnVectors:
    """What `fit` returns where vectors come from a file: these, and what was fitted on those of training images."""

    vectors: Vectors
    fitted: Any


class FittedMethod(Method):
    """A method without nets: `fit_vectors` on training images, then `score_vectors`.

    Args:
        spec: of the run; its `features` says what a vector is.
    """

    def __init__(self, spec: RunSpec) -> None:
        super().__init__()
        self.spec = spec

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Any:
        """The detector, from normals (n, d) and labelled anomalies (a, d), both float32 on the run's device."""
        raise NotImplementedError

    def score_vectors(self, fitted: Any, x: Tensor) -> Tensor:
        """Scores (B,) of vectors x (B, d); higher is more anomalous."""
        raise NotImplementedError

    def fit(self, train: TrainView) -> Any:
        """`fit_vectors` of all training images. SpecError for features=file:NAME without that file's vectors."""
        found = train.vectors if self.spec.features_file else None
        normal, anomaly = (self._vectors_of(pool, train, found) for pool in (train.normal, train.anomaly))
        fitted = self.fit_vectors(normal, anomaly)
        return OnVectors(found, fitted) if found else fitted

    def scores(self, x: Tensor, fitted: Any, positions: Tensor) -> Tensor:  # noqa: ARG002
        """`score_vectors` of the images. DataError for an image that a file of vectors does not know."""
        if isinstance(fitted, OnVectors):
            return self.score_vectors(fitted.fitted, fitted.vectors.of(x))
        return self.score_vectors(fitted, vectors(x, self.spec.features))

    def _vectors_of(self, pool: ImagePool, train: TrainView, found: Vectors | None) -> Tensor:
        parts = [found.of(x) if found else vectors(x, self.spec.features) for x in train.pieces(pool)]
        if not parts:
            return torch.empty(0, 0, device=pool.device)
        return torch.cat(parts)


def vectors(x: Tensor, features: str) -> Tensor:
    """Images (B, C, H, W) as rows (B, C * H * W) float32.

    `pixels` are values in [-1, 1]. `gcn` (global contrast normalisation, as in Deep SVDD's preprocessing) subtracts
    each image's mean over all its values and divides by its mean absolute deviation; a flat image becomes zeros.

    Raises SpecError for vectors that are in a file: they are of a data set's images alone.
    """
    if features not in ("pixels", "gcn"):
        raise SpecError(f"features={features} has vectors of the data set's images alone; take pixels or gcn")
    rows = x.flatten(1)
    if features == "pixels":
        return rows
    centred = rows - rows.mean(1, keepdim=True)
    scale = centred.abs().mean(1, keepdim=True)
    return torch.where(scale > 1e-6, centred / scale.clamp(min=1e-6), torch.zeros_like(centred))


def on_host(score: Callable[[Array], Array], x: Tensor) -> Tensor:
    """Scores by a function of float64 arrays on the host, as a float32 tensor on x's device."""
    return torch.from_numpy(np.asarray(score(x.double().cpu().numpy()), np.float32)).to(x.device)
