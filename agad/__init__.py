"""AGAD's detector, its trainer and the store of its results.

    from agad import RunSpec, ResultStore, train

    record = train(RunSpec(dataset="digits", normal_class=0, updates=100))
    ResultStore("results").commit(record)

`import agad` is light: torch is imported when `train` is called, or a name that needs it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agad import loaded  # noqa: F401 - the first: it notes of what the others are made
from agad.plan.grid import grid
from agad.spec.run import RunOptions, RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord

if TYPE_CHECKING:
    from agad.auditing.audit import audit
    from agad.detector import load_detector
    from agad.scoring.evaluate import score_weights
    from agad.scoring.weights import load_weights
    from agad.train.run import train

__version__ = "0.1.0"
__all__ = [
    "ResultStore",
    "RunOptions",
    "RunRecord",
    "RunSpec",
    "audit",
    "grid",
    "load_detector",
    "load_weights",
    "score_weights",
    "train",
]

_HEAVY = {
    "audit": "agad.auditing.audit",
    "load_detector": "agad.detector",
    "load_weights": "agad.scoring.weights",
    "score_weights": "agad.scoring.evaluate",
}


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(importlib.import_module(_HEAVY[name]), name)
    if name == "train":
        return importlib.import_module("agad.train")
    raise AttributeError(f"module 'agad' has no attribute {name!r}")
