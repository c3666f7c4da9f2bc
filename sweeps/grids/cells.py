"""What the paper's grids are made of: its data sets, its generators, each class in turn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agad.spec.run import RunSpec

BENCHMARKS = {"mnist": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 20}
"""The data sets of section 4 and their numbers of classes."""


def paper_backbone(dataset: str) -> str:
    """Section 4's generator: the naive encoder-decoder for MNIST (footnote 4), UNet++ for the rest."""
    return "naive" if dataset == "mnist" else "unetpp"


def one_class(dataset: str, gammas: Iterable[float] = (0.0,), **fields: Any) -> list[RunSpec]:
    """Each class of a benchmark data set as the normal one, at each gamma."""
    return [
        RunSpec(dataset=dataset, normal_class=normal, gamma=gamma, **fields)
        for gamma in gammas
        for normal in range(BENCHMARKS[dataset])
    ]


def union(*grids: list[RunSpec]) -> list[RunSpec]:
    """All cells, those that several grids share once."""
    return list(dict.fromkeys(cell for grid in grids for cell in grid))
