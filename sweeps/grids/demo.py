"""A first sweep."""

from __future__ import annotations

from typing import Any

from agad import RunSpec, grid


@grid
def demo() -> list[RunSpec]:
    """Three digits, with and without a few anomalies, on scikit-learn's embedded 8x8 images.

    18 runs of 16 updates at batch 32; under two minutes on two CPU cores. It shows the whole way from a grid to a
    table; its numbers say nothing about the paper.
    """
    small: dict[str, Any] = {"updates": 16, "batch_size": 32, "min_anomalies": 8, "curve": (8,)}
    return [
        RunSpec(dataset="digits", normal_class=normal, gamma=gamma, **small)
        for gamma in (0.0, 0.05)
        for normal in (0, 1, 4)
    ]
