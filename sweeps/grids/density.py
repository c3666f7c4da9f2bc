"""Comparison methods of Tables 1 and 2 that model the density of normals or of their codes: DAGMM, hybrids, others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agad import RunSpec, grid

from .cells import one_class
from .rivals import BENCHMARKS, DEEP_SAD, GAMMAS, LEAN, LENET, of_epochs


@grid(seeds=1)
def density_semi() -> list[RunSpec]:
    """Table 1's DAGMM, and the SSAD hybrid and ESAD without any anomaly, at their authors' settings and at AGAD's.

    DAGMM: 30 classes and CIFAR-100's 20, to which the printed row belongs, at the settings of the code that it comes
    from, and at AGAD's batch, length and rate. SSAD hybrid, at γ = 0 a one-class machine: 30 classes, with Deep SAD's
    autoencoder and at AGAD's. ESAD, whose settings are not known: 30 classes at AGAD's. 190 runs.
    """
    return [*_dagmm(), *_ssad(0.0), *_esad(0.0)]


@grid(seeds=1)
def density_labels() -> list[RunSpec]:
    """Table 2's SSAD hybrid, SS-DGM and ESAD: anomalies of all other classes, or of one as their own columns have.

    SSAD hybrid and SS-DGM: 30 classes x 4 gammas x (authors' settings on all classes and 9 known ones, AGAD's batch,
    length and rate on all) = 1,320 runs each. ESAD: the same at AGAD's alone, 1,200 runs.
    """
    return [cell for gamma in GAMMAS for cell in (*_ssad(gamma), *_ssdgm(gamma), *_esad(gamma))]


def _dagmm() -> Iterator[RunSpec]:
    adam: dict[str, Any] = {"init": "torch", "lr": 1e-3, "beta1": 0.9}
    for dataset in (*BENCHMARKS, "cifar100"):
        for cell in one_class(dataset, method="dagmm", **LEAN):
            yield of_epochs(cell.replace(**adam), 200)
            yield cell.replace(init="torch")


def _ssad(gamma: float) -> Iterator[RunSpec]:
    """Of CIFAR-10 Deep SAD documents no autoencoder: Deep SVDD's."""
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, (gamma,), method="ssad", encoder=LENET[dataset], scaling="unit", **LEAN):
            epochs, steps, decay = (350, (250,), 5e-7) if dataset == "cifar10" else (150, (), 5e-4)
            adam = DEEP_SAD | {"weight_decay": decay} | ({} if gamma else {"min_anomalies": 32})
            yield from _each_known(of_epochs(cell.replace(**adam), epochs, *steps))
            yield cell.replace(init="torch")


def _ssdgm(gamma: float) -> Iterator[RunSpec]:
    """100 epochs of M1 and 50 of M2."""
    adam: dict[str, Any] = {
        "init": "torch",
        "batch_size": 128,
        "min_anomalies": 1,
        "lr": 1e-3,
        "beta1": 0.9,
        "weight_decay": 1e-6,
        "pretrain_weight_decay": 1e-6,
    }
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, (gamma,), method="ssdgm", encoder=LENET[dataset], **LEAN):
            theirs = of_epochs(cell.replace(pretrain_updates=1, **adam), 50)
            yield from _each_known(theirs.replace(pretrain_updates=2 * theirs.updates))
            yield cell.replace(init="torch", pretrain_updates=1200)


def _esad(gamma: float) -> Iterator[RunSpec]:
    for dataset in BENCHMARKS:
        for cell in one_class(dataset, (gamma,), method="esad", encoder=LENET[dataset], scaling="unit", **LEAN):
            yield from _each_known(cell.replace(init="torch"))


def _each_known(cell: RunSpec) -> Iterator[RunSpec]:
    """The cell; with labelled anomalies, with each single class of them known too."""
    yield cell
    if cell.gamma:
        yield from (cell.replace(known_anomaly_classes=(c,)) for c in range(10) if c != cell.normal_class)
