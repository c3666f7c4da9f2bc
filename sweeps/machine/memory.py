"""How much memory a worker on the CPU needs, from what it trains: before anything is started, and without torch."""

from __future__ import annotations

from collections.abc import Iterable

from agad.data.features.file import bytes_of, path_of
from agad.spec.catalogue import backbones, methods
from agad.spec.run import RunSpec

_GIB = 2**30
_BASE = 1.2
"""GiB of torch, scikit-learn, the nets with Adam's moments, the pages of the data, and what the heap holds back."""
_PIXELS = 2**18
"""256 images of 32x32, the batch at which backbones were measured (agad.spec.catalogue.Memory, docs/benchmarks.md)."""
_LARGE = 0.55
"""Of a large batch whose activations are recomputed this share, and as many GiB beside it (agad/nets/layers)."""

_ON_CPU = {"tf32": "fp32"}
"""What a precision is on the CPU, where it is another one."""


def worker_bytes(specs: Iterable[RunSpec], data: str) -> int:
    """Bytes that a worker needs for the largest of the runs: the upper end of what was measured for its backbone.

    Beside all vectors that runs read from files below the folder `data`: a worker keeps what it has read.
    """
    known = list(specs)
    run = max((_run_bytes(*shape) for shape in {_shape(spec) for spec in known}), default=int(_BASE * _GIB))
    return run + sum(
        bytes_of(path) for path in {path_of(data, s.dataset, s.features) for s in known if s.features_file}
    )


_Net = tuple[str, float | None]
"""A backbone, and what a method's own net saves in its place."""


def _shape(spec: RunSpec) -> tuple[_Net, str, str, int, int]:
    pixels = spec.image_size**2
    net = spec.backbone, methods()[spec.method].encoder_memory.get(spec.encoder)
    return net, spec.precision, spec.eval_precision, spec.batch_size * pixels, spec.eval_batch_size * pixels


def _run_bytes(net: _Net, precision: str, eval_precision: str, trained: int, scored: int) -> int:
    backbone, own = net
    memory = backbones()[backbone].memory
    training = memory.training[_ON_CPU.get(precision, precision)] if own is None else own
    training *= trained / _PIXELS
    if memory.recomputed:
        training = min(training, _LARGE + _LARGE * training)
    scoring = memory.scoring[_ON_CPU.get(eval_precision, eval_precision)] * scored / _PIXELS
    return int(_GIB * (_BASE + max(training, scoring)))
