"""Table 1's rivals that generate normals from a latent space: AnoGAN, its successor f-AnoGAN, and OCGAN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agad import RunSpec, grid

from .cells import one_class
from .rivals import BENCHMARKS, LEAN, of_epochs

CRITIC = 5
"""Updates of f-AnoGAN's critic for one of its generator."""
WGAN: dict[str, Any] = {"batch_size": 64, "lr": 1e-4, "beta1": 0.0, "beta2": 0.9}
"""f-AnoGAN's settings (its code at 35b1de9)."""
LAMBDAS = (10.0, 500.0)
"""OCGAN's weight of the reconstruction: its readme's, and that of its script for all classes (its code at 0dda279)."""


@grid(seeds=1)
def rivals_latent() -> list[RunSpec]:
    """Table 1's AnoGAN and OCGAN, and f-AnoGAN, which AnoGAN's authors put in its place: 30 classes each.

    AnoGAN: at AGAD's batch, length and rate alone, since no code of its authors fixes others; 500 steps a test image,
    which cost eight times as much as its training: `--select method=anogan --set search_steps=50`. f-AnoGAN: at its
    authors' settings, with 50,000 updates of the encoder and, for want of a length that carries over, of the critic;
    and at AGAD's, its generator moving 1,200 times too. OCGAN: at its authors', with both weights that its code has,
    and at AGAD's. 180 runs.
    """
    return [cell for dataset in BENCHMARKS for cell in _cells(dataset)]


def _cells(dataset: str) -> Iterator[RunSpec]:
    yield from one_class(dataset, method="anogan", **LEAN)
    for paired in one_class(dataset, method="fanogan", pretrain_updates=CRITIC * 1200, **LEAN):
        yield paired.replace(updates=50_000, pretrain_updates=50_000, **WGAN)
        yield paired
    for paired in one_class(dataset, method="ocgan", lambda_con=LAMBDAS[0], **LEAN):
        for weight in LAMBDAS:
            yield of_epochs(paired.replace(batch_size=512, lambda_con=weight), 200)
        yield paired
