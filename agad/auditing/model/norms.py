"""Batch norms of anybody's model under agad's evaluation protocols, whatever mode its code switches them to."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agad.nets.layers.batchnorm import EPSILON


class Statistics(enum.Enum):
    """Where a forced batch norm takes its statistics from. No buffer ever moves."""

    RUNNING = "the running statistics that the model has"
    BATCH = "the batch"
    ESTIMATE = "the batch; their mean over all batches, weighted by size, is kept as the estimate"
    ESTIMATED = "the last estimate"


class Norms:
    """The batch norms that a score function calls."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._modules: list[Any] = list(modules)
        self._estimates: dict[int, tuple[Tensor, Tensor, int]] = {}

    def __len__(self) -> int:
        return len(self._modules)

    @property
    def have_running(self) -> bool:
        """Whether all of them keep running statistics."""
        return all(module.running_mean is not None for module in self._modules)

    @contextlib.contextmanager
    def forced(self, statistics: Statistics) -> Iterator[None]:
        """Force all of them to take their statistics from there, whatever mode they are in or are put into."""
        if statistics is Statistics.ESTIMATE:
            self._estimates.clear()
        with contextlib.ExitStack() as stack:
            for module in self._modules:
                stack.enter_context(replaced_forward(module, _Forced(module, statistics, self._estimates)))
            yield


class _Forced:
    """A batch norm's forward pass under forced statistics."""

    def __init__(self, module: Any, statistics: Statistics, estimates: dict[int, tuple[Tensor, Tensor, int]]) -> None:
        self._module, self._statistics, self._estimates = module, statistics, estimates

    def __call__(self, x: Tensor) -> Tensor:
        module = self._module
        mean, var = module.running_mean, module.running_var
        if self._statistics is Statistics.ESTIMATED and id(module) in self._estimates:
            mean, var, _ = self._estimates[id(module)]
        is_batch = self._statistics in (Statistics.BATCH, Statistics.ESTIMATE)
        if self._statistics is Statistics.ESTIMATE:
            self._estimate(x)
        eps = getattr(module, "eps", EPSILON)
        if is_batch:
            mean = var = None
        # torch.batch_norm, and not F.batch_norm, which refuses a batch with one value per channel.
        return torch.batch_norm(x, module.weight, module.bias, mean, var, is_batch, 0.0, eps, x.is_cuda)

    @torch.no_grad()
    def _estimate(self, x: Tensor) -> None:
        """Add a batch to the estimate: variances unbiased, as torch's running ones are."""
        over = [axis for axis in range(x.dim()) if axis != 1]
        values = x.float()
        count = x.numel() // x.shape[1]
        mean, var = values.mean(over), values.var(over, correction=1 if count > 1 else 0)
        old_mean, old_var, seen = self._estimates.get(id(self._module), (mean, var, 0))
        share = len(x) / (seen + len(x))
        self._estimates[id(self._module)] = (
            old_mean + share * (mean - old_mean),
            old_var + share * (var - old_var),
            seen + len(x),
        )


@contextlib.contextmanager
def replaced_forward(module: nn.Module, forward: Any) -> Iterator[None]:
    """Give one module another forward pass until the end, and then its own back."""
    own = vars(module)
    before = own.get("forward")
    own["forward"] = forward
    try:
        yield
    finally:
        if before is None:
            own.pop("forward", None)
        else:
            own["forward"] = before


@contextlib.contextmanager
def silenced(dropouts: Sequence[nn.Module]) -> Iterator[None]:
    """Let dropouts pass on what they receive."""
    with contextlib.ExitStack() as stack:
        for module in dropouts:
            stack.enter_context(replaced_forward(module, _unchanged))
        yield


def _unchanged(x: Tensor) -> Tensor:
    return x
