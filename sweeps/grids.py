"""Named grids: functions that return the cells of a paper's table. Standard library only.

A cell is a spec with seed 0; a grid's runs are its cells times its seeds. A new grid is a decorated function whose
docstring says what it answers, how many runs it has and what they cost.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agad.errors import SpecError
from agad.spec import RunSpec

Cells = list[RunSpec]

_GRIDS: dict[str, tuple[Callable[[], Cells], int]] = {}


@dataclass(frozen=True, slots=True)
class Grid:
    """A named list of cells.

    Attributes:
        name: as given to `--grid`.
        summary: the first line of its docstring.
        cells: specs with seed 0.
        seeds: how many seeds each cell has by default.
    """

    name: str
    summary: str
    cells: tuple[RunSpec, ...]
    seeds: int


def grid_names() -> list[str]:
    """The names of all grids, in the order of their definition."""
    return list(_GRIDS)


def load_grid(name: str) -> Grid:
    """The grid called `name`; SpecError with the legal names if there is none."""
    if name not in _GRIDS:
        raise SpecError(f"unknown grid {name!r}; choose from: {', '.join(_GRIDS)}")
    function, seeds = _GRIDS[name]
    summary = (inspect.getdoc(function) or name).splitlines()[0]
    return Grid(name, summary, tuple(function()), seeds)


def _grid(seeds: int = 3) -> Callable[[Callable[[], Cells]], Callable[[], Cells]]:
    def register(function: Callable[[], Cells]) -> Callable[[], Cells]:
        _GRIDS[function.__name__] = (function, seeds)
        return function

    return register


PAPER_GAMMAS = (0.0, 0.01, 0.05, 0.10, 0.20)
"""Table 2's shares of anomalies."""


def paper_backbone(dataset: str) -> str:
    """Section 4's generator: the naive encoder-decoder for MNIST (footnote 4), UNet++ for the rest."""
    return "naive" if dataset == "mnist" else "unetpp"


def _one_class(dataset: str, classes: Iterable[int], gammas: Iterable[float], **fields: object) -> Cells:
    classes = tuple(classes)
    return [
        RunSpec(dataset=dataset, normal_class=normal, gamma=gamma, **fields)  # type: ignore[arg-type]
        for gamma in gammas
        for normal in classes
    ]


@_grid()
def demo() -> Cells:
    """Three digits, with and without a few anomalies, on scikit-learn's embedded 8x8 images.

    18 runs of 60 updates at batch 64; under two minutes on two CPU cores. It shows the whole way from a grid to a
    table; its numbers say nothing about the paper.
    """
    return _one_class(
        "digits",
        (0, 1, 4),
        (0.0, 0.05),
        backbone="naive",
        updates=60,
        batch_size=64,
        curve=(20, 40),
    )


@_grid()
def table2() -> Cells:
    """Table 2: AUROC against the share of labelled anomalies, on MNIST, Fashion-MNIST and CIFAR-10.

    3 data sets x 10 classes x 5 gammas x 3 seeds = 450 runs of 1,200 updates at batch 256.
    """
    return [
        cell
        for dataset in ("mnist", "fashion_mnist", "cifar10")
        for cell in _one_class(dataset, range(10), PAPER_GAMMAS, backbone=paper_backbone(dataset))
    ]
