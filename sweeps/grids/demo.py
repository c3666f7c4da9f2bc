"""A first sweep."""

from __future__ import annotations

from typing import Any

from agad import RunSpec, grid


@grid(seeds=2)
def demo() -> list[RunSpec]:
    """Three digits, with and without a few anomalies, on scikit-learn's embedded 8x8 images.

    Each digit in turn is what the detector learns as normal; AUROC says how well it tells the other nine digits from
    it, 50% being chance. 12 runs of 100 updates at batch 32, images enlarged to 16x16; under two minutes on two CPU
    cores. Its numbers say nothing about the paper: such digits are far easier than any data set there.
    """
    small: dict[str, Any] = {"image_size": 16, "updates": 100, "batch_size": 32, "min_anomalies": 8, "curve": (50,)}
    return [
        RunSpec(dataset="digits", normal_class=normal, gamma=gamma, **small)
        for gamma in (0.0, 0.05)
        for normal in (0, 1, 4)
    ]
