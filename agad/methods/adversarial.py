"""What the GAN-based methods share: a generator, GANomaly's discriminator with its reset, and the row's counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from agad.methods import build_generator
from agad.methods.method import Group, Method
from agad.nets.build import build_discriminator, initialise
from agad.nets.layers.batchnorm import BatchNormNet, add_auxiliary
from agad.spec.run import RunSpec
from agad.tensors.seeding import generator as seeded

RECIPROCALS = ("recip_adv", "recip_adcon", "recip_lat")
"""Terms of Eq. 10 whose largest values are columns of the row."""


class AdversarialMethod(Method):
    """A method with a generator G and a discriminator D, each moved by a loss of its own.

    Args:
        spec: of the run.
        channels: of the images.

    Attributes:
        generator: G.
        discriminator: D.
        d_resets: how often D was initialised again.
        recip_max: the largest value that each reciprocal of Eq. 10 ever had.
    """

    def __init__(self, spec: RunSpec, channels: int) -> None:
        self.spec = spec
        self.d_resets = 0
        self.recip_max: dict[str, float] = {}
        self.generator = build_generator(spec, channels, generator_key(spec))
        self.discriminator = self.build_discriminator(channels, self._discriminator_key())
        if "advprop" in spec.batch_norm:
            add_auxiliary(self.generator)
            if spec.advprop_scope == "g+d":
                add_auxiliary(self.discriminator)
        nets = {"generator": self.generator, "discriminator": self.discriminator}
        groups = (Group.of(spec, "d", "discriminator"), Group.of(spec, "g", "generator"))
        super().__init__(nets, groups)

    def build_discriminator(self, channels: int, key: torch.Generator) -> BatchNormNet:
        """D with weights drawn from a key: AGAD's, unless a method has its own."""
        return build_discriminator(self.spec, channels, key)

    def after_update(self, terms: Mapping[str, float]) -> None:
        """Algorithm 1, lines 12 and 13: initialise D again where its loss has vanished."""
        for name in RECIPROCALS:
            if name in terms:
                self.recip_max[name] = max(terms[name], self.recip_max.get(name, 0.0))
        if terms["loss_d"] < self.spec.d_reset_threshold:
            self.d_resets += 1
            initialise(self.discriminator, self._discriminator_key(), self.spec.init)  # Adam's moments stay

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(x)."""
        x_hat: Tensor = self.generator(x)
        return x_hat

    def columns(self) -> dict[str, Any]:
        """Resets of D, and the reciprocals' maxima."""
        return {"d_resets": self.d_resets, **{f"{name}_max": self.recip_max.get(name) for name in RECIPROCALS}}

    def state_dict(self) -> dict[str, Any]:
        """The counts of `columns`."""
        return {"d_resets": self.d_resets, "recip_max": self.recip_max}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of state_dict."""
        self.d_resets, self.recip_max = state["d_resets"], dict(state["recip_max"])

    def _discriminator_key(self) -> torch.Generator:
        return seeded("init", "discriminator", *self.spec.seed_key, self.d_resets)


def generator_key(spec: RunSpec) -> torch.Generator:
    """Where the generator's initial weights are drawn from."""
    return seeded("init", "generator", spec.backbone, *spec.seed_key)
