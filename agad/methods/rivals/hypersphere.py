"""What Deep SVDD and Deep SAD share: an encoder that maps normals near a centre, pretrained as part of an autoencoder.

Source: github.com/lukasruff/Deep-SVDD-PyTorch at 1901612 and Deep-SAD-PyTorch at 2e7aca3, src/optim and src/networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agad.methods.losses import at_least_float32
from agad.methods.method import Group, Losses, Method, TrainView
from agad.methods.rivals.scaling import Scaling
from agad.nets.build import seeded_net
from agad.nets.layers.batchnorm import BNMode, bn_mode
from agad.nets.lenet import WIDTHS, LeNet, LeNetDecoder
from agad.spec.run import RunSpec

LEAST = 0.1
"""Entries of the centre nearer to 0 are moved to +-LEAST, lest weights of 0 reach it; one of exactly 0 stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Of a batch whose first n_normal images are normal: the scaled images and what became of them.

    Attributes:
        n_normal: how many are normal.
        x: scaled images (B, C, 32, 32).
        code: (B, code), float32.
        x_hat: the decoder's images, in pretraining; None after it.
    """

    n_normal: int
    x: Tensor
    code: Tensor
    x_hat: Tensor | None


class Sphere(nn.Module):
    """What is measured and not trained: the centre (code,), the radius, and the constants of the scaling."""

    def __init__(self, code: int, scaling: str) -> None:
        super().__init__()
        self.scaling = Scaling(scaling)
        self.centre: Tensor
        self.radius: Tensor
        self.register_buffer("centre", torch.zeros(code))
        self.register_buffer("radius", torch.zeros(()))

    def distances(self, code: Tensor) -> Tensor:
        """Squared distances (B,) of codes (B, code) to the centre."""
        return (code - self.centre).square().sum(1)


class HypersphereMethod(Method):
    """Pretraining, then distances to a centre that is set in between.

    Args:
        spec: of the run.
        channels: of the images.
        norm_code: as LeNetDecoder.
    """

    def __init__(self, spec: RunSpec, channels: int, *, norm_code: bool) -> None:
        self.spec = spec
        self.encoder = seeded_net(spec, lambda: LeNet(channels, spec.encoder, spec.image_size), spec.encoder)
        self.sphere = Sphere(WIDTHS[spec.encoder][1][-1], spec.scaling)
        nets: dict[str, nn.Module] = {"encoder": self.encoder, "sphere": self.sphere}
        groups: tuple[Group, ...] = (Group.of(spec, "sphere", "encoder"),)
        if spec.pretrain_updates:
            build = lambda: LeNetDecoder(channels, spec.encoder, norm_code=norm_code)  # noqa: E731
            nets["decoder"] = seeded_net(spec, build, "decoder", spec.encoder)
            groups += (Group.of(spec, "ae", "encoder", "decoder", pretrains=True),)
        super().__init__(nets, groups)

    def begin(self, train: TrainView) -> None:
        """Measure the scaling's constants, and after pretraining the centre: the mean code of all training images."""
        self.sphere.scaling.measure(train)
        if self.pretraining:
            return
        total, count = torch.zeros_like(self.sphere.centre), 0
        for pool in (train.normal, train.anomaly):
            for part in torch.split(torch.arange(len(pool)), train.batch):
                if len(part):
                    total += self._codes(self.sphere.scaling(pool.take(part))).sum(0)
                    count += len(part)
        centre = total / count
        moved = torch.where(centre == 0, centre, torch.sign(centre) * centre.abs().clamp(min=LEAST))
        self.sphere.centre.copy_(moved)

    def forward(self, x: Tensor, n_normal: int) -> Outputs:
        """The encoder, and in pretraining the decoder, once."""
        x = self.sphere.scaling(x)
        with bn_mode(self.encoder, BNMode.UPDATE):
            code = self.encoder(x)
        if not self.pretraining:
            return Outputs(n_normal, x, at_least_float32(code), None)
        decoder = self.nets["decoder"]
        assert isinstance(decoder, LeNetDecoder)
        with bn_mode(decoder, BNMode.UPDATE):
            return Outputs(n_normal, x, code, at_least_float32(decoder(code)))

    def losses(self, out: Outputs) -> Losses:
        """Of the stage: that of the autoencoder, or that of the distances."""
        if out.x_hat is not None:
            return Losses({"ae": self.pretraining_loss(out.x, out.x_hat)})
        return Losses({"sphere": self.sphere_loss(self.sphere.distances(out.code), out.n_normal)})

    def pretraining_loss(self, x: Tensor, x_hat: Tensor) -> Tensor:
        """The autoencoder's loss, a scalar."""
        raise NotImplementedError

    def sphere_loss(self, distances: Tensor, n_normal: int) -> Tensor:
        """The loss of squared distances (B,), the first n_normal of which are of normals; a scalar."""
        raise NotImplementedError

    def scores(self, x: Tensor, fitted: None, positions: Tensor) -> Tensor:  # noqa: ARG002
        """Squared distance of each image's code to the centre, (B,)."""
        return self.sphere.distances(self._codes(self.sphere.scaling(x)))

    def _codes(self, x: Tensor) -> Tensor:
        return at_least_float32(self.encoder(x))
