"""The rivals of Table 1 that make a task of the normals themselves, under AGAD's protocols."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from agad import RunSpec, grid
from agad.spec.counts import roles
from agad.spec.datasets import DATASETS

from .cells import BENCHMARKS, one_class
from .rivals import LEAN

WIDE: dict[str, Any] = {"encoder": "wrn_10_4", "init": "he", **LEAN}
"""GeoTrans' net for images of 32x32, as its authors initialise it."""
GEOTRANS: dict[str, Any] = {"batch_size": 128, "lr": 1e-3, "beta1": 0.9, "weight_decay": 5e-4}
"""GeoTrans' settings (its code at 6327041): the 72 transformations, ceil(200 / 72) passes over 72 copies."""
ARNET: dict[str, Any] = {"upsampling": "bilinear", "init": "torch", "batch_size": 32, "optimiser": "sgd", "lr": 0.1}
"""ARNet's in the unofficial code at ef61ac6: 500 passes, of colour images 125 with mirrored ones among them; the rate
is halved at each tenth of the run."""


@grid(seeds=1)
def selfsupervised() -> list[RunSpec]:
    """Table 1's GeoTrans and ARNet without any anomaly, and nearest neighbours on features of the rotation task.

    50 classes of MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 x 6 settings = 300 runs. GeoTrans: its authors' settings;
    the same with the four turns alone; at AGAD's batch, length and rate. The turns' net again, scored by the neighbours
    of its features. ARNet: the settings of its unofficial code; at AGAD's batch, length and rate. Of CIFAR-10 on one
    core GeoTrans takes some 10 hours, ARNet at its length days: `--set updates=400` shortens all,
    `--set encoder=wrn_10_1` is a smaller net for all but ARNet.
    """
    return [cell for dataset in BENCHMARKS for cells in (_geotrans(dataset), _arnet(dataset)) for cell in cells]


def _geotrans(dataset: str) -> Iterator[RunSpec]:
    for paired in one_class(dataset, method="geotrans", **WIDE):
        theirs = paired.replace(**GEOTRANS)
        yield theirs.replace(updates=_passes(theirs, math.ceil(200 / 72), copies=72))
        turns = theirs.replace(transformations="rot4", updates=_passes(theirs, 200 // 4, copies=4))
        yield turns
        yield turns.replace(method="rotation_knn")
        yield paired


def _arnet(dataset: str) -> Iterator[RunSpec]:
    colour = dataset.startswith("cifar")
    for paired in one_class(dataset, method="arnet", **LEAN):
        theirs = paired.replace(augmentation="flip" if colour else "none", lr_divisor=2.0, **ARNET)
        epochs, each = (125, _passes(theirs, 1)) if colour else (500, _passes(theirs, 1))
        steps = tuple(epochs * tenth // 10 * each for tenth in range(1, 10))
        yield theirs.replace(updates=epochs * each, lr_steps=steps)
        yield paired


def _passes(cell: RunSpec, passes: int, *, copies: int = 1) -> int:
    """Updates of so many passes over copies of the class, as many as its authors make: the last batch counts."""
    normals = roles(cell, DATASETS[cell.dataset].train_counts or ()).normals
    return passes * math.ceil(copies * normals / cell.batch_size)
