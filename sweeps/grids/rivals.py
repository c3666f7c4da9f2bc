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
def rivals_semi() -> list[RunSpec]:
    """Table 1's rivals without any anomaly, at their authors' settings and, paired with AGAD, at AGAD's.

    Skip-GANomaly: 30 classes at 64 images and its authors' 15 epochs (25 for CIFAR-10), and at AGAD's batch and length;
    10 of CIFAR-10 as its authors split them, one class anomalous. Deep SVDD, hard and soft, and Deep SAD, pretrained
    and not: 30 classes each at their authors' settings; Deep SVDD's hard one and Deep SAD's pretrained one at AGAD's
    batch, length and rate too. 250 runs. `adgan_standin` is apart, for it is AGAD's method.
    """
    return [*_skip_ganomaly(), *_deep_svdd(), *_deep_sad(0.0)]


@grid(seeds=1)
def adgan_standin() -> list[RunSpec]:
    """A stand-in for ADGAN (Cheng et al. 2020), of which neither code nor text could be had: no claim about it.

    AGAD's text calls it GANomaly's scheme with a UNet++ generator. What is closest here is AGAD with UNet++ and without
    the adversarial context: 30 classes, under every protocol of the test set's order but `batch1`.
    """
    return [cell for dataset in BENCHMARKS for cell in one_class(dataset, backbone="unetpp", adversarial_context="off")]


def _skip_ganomaly() -> Iterator[RunSpec]:
    for dataset in BENCHMARKS:
        epochs = 25 if dataset == "cifar10" else 15
        for paired in one_class(dataset, method="skip_ganomaly"):
            yield of_epochs(paired.replace(batch_size=64, curve=()), epochs)
            yield paired
    for abnormal in range(10):
        cell = RunSpec(dataset="cifar10", protocol="leave_one_out", abnormal_class=abnormal, method="skip_ganomaly")
        yield of_epochs(cell.replace(batch_size=64, curve=()), 25)


@grid(seeds=1)
def rivals_supervised() -> list[RunSpec]:
    """Table 2's rivals that know what AGAD knows: anomalies of all other classes, or of one as their own columns have.

    Classifier: 30 classes x 4 gammas x (3 settings on all classes + 9 known classes) = 1,440 runs. Settings: Deep SAD's
    LeNet, Adam, batch and 150 epochs; the same net, and AGAD's discriminator, at AGAD's batch, length and rate. Known
    classes are run with the first alone: 90 experiments a cell. Deep SAD: 30 x 4 x (3 settings on all classes, and 9
    known classes pretrained and not) = 2,520 runs. On one core a run takes a minute to an hour and more of CIFAR-10;
    `--set updates=400` shortens all.
    """
    return [*_classifiers(), *(cell for gamma in GAMMAS for cell in _deep_sad(gamma))]


def _deep_svdd() -> Iterator[RunSpec]:
    """Deep SVDD's published settings; Fashion-MNIST has those of MNIST and Deep SAD's net."""
    adam: dict[str, Any] = {"init": "torch", "batch_size": 200, "lr": 1e-4, "beta1": 0.9, "weight_decay": 5e-7}
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, method="deep_svdd", encoder=LENET[dataset], scaling="gcn_minmax", **LEAN):
            theirs = _pretrained(of_epochs(cell.replace(**adam), 150, 50))
            yield theirs
            yield theirs.replace(boundary="soft")
            yield cell.replace(init="torch", pretrain_updates=1200)


def _deep_sad(gamma: float) -> Iterator[RunSpec]:
    """Deep SAD's settings, with pretraining and without: its published code keeps nothing of it."""
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, (gamma,), method="deep_sad", encoder=LENET[dataset], scaling="unit", **LEAN):
            loose = of_epochs(cell.replace(**(DEEP_SAD | ({} if gamma else {"min_anomalies": 32}))), 150, 50)
            for theirs in (_pretrained(loose), loose):
                yield theirs
                if gamma:
                    yield from (theirs.replace(known_anomaly_classes=(c,)) for c in range(10) if c != cell.normal_class)
            yield cell.replace(init="torch", pretrain_updates=1200)


def _pretrained(cell: RunSpec) -> RunSpec:
    """The cell with its authors' pretraining in passes; of CIFAR-10 Deep SAD documents none, and has Deep SVDD's.

    Deep SAD's readme has no step of the rate in it.
    """
    each = updates_of_epoch(cell)
    epochs, step, decay = (350, 250, 5e-7) if cell.dataset == "cifar10" else (150, 50, 5e-4)
    steps = () if (cell.method, step) == ("deep_sad", 50) else (step * each,)
    return cell.replace(pretrain_updates=epochs * each, pretrain_lr_steps=steps, pretrain_weight_decay=decay)


def _classifiers() -> Iterator[RunSpec]:
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, GAMMAS, method="classifier", **LEAN):
            lenet = cell.replace(encoder=LENET[dataset])
            theirs = of_epochs(lenet.replace(anomaly_weight="share", **DEEP_SAD), 150, 50)
            yield theirs
            yield from (theirs.replace(known_anomaly_classes=(c,)) for c in range(10) if c != cell.normal_class)
            yield lenet.replace(scaling="unit", init="torch")
            yield cell.replace(encoder="netd")


def of_epochs(cell: RunSpec, epochs: int, *steps: int) -> RunSpec:
    """The cell with so many passes over its normals and anomalies, and a tenth of the rate from each of `steps` on."""
    each = updates_of_epoch(cell)
    return cell.replace(updates=epochs * each, lr_steps=tuple(step * each for step in steps))


def updates_of_epoch(cell: RunSpec) -> int:
    """Updates of a pass over all training images, as many as their authors' loaders make: the last batch counts."""
    images = roles(cell, DATASETS[cell.dataset].train_counts or ())
    return math.ceil((images.normals + images.anomalies) / cell.batch_size)
