"""Why a detector is not better than it is: one setting changed at a time, all else as the paper has it."""

from __future__ import annotations

from typing import Any

from agad import RunSpec, grid
from agad.spec.run import EVAL_PROTOCOLS

from .cells import one_class

CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"latent_loss": "norm"},
    {"init": "torch"},
    {"discriminator": "two_block"},
    {"batch_size": 64},
    {"updates": 3000},
)
"""Where the paper can be read otherwise (latent loss, discriminator) or is silent (initialisation, batch, length)."""


@grid
def changes() -> list[RunSpec]:
    """What one changed setting is worth, on CIFAR-10 without any anomaly, under every evaluation protocol.

    10 classes with the U-Net x (as it is, 5 changes, and leave-one-out) x 3 seeds = 210 runs. Under leave-one-out each
    class in turn is the anomaly and the nine others are normal.
    """
    return [
        cell.replace(**change, final_protocols=EVAL_PROTOCOLS)
        for normal, cell in enumerate(one_class("cifar10", backbone="unet"))
        for change in (*CHANGES, _left_out(normal))
    ]


def _left_out(abnormal: int) -> dict[str, Any]:
    return {"protocol": "leave_one_out", "normal_class": None, "abnormal_class": abnormal}
