"""AGAD's detector, its trainer and the store of its results.

    from agad import RunSpec, ResultStore, train

    record = train(RunSpec(dataset="digits", normal_class=0, updates=100))
    ResultStore("results").commit(record)

`import agad` is light: torch is imported when `train` is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agad.plan.grid import grid
from agad.spec.run import RunOptions, RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord

if TYPE_CHECKING:
    from agad.train.run import train

__version__ = "0.1.0"
__all__ = ["ResultStore", "RunOptions", "RunRecord", "RunSpec", "grid", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":
        from agad.train.run import train as function

        return function
    raise AttributeError(f"module 'agad' has no attribute {name!r}")
