"""Nearest neighbours on pixels: how far is an image from the training normals that are most like it?"""

from __future__ import annotations

import torch
from torch import Tensor

from agad.methods.floor.fitted import FittedMethod
from agad.spec.run import RunSpec

METHOD = {
    "title": "nearest neighbours",
    "cost": 0.0,
    "fit_cost": 2.9,
    "labels": "none",
    "gradient": False,
    "uses": ["features", "neighbours"],
    "protocols": ["eval"],
}

_BANK = 4096
"""Normals compared at once: what bounds the memory of a batch."""

_QUERIES = 64
"""Images whose candidates are compared at once."""

_CANDIDATES = 32
"""Nearest normals by rounded distances among which the nearest by exact ones are looked for, at least four times k."""


def make(spec: RunSpec, channels: int) -> Knn:  # noqa: ARG001 - any number
    """The method of a spec."""
    return Knn(spec)


class Knn(FittedMethod):
    """Sum of squared Euclidean distances to the `neighbours` nearest training normals, by exact search."""

    def fit_vectors(self, normal: Tensor, anomaly: Tensor) -> Tensor:  # noqa: ARG002
        """The bank: all normals, (n, d)."""
        return normal

    def score_vectors(self, fitted: Tensor, x: Tensor) -> Tensor:
        """(B,)."""
        k = min(self.spec.neighbours, len(fitted))
        # An exported graph has no branches; in bf16 and tf32 products round further than `_nearest` allows for.
        if torch.onnx.is_in_onnx_export() or self.spec.eval_precision != "fp32":
            return _smallest(fitted, x, k).sum(1)
        parts = [_nearest(fitted, part, k) for part in torch.split(x, _QUERIES)]
        return torch.cat(parts).sum(1) if parts else x.new_zeros(0)


def _nearest(bank: Tensor, x: Tensor, k: int) -> Tensor:
    """(B, k) smallest squared distances, the same bits as an exact comparison with the whole bank.

    For float32 products that are not rounded to bfloat16 or TF32. A matrix product finds candidates ten times as fast;
    its rounding is bounded, so an image whose candidates could miss a neighbour is known and compared with all.
    """
    count = max(_CANDIDATES, 4 * k)
    if len(bank) <= count:
        return _smallest(bank, x, k)
    sizes, norms = x.square().sum(1), bank.square().sum(1)
    rounded, chosen = (sizes[:, None] + norms - 2 * x @ bank.T).topk(count, 1, largest=False)
    exact = torch.cdist(x[:, None], bank[chosen], compute_mode="donot_use_mm_for_euclid_dist")[:, 0].square()
    found = exact.topk(k, 1, largest=False).values
    # 4 d eps: twice the classical bound of a sum of d products, of a distance that is missed and of one that is found.
    error = 4 * x.shape[1] * torch.finfo(x.dtype).eps * (sizes + norms.max())
    unsure = rounded[:, -1] - error <= found[:, -1]
    if unsure.any():
        found[unsure] = _smallest(bank, x[unsure], k)
    return found


def _smallest(bank: Tensor, x: Tensor, k: int) -> Tensor:
    """(B, k), by comparison with the whole bank, a part at a time."""
    nearest = torch.empty_like(x[:, :0])  # of x and not of its length, which an exported graph would keep
    for part in torch.split(bank, _BANK):
        distances = torch.cdist(x, part, compute_mode="donot_use_mm_for_euclid_dist").square()
        found = torch.cat([nearest, distances], 1)
        nearest = found.topk(min(k, found.shape[1]), 1, largest=False).values
    return nearest
