"""How much memory a worker on the CPU needs, from what it trains: before anything is started, and without torch."""

from __future__ import annotations

from collections.abc import Iterable

from agad.spec.run import RunSpec

_GIB = 2**30
_BASE = 1.2
"""GiB of torch, scikit-learn, the nets with Adam's moments, the pages of the data, and what the heap holds back."""
_PIXELS = 2**18
"""256 images of 32x32, the batch at which the next were measured (docs/benchmarks.md)."""
_TRAINING = {
    ("naive", "bf16"): 0.2,
    ("naive", "fp32"): 0.28,
    ("unet", "bf16"): 0.55,
    ("unet", "fp32"): 1.1,
    ("unetpp", "bf16"): 1.3,
    ("unetpp", "fp32"): 2.3,
}
"""GiB that an update keeps for so many pixels of its batch."""
_LARGE = 0.55
"""Of a large batch with skip connections this share and no more, and as many GiB: what can be is made again
(agad/nets/layers/rebuilding.py, agad/nets/layers/recomputation.py)."""
_SCORING = {
    ("naive", "bf16"): 0.05,
    ("naive", "fp32"): 0.05,
    ("unet", "bf16"): 0.15,
    ("unet", "fp32"): 0.25,
    ("unetpp", "bf16"): 0.3,
    ("unetpp", "fp32"): 0.6,
}
"""GiB that scoring takes for so many pixels at once: it keeps nothing for gradients."""


def worker_bytes(specs: Iterable[RunSpec]) -> int:
    """Memory that a worker needs for the largest of the runs; of what was measured it is the upper end."""
    return max((_run_bytes(*shape) for shape in {_shape(spec) for spec in specs}), default=int(_BASE * _GIB))


def _shape(spec: RunSpec) -> tuple[str, str, str, int, int]:
    pixels = spec.image_size**2
    return spec.backbone, spec.precision, spec.eval_precision, spec.batch_size * pixels, spec.eval_batch_size * pixels


def _run_bytes(backbone: str, precision: str, eval_precision: str, trained: int, scored: int) -> int:
    training = _TRAINING[backbone, precision] * trained / _PIXELS
    if backbone != "naive":
        training = min(training, _LARGE + _LARGE * training)
    scoring = _SCORING[backbone, eval_precision] * scored / _PIXELS
    return int(_GIB * (_BASE + max(training, scoring)))
