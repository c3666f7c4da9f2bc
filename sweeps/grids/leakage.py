"""How much of a score comes from the order of the test set."""

from __future__ import annotations

from agad import RunSpec, grid
from agad.spec.run import EVAL_PROTOCOLS

from .cells import one_class


@grid
def leakage() -> list[RunSpec]:
    """What the order of the test set does to a score: the same weights under every evaluation protocol, all along.

    10 classes of CIFAR-10 with the U-Net x 3 seeds = 30 runs. Every protocol is scored at every point of the curve,
    and `batch1` at the end, so each has its last value and its oracle.
    """
    return [
        cell.replace(curve_protocols=EVAL_PROTOCOLS[:5], final_protocols=EVAL_PROTOCOLS)
        for cell in one_class("cifar10", backbone="unet")
    ]
