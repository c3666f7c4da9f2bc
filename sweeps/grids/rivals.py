"""The paper's comparison methods, run here under AGAD's protocols: what Tables 1 and 2 borrow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from agad import RunSpec, grid
from agad.spec.counts import roles
from agad.spec.datasets import DATASETS

from .cells import one_class

BENCHMARKS = ("mnist", "fashion_mnist", "cifar10")
GAMMAS = (0.01, 0.05, 0.10, 0.20)
"""Table 2's shares of anomalies above 0."""
LENET = {"mnist": "lenet_small", "fashion_mnist": "lenet_medium", "cifar10": "lenet_large"}
"""Deep SAD's net for each data set."""
LEAN: dict[str, Any] = {"curve": (), "curve_protocols": ("eval",), "final_protocols": ("eval", "eval_recal")}
"""One point, at the last update: nothing is chosen on a curve."""
DEEP_SAD: dict[str, Any] = {
    "scaling": "unit",
    "init": "torch",
    "batch_size": 128,
    "min_anomalies": 1,
    "lr": 1e-4,
    "beta1": 0.9,
    "weight_decay": 5e-7,
}
"""Deep SAD's settings (readme of its code at 2e7aca3): 150 epochs, a tenth of the rate from epoch 50 on."""


@grid(seeds=1)
def rivals_supervised() -> list[RunSpec]:
    """Table 2's supervised classifier, which knows what AGAD knows: anomalies of all other classes, or of one.

    30 classes x 4 gammas x (3 settings on all classes + 9 known classes) = 1,440 runs. Settings: Deep SAD's LeNet,
    Adam, batch and 150 epochs; the same net, and AGAD's discriminator, at AGAD's batch, length and rate. Known classes
    are run with the first alone: 90 experiments a cell, as the borrowed column has them. On one core a run takes a
    minute to half an hour of CIFAR-10; `--set updates=400` shortens all.
    """
    return list(_classifiers())


def _classifiers() -> Iterator[RunSpec]:
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, GAMMAS, method="classifier", **LEAN):
            lenet = cell.replace(encoder=LENET[dataset])
            theirs = of_epochs(lenet.replace(anomaly_weight="share", **DEEP_SAD), 150, 50)
            yield theirs
            yield from (theirs.replace(known_anomaly_classes=(c,)) for c in range(10) if c != cell.normal_class)
            yield lenet.replace(scaling="unit", init="torch")
            yield cell.replace(encoder="netd")


def of_epochs(cell: RunSpec, epochs: int, step: int) -> RunSpec:
    """The cell with so many passes over its normals and anomalies, and a tenth of the rate from pass `step` on."""
    each = updates_of_epoch(cell)
    return cell.replace(updates=epochs * each, lr_steps=(step * each,))


def updates_of_epoch(cell: RunSpec) -> int:
    """Updates of a pass over all training images, as many as their authors' loaders make: the last batch counts."""
    images = roles(cell, DATASETS[cell.dataset].train_counts or ())
    return math.ceil((images.normals + images.anomalies) / cell.batch_size)
