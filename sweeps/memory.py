"""How much memory a worker on the CPU needs, from what it trains: before anything is started, and without torch."""

from __future__ import annotations

from collections.abc import Iterable

from agad.spec import RunSpec

_GIB = 2**30
_BASE = 1.3
"""GiB of torch, scikit-learn, the nets with Adam's moments, and what the heap holds back."""
_PIXELS = 2**18
"""256 images of 32x32, the batch at which the next were measured (docs/benchmarks.md)."""
_TRAINING = {
    ("naive", "bf16"): 0.25,
    ("naive", "fp32"): 0.4,
    ("unet", "bf16"): 1.1,
    ("unet", "fp32"): 1.6,
    ("unetpp", "bf16"): 2.0,
    ("unetpp", "fp32"): 3.2,
}
"""GiB that an update keeps for so many pixels of its batch."""
_SCORING = 0.25
"""What scoring so many pixels at once takes of the former, at its own precision: it keeps nothing for gradients."""


def worker_bytes(specs: Iterable[RunSpec]) -> int:
    """Memory that a worker needs for the largest of the runs; of what was measured it is the upper end.

    It grows with the pixels of a batch: at 128x128 a quarter of it less was measured than this says.
    """
    return max((_run_bytes(*shape) for shape in {_shape(spec) for spec in specs}), default=int(_BASE * _GIB))


def _shape(spec: RunSpec) -> tuple[str, str, str, int, int]:
    pixels = spec.image_size**2
    return spec.backbone, spec.precision, spec.eval_precision, spec.batch_size * pixels, spec.eval_batch_size * pixels


def _run_bytes(backbone: str, precision: str, eval_precision: str, trained: int, scored: int) -> int:
    training = _TRAINING[backbone, precision] * trained
    scoring = _SCORING * _TRAINING[backbone, eval_precision] * scored
    return int(_GIB * (_BASE + max(training, scoring) / _PIXELS))
