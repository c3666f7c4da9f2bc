"""How normals and anomalies go through G and D: which share a forward pass, and what batch norm does in each.

This is where `batch_norm`, `advprop_scope`, `bn_update` and `batch_mix` of a spec take effect (sections 3.3.2, 6.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.nets.layers.recomputation import recomputed
from agad.spec.run import RunSpec


@dataclass(frozen=True, slots=True)
class Pass:
    """One of the four passes of a step.

    Attributes:
        normal: batch norm's mode for normals, or for all where the pass is joint.
        anomaly: its mode for anomalies.
        joint: whether both share one forward pass, and so their batch statistics.
    """

    normal: BNMode
    anomaly: BNMode
    joint: bool

    def generate(self, net: BatchNormNet, images: Tensor, n_normal: int, *, recompute: bool = False) -> Tensor:
        """G of `images` (N, C, H, W), the first n_normal of which are normal; same shape.

        Where the pass is not joint, the normals go first. `recompute`: autograd saves nothing of it where the backward
        pass can repeat it (agad/nets/layers/recomputation.py).
        """
        run = partial(recomputed, net) if recompute else net
        parts: list[Tensor] = [run(part) for part in self._parts(net, images, n_normal)]
        return _join(parts)

    def discriminate(self, net: BatchNormNet, images: Tensor, n_normal: int) -> tuple[Tensor, Tensor]:
        """D of `images`: logits (N,) and features z; otherwise as `generate`."""
        parts: list[tuple[Tensor, Tensor]] = [net(part) for part in self._parts(net, images, n_normal)]
        return _join([logits for logits, _ in parts]), _join([z for _, z in parts])

    def _parts(self, net: BatchNormNet, images: Tensor, n_normal: int) -> Iterator[Tensor]:
        """The sub-batches one after the other, each while the net is in its mode."""
        if self.joint or n_normal == len(images):
            groups = [(images, self.normal)]
        else:
            groups = [(images[:n_normal], self.normal), (images[n_normal:], self.anomaly)]
        for part, mode in groups:
            with bn_mode(net, mode):
                yield part


@dataclass(frozen=True, slots=True)
class Passes:
    """The four passes of a step: G(x), D(x), G(x_hat), D(x_hat)."""

    g_real: Pass
    d_real: Pass
    g_generated: Pass
    d_generated: Pass


def plan_passes(spec: RunSpec) -> Passes:
    """The passes of a spec.

    Strategies: `advprop` sends reconstructions through the auxiliary batch norm (of G, or of D too); `freeze` sends
    anomalies and their reconstructions separately through running statistics, except in auxiliary batch norm.
    """
    freeze = "freeze" in spec.batch_norm
    advprop = "advprop" in spec.batch_norm
    moving = BNMode.UPDATE if spec.bn_update == "all" else BNMode.BATCH
    separate = spec.batch_mix == "separate"
    real = _plan(BNMode.UPDATE, freeze=freeze, separate=separate)
    main = _plan(moving, freeze=freeze, separate=separate)
    auxiliary = _plan(BNMode.AUX, freeze=False, separate=separate)
    return Passes(
        g_real=real,
        d_real=real,
        g_generated=auxiliary if advprop else main,
        d_generated=auxiliary if advprop and spec.advprop_scope == "g+d" else main,
    )


def _plan(mode: BNMode, *, freeze: bool, separate: bool) -> Pass:
    return Pass(normal=mode, anomaly=BNMode.RUNNING if freeze else mode, joint=not (freeze or separate))


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
