"""The step that agad's is measured against: GAN anomaly detection as its code is usually written, and no faster.

float32, torch's default layout and Adam, a DataLoader with per-image transforms, D forwarded again for its own loss,
every loss fetched where it is printed. The losses are agad's own, so that both do the same work.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from agad.data.prepared import Prepared
from agad.data.split import OneClassSplit
from agad.methods import build_generator
from agad.methods.losses import (
    Distances,
    adversarial_loss,
    anomaly_loss,
    contextual_adversarial_loss,
    contextual_loss,
    discriminator_loss,
    latent_loss,
    normality_loss,
)
from agad.nets.build import build_discriminator
from agad.nets.layers.batchnorm import BatchNormNet, BNMode, bn_mode
from agad.spec.counts import batch_sizes
from agad.spec.run import RunSpec


class Images(Dataset[Tensor]):
    """Images that are transformed one by one when they are asked for."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images
        middle = [0.5] * images.shape[-1]
        self._transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize(middle, middle)]
        )

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self._transform(self._images[index])
        return image


class PlainLoop:
    """A run of a spec whose other fields are at their defaults."""

    def __init__(self, spec: RunSpec, data: Prepared, split: OneClassSplit, device: torch.device) -> None:
        self._spec, self._device = spec, device
        sizes = batch_sizes(spec, len(split.normal))
        self._normals = _batches(data, split.normal, sizes.normal, device)
        self._anomalies = _batches(data, split.anomaly, sizes.anomaly, device) if sizes.anomaly else None
        draw = torch.Generator().manual_seed(spec.seed)
        self._generator = build_generator(spec, data.channels, draw).to(device)
        self._discriminator = build_discriminator(spec, data.channels, draw).to(device)
        betas = (spec.beta1, spec.beta2)
        self._adam_g = torch.optim.Adam(self._generator.parameters(), lr=spec.lr, betas=betas)
        self._adam_d = torch.optim.Adam(self._discriminator.parameters(), lr=spec.lr, betas=betas)
        for net in (self._generator, self._discriminator):
            _train_mode(net)
        self.shown: list[float] = []

    def step(self) -> None:
        """One update of G and of D."""
        x_n = next(self._normals).to(self._device)
        x = x_n if self._anomalies is None else torch.cat([x_n, next(self._anomalies).to(self._device)])
        n = len(x_n)
        loss_g, x_hat = self._generator_loss(x, n)
        self._adam_g.zero_grad()
        torch.autograd.backward(loss_g)
        self._adam_g.step()
        y, _ = self._discriminator(x)
        y_hat, _ = self._discriminator(x_hat.detach())
        loss_d = discriminator_loss(y[:n], y_hat[:n], y[n:] if len(x) > n else None, (1.0, 1.0))
        self._adam_d.zero_grad()
        torch.autograd.backward(loss_d)
        self._adam_d.step()
        self.shown = [loss_g.item(), loss_d.item()]

    def _generator_loss(self, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
        x_hat = self._generator(x)
        again = self._generator(x_hat)
        y_hat, z_hat = self._discriminator(x_hat)
        _, z = self._discriminator(x)

        def distances(part: slice, target: float, *, normal: bool) -> Distances:
            return Distances(
                adv=adversarial_loss(y_hat[part], target),
                con=contextual_loss(x[part], x_hat[part]) if normal else None,
                adcon=contextual_adversarial_loss(x_hat[part], again[part]),
                lat=latent_loss(z[part], z_hat[part]),
            )

        loss, _ = normality_loss(distances(slice(0, n), 1.0, normal=True), self._spec)
        if len(x) > n:
            loss = loss + anomaly_loss(distances(slice(n, None), 0.0, normal=False), self._spec)[0]
        return loss, x_hat


def _train_mode(net: BatchNormNet) -> None:
    """What net.train() is to torch's batch norm."""
    bn_mode(net, BNMode.UPDATE).__enter__()


def _batches(data: Prepared, indices: np.ndarray, size: int, device: torch.device) -> Iterator[Tensor]:
    images = data.train_images.numpy()[indices].transpose(0, 2, 3, 1)
    # Workers on a GPU's machine only: on a CPU they would take the cores of the training.
    workers = 4 if device.type == "cuda" else 0
    loader = DataLoader(Images(images), batch_size=size, shuffle=True, drop_last=True, num_workers=workers)
    while True:
        yield from loader
