"""Named grids: functions that return the cells of a paper's table. Standard library only.

A cell is a spec with seed 0; a grid's runs are its cells times its seeds. A new grid is a decorated function whose
docstring says what it answers, how many runs it has and what they cost.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agad.errors import SpecError
from agad.spec.run import EVAL_PROTOCOLS, RunSpec

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


TABLE2_GAMMAS = (0.0, 0.01, 0.05, 0.10, 0.20)
"""Shares of anomalies in Table 2."""
ABLATION_GAMMAS = (0.0, 0.01, 0.03, 0.05, 0.10)
"""Shares of anomalies in Tables 3, 4 and 5."""

BENCHMARKS = {"mnist": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 20}
"""The data sets of section 4 and their numbers of classes."""
MEDICAL = ("alzheimer", "chest_xray", "lung_histopathology", "retinal_oct")
"""The data sets of section 5; class 0 is the normal one."""
MEDICAL_SHAPE: dict[str, Any] = {"image_size": 128, "batch_size": 64, "eval_batch_size": 64}
"""Section 5's images. Two passes of UNet++ over 256 of them save 54 GiB of activations, more than an A40 holds; the
paper does not say how it trained them."""


def paper_backbone(dataset: str) -> str:
    """Section 4's generator: the naive encoder-decoder for MNIST (footnote 4), UNet++ for the rest."""
    return "naive" if dataset == "mnist" else "unetpp"


def _one_class(dataset: str, gammas: Iterable[float] = (0.0,), **fields: Any) -> Cells:
    """Each class of a benchmark data set as the normal one, at each gamma."""
    return [
        RunSpec(dataset=dataset, normal_class=normal, gamma=gamma, **fields)
        for gamma in gammas
        for normal in range(BENCHMARKS[dataset])
    ]


def _union(*grids: Cells) -> Cells:
    """All cells, those that several grids share once."""
    return list(dict.fromkeys(cell for grid in grids for cell in grid))


@_grid()
def demo() -> Cells:
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


@_grid()
def table1() -> Cells:
    """Table 1: one-class AUROC without any anomaly, on MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100.

    50 classes x 3 seeds = 150 runs of 1,200 updates at batch 256.
    """
    return _union(*(_one_class(dataset, backbone=paper_backbone(dataset)) for dataset in BENCHMARKS))


@_grid()
def table2() -> Cells:
    """Table 2: AUROC against the share of labelled anomalies, on MNIST, Fashion-MNIST and CIFAR-10.

    3 data sets x 10 classes x 5 gammas x 3 seeds = 450 runs; those at gamma = 0 are Table 1's.
    """
    return _union(
        *(
            _one_class(dataset, TABLE2_GAMMAS, backbone=paper_backbone(dataset))
            for dataset in ("mnist", "fashion_mnist", "cifar10")
        )
    )


@_grid()
def table2_one() -> Cells:
    """Table 2 as its borrowed columns were made: labelled anomalies from one known class only, each in turn.

    3 data sets x 90 pairs of classes x 4 gammas x 3 seeds = 3,240 runs, none of which `full` contains. Deep SAD and
    ESAD know one anomaly class; the paper's own column, as read here, knows all nine.
    """
    return [
        cell.replace(known_anomaly_classes=(known,))
        for cell in table2()
        if cell.gamma > 0
        for known in range(10)
        if known != cell.normal_class
    ]


@_grid()
def table3() -> Cells:
    """Table 3: medical images at 128x128, with and without the adversarial context.

    4 data sets x 5 gammas x 2 x 3 seeds, less ChestXray at gamma = .01 (too few anomalies, as in the paper) = 114 runs
    of UNet++ at batch 64.
    """
    return [
        RunSpec(
            dataset=dataset,
            normal_class=0,
            gamma=gamma,
            backbone="unetpp",
            adversarial_context=context,
            **MEDICAL_SHAPE,
        )
        for gamma in ABLATION_GAMMAS
        for dataset in MEDICAL
        for context in ("on", "off")
        if (dataset, gamma) != ("chest_xray", 0.01)
    ]


@_grid()
def table4() -> Cells:
    """Table 4: what the adversarial context adds at each share of anomalies, with the U-Net.

    40 classes of Fashion-MNIST, CIFAR-10 and CIFAR-100 x 5 gammas x 2 x 3 seeds = 1,200 runs.
    """
    return [
        cell.replace(adversarial_context=context)
        for dataset in ("fashion_mnist", "cifar10", "cifar100")
        for cell in _one_class(dataset, ABLATION_GAMMAS, backbone="unet")
        for context in ("on", "off")
    ]


