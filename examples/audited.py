"""A detector scored as GANomaly's public code scores: never put into eval(), a test set of normals and then anomalies.

    agad audit examples/audited.py
    agad audit examples/audited.py:mended --out audit-mended

It is trained on scikit-learn's digits, of which 3 is normal, in some seconds and without its discriminator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

NORMAL, UPDATES = 3, 60


class Generator(nn.Module):
    """Encoder, decoder, encoder; the score is the distance between both codes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = _encoder(), _encoder()
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 32, 2), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructions of images (N, 1, 8, 8), and the distance between codes (N,)."""
        code = self.first(x)
        x_hat = self.decoder(code)
        return x_hat, (code - self.second(x_hat)).square().flatten(1).mean(1)


def _encoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 16, 2),
    )  # fmt: skip


def trained(images: Tensor) -> Generator:
    """The generator in train mode, as training leaves it."""
    torch.manual_seed(0)
    net = Generator()
    adam = torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999))
    for _ in range(UPDATES):
        x = images[torch.randint(len(images), (64,))]
        x_hat, distance = net(x)
        adam.zero_grad()
        (50 * (x_hat - x).abs().mean() + distance.mean()).backward()
        adam.step()
    return net


def load(*, mode: str = "train") -> dict[str, Any]:
    """What is audited: a score function, and the test set in its own order."""
    pixels, digits = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels.reshape(-1, 1, 8, 8)).float().div(8).sub(1)
    normal = np.flatnonzero(digits == NORMAL)
    train, test = normal[::2], np.concatenate([normal[1::2], np.flatnonzero(digits != NORMAL)])
    net = trained(images[train]).train(mode == "train")

    def score(x: Tensor) -> Tensor:
        with torch.no_grad():
            distance: Tensor = net(x)[1]
            return distance

    return {
        "score": score,
        "images": images[test],
        "labels": (digits[test] != NORMAL).astype(int),
        "classes": digits[test],
        "train_images": images[train],
    }


def mended() -> dict[str, Any]:
    """The same, scored with running statistics."""
    return load(mode="eval")
