"""The paper's figures."""

from __future__ import annotations

from agad import RunSpec, grid

from .cells import one_class, union
from .tables import table3


@grid(seeds=1)
def fig2() -> list[RunSpec]:
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


@grid(seeds=1)
def fig3() -> list[RunSpec]:
    """Figure 3: reconstructions of medical images at 128x128, without and with 10% anomalies.

    4 data sets x 2 gammas = 8 runs of UNet++ at batch 64, all of them Table 3's with the adversarial context.
    """
    return [cell for cell in table3() if cell.adversarial_context == "on" and cell.gamma in {0.0, 0.10}]


@grid
def fig4() -> list[RunSpec]:
    """Figure 4: class-wise spread of the scores at 5% and 20% anomalies, with the U-Net.

    30 classes of CIFAR-10 and CIFAR-100 x 2 gammas x 3 seeds = 180 runs, of which 90 are Table 4's.
    """
    return union(*(one_class(dataset, (0.05, 0.20), backbone="unet") for dataset in ("cifar10", "cifar100")))


@grid
def fig6() -> list[RunSpec]:
    """Figure 6: learning curves of U-Net and UNet++ on the 20 classes of CIFAR-100.

    20 classes x 2 backbones x 3 seeds = 120 runs, all of them Table 9's.
    """
    return [cell for backbone in ("unet", "unetpp") for cell in one_class("cifar100", backbone=backbone)]


_DENSE = tuple(range(50, 1200, 50))


@grid
def fig6_dense() -> list[RunSpec]:
    """Figure 6 with curves of 24 points, every 50 updates: dense enough to say whose is smoother (B.1).

    The 120 runs of `fig6`, scored more often: four times the points, so about four times the time in scoring.
    """
    return [cell.replace(curve=_DENSE) for cell in fig6()]
