"""How many runs a worker on a GPU advances at once where that is left to it: measured once for each kind of run."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agad import files
from agad.data.cache import cache_root
from agad.errors import AgadError
from agad.spec.run import RunOptions, RunSpec

from ..progress.cost import cost_per_update

if TYPE_CHECKING:
    from agad.data.prepared import Prepared

log = logging.getLogger("agad.worker")

_FILE = "together.json"
_KIND = (
    *("dataset", "image_size", "method", "backbone", "encoder", "precision", "batch_size", "gamma"),
    *("batch_norm", "batch_mix", "adversarial_context", "anomaly_pair"),
)
"""Fields that what an update costs depends on."""

OpenData = Callable[[RunSpec], "Prepared"]


def settled_size(specs: Iterable[RunSpec], options: RunOptions, open_data: OpenData) -> int:
    """The number for runs of a plan: what was measured on this machine before, or is measured now, by the costliest.

    On the CPU, and where nothing can be measured, 1. What is measured is remembered beside the prepared data.
    """
    trained = [spec for spec in specs if spec.task == "train" and spec.updates > 0]
    if options.device == "cpu" or not trained:
        return 1
    from agad.train.graph.size import best_size, measured_rates

    spec = max(trained, key=cost_per_update)
    path, kind = cache_root(options.cache) / _FILE, _kind_of(spec, options)
    rates = _remembered(path).get(kind)
    if rates is None:
        try:
            rates = measured_rates(spec, open_data(spec), options)
        except (AgadError, RuntimeError) as error:  # the run itself will say it again, with its own row
            log.warning("how many runs to advance at once was not measured: %s", " ".join(str(error).split()))
            return 1
        _remember(path, kind, rates)
    size = best_size(rates)
    shown = ", ".join(f"{count}: {rate:.1f}" for count, rate in sorted(rates.items()))
    log.info("%d runs at once (updates per second by number of runs: %s)", size, shown)
    return size


def _kind_of(spec: RunSpec, options: RunOptions) -> str:
    import torch

    from agad.tensors.device import device_name, open_device

    values = [f"{name}={getattr(spec, name)}" for name in _KIND]
    eager = ["eager"] if options.eager else []
    return " ".join([device_name(open_device(options.device)), f"torch={torch.__version__}", *eager, *values])


def _remembered(path: Path) -> dict[str, dict[int, float]]:
    """What the file holds, by kind of run; nothing where it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            kind: {int(size): float(rate) for size, rate in rates.items()} for kind, rates in found.items() if rates
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(path: Path, kind: str, rates: Mapping[int, float]) -> None:
    """Add to the file. Of two workers at once one may be forgotten, and measures again."""
    text = json.dumps({**_remembered(path), kind: rates}, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_text(path, text)
    except OSError as error:
        log.warning("%s: what was measured is not remembered (%s)", path, files.error_line(error))