@_grid()
def table5() -> Cells:
    """Table 5: four batch norm strategies at each share of anomalies, with the U-Net.

    40 classes x (5 gammas x 2 + 4 gammas x 2, for nothing is frozen at gamma = 0) x 3 seeds = 2,160 runs, of which 600
    are Table 4's.
    """
    return [
        cell.replace(batch_norm=strategy)
        for strategy in ("shared", "advprop", "freeze", "advprop_freeze")
        for dataset in ("fashion_mnist", "cifar10", "cifar100")
        for cell in _one_class(dataset, ABLATION_GAMMAS, backbone="unet")
        if cell.gamma > 0 or "freeze" not in strategy
    ]


@_grid(seeds=1)
def table8() -> Cells:
    """Table 8: parameters of each generator, and its time for one 32x32 image, at batch 1 and at the best batch.

    3 runs under a minute each on one CPU core; nothing is trained. Table 8's nets have one channel, as the embedded
    digits have. These are the nets of the other tables, with batch norm: 2,133,632, 7,762,465 and 9,045,249 parameters.
    The paper's 2.04M are 2.03 x 2^20 here; its 7.76M and 9.04M are U-Nets without batch norm, exactly those of
    `--set generator_norm=none`.
    """
    return [
        RunSpec(task="inference", dataset="digits", normal_class=0, backbone=backbone)
        for backbone in ("naive", "unet", "unetpp")
    ]


@_grid()
def table9() -> Cells:
    """Table 9: three generator backbones without any anomaly, on all four benchmark data sets.

    50 classes x 3 backbones x 3 seeds = 450 runs, of which 150 are Table 1's and 120 Table 4's.
    """
    return [
        cell
        for dataset in BENCHMARKS
        for backbone in ("naive", "unet", "unetpp")
        for cell in _one_class(dataset, backbone=backbone)
    ]


@_grid(seeds=1)
def fig2() -> Cells:
    """Figure 2: reconstructions of normal and anomalous images by GANomaly, and by AGAD without and with anomalies.

    3 data sets x 3 = 9 runs, leave-one-out: the anomalies are Fashion-MNIST's ankle boots, CIFAR-10's airplanes and
    CIFAR-100's vehicles 2. GANomaly has its own nets, AGAD UNet++ (section 4). The supervised ones know 10% anomalies,
    but for CIFAR-100's, drawn at 5%: 10% would be 5,277 anomalies of a class that has 2,500.
    """
    cells = []
    for dataset, abnormal, known in (("fashion_mnist", 9, 0.10), ("cifar10", 0, 0.10), ("cifar100", 19, 0.05)):
        of_class = RunSpec(dataset=dataset, protocol="leave_one_out", abnormal_class=abnormal)
        cells.append(of_class.replace(method="ganomaly"))
        cells += [of_class.replace(backbone="unetpp", gamma=gamma) for gamma in (0.0, known)]
    return cells


@_grid(seeds=1)
def fig3() -> Cells:
    """Figure 3: reconstructions of medical images at 128x128, without and with 10% anomalies.

    4 data sets x 2 gammas = 8 runs of UNet++ at batch 64, all of them Table 3's with the adversarial context.
    """
    return [cell for cell in table3() if cell.adversarial_context == "on" and cell.gamma in {0.0, 0.10}]


@_grid()
def fig4() -> Cells:
    """Figure 4: class-wise spread of the scores at 5% and 20% anomalies, with the U-Net.

    30 classes of CIFAR-10 and CIFAR-100 x 2 gammas x 3 seeds = 180 runs, of which 90 are Table 4's.
    """
    return _union(*(_one_class(dataset, (0.05, 0.20), backbone="unet") for dataset in ("cifar10", "cifar100")))


@_grid()
def fig6() -> Cells:
    """Figure 6: learning curves of U-Net and UNet++ on the 20 classes of CIFAR-100.

    20 classes x 2 backbones x 3 seeds = 120 runs, all of them Table 9's.
    """
    return [cell for backbone in ("unet", "unetpp") for cell in _one_class("cifar100", backbone=backbone)]


@_grid()
def leakage() -> Cells:
    """What the order of the test set does to a score: the same weights under every evaluation protocol, all along.

    10 classes of CIFAR-10 with the U-Net x 3 seeds = 30 runs. Every protocol is scored at every point of the curve,
    and `batch1` at the end, so each has its last value and its oracle.
    """
    return [
        cell.replace(curve_protocols=EVAL_PROTOCOLS[:5], final_protocols=EVAL_PROTOCOLS)
        for cell in _one_class("cifar10", backbone="unet")
    ]


@_grid()
def full() -> Cells:
    """All runs of Tables 1 to 5 and 9 and Figures 3, 4 and 6, each once.

    3,654 runs. What no table of numbers needs is apart: `fig2` (9 runs, leave-one-out), `table8` (3 of
    seconds), `table2_one` and `leakage`.
    """
    return _union(table1(), table2(), table3(), table4(), table5(), table9(), fig4(), fig6())
