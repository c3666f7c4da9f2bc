"""The paper's tables."""

from __future__ import annotations

from typing import Any

from agad import RunSpec, grid

from .cells import BENCHMARKS, one_class, paper_backbone, union

TABLE2_GAMMAS = (0.0, 0.01, 0.05, 0.10, 0.20)
"""Shares of anomalies in Table 2."""
ABLATION_GAMMAS = (0.0, 0.01, 0.03, 0.05, 0.10)
"""Shares of anomalies in Tables 3, 4 and 5."""

MEDICAL = ("alzheimer", "chest_xray", "lung_histopathology", "retinal_oct")
"""The data sets of section 5; class 0 is the normal one."""
MEDICAL_SHAPE: dict[str, Any] = {"image_size": 128, "batch_size": 64, "eval_batch_size": 64}
"""Section 5's images. Two passes of UNet++ over 256 of them save 54 GiB of activations, more than an A40 holds; the
paper does not say how it trained them."""


@grid
def table1() -> list[RunSpec]:
    """Table 1: one-class AUROC without any anomaly, on MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100.

    50 classes x 3 seeds = 150 runs of 1,200 updates at batch 256.
    """
    return union(*(one_class(dataset, backbone=paper_backbone(dataset)) for dataset in BENCHMARKS))


@grid
def table2() -> list[RunSpec]:
    """Table 2: AUROC against the share of labelled anomalies, on MNIST, Fashion-MNIST and CIFAR-10.

    3 data sets x 10 classes x 5 gammas x 3 seeds = 450 runs; those at gamma = 0 are Table 1's.
    """
    return union(
        *(
            one_class(dataset, TABLE2_GAMMAS, backbone=paper_backbone(dataset))
            for dataset in ("mnist", "fashion_mnist", "cifar10")
        )
    )


@grid
def table2_one() -> list[RunSpec]:
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


@grid
def table3() -> list[RunSpec]:
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


@grid
def table4() -> list[RunSpec]:
    """Table 4: what the adversarial context adds at each share of anomalies, with the U-Net.

    40 classes of Fashion-MNIST, CIFAR-10 and CIFAR-100 x 5 gammas x 2 x 3 seeds = 1,200 runs.
    """
    return [
        cell.replace(adversarial_context=context)
        for dataset in ("fashion_mnist", "cifar10", "cifar100")
        for cell in one_class(dataset, ABLATION_GAMMAS, backbone="unet")
        for context in ("on", "off")
    ]


@grid
def table5() -> list[RunSpec]:
    """Table 5: four batch norm strategies at each share of anomalies, with the U-Net.

    40 classes x (5 gammas x 2 + 4 gammas x 2, for nothing is frozen at gamma = 0) x 3 seeds = 2,160 runs, of which 600
    are Table 4's.
    """
    return [
        cell.replace(batch_norm=strategy)
        for strategy in ("shared", "advprop", "freeze", "advprop_freeze")
        for dataset in ("fashion_mnist", "cifar10", "cifar100")
        for cell in one_class(dataset, ABLATION_GAMMAS, backbone="unet")
        if cell.gamma > 0 or "freeze" not in strategy
    ]


@grid(seeds=1)
def table8() -> list[RunSpec]:
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


@grid
def table9() -> list[RunSpec]:
    """Table 9: three generator backbones without any anomaly, on all four benchmark data sets.

    50 classes x 3 backbones x 3 seeds = 450 runs, of which 150 are Table 1's and 120 Table 4's.
    """
    return [
        cell
        for dataset in BENCHMARKS
        for backbone in ("naive", "unet", "unetpp")
        for cell in one_class(dataset, backbone=backbone)
    ]
