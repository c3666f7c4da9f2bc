"""The methods that a spec can name, and what the trainer asks of each; `method_of` is where a name becomes a method.

A further method is a value of `RunSpec.method` with its checks in agad/spec/run.py, its nets in agad/nets/build.py, a
module here, and its line in `method_of`. Batches, optimisers, checkpoints, protocols and rows are shared.
"""

from __future__ import annotations

from typing import Any

from agad.methods.agad import Agad
from agad.methods.ganomaly import Ganomaly
from agad.methods.method import Losses, Method
from agad.spec.run import RunSpec

__all__ = ["Losses", "Method", "method_of"]


def method_of(spec: RunSpec) -> Method[Any]:
    """The spec's method."""
    return Ganomaly() if spec.method == "ganomaly" else Agad(spec)
