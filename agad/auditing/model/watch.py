"""The modules that a score function calls, found while it calls them, and the state that they had before."""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook

from agad.nets.layers.batchnorm import BatchNorm2d, BNMode

_NOT_KEPT = set(vars(nn.Module())) - {"training"} | {"forward"}
"""Attributes of every module, and the one that the audit itself replaces."""


@dataclass(slots=True, eq=False)
class _Seen:
    """A module as it was before its first call.

    Attributes:
        module: the module itself.
        attributes: its own plain attributes, with copies of the tensors and of the containers among them.
        tensors: its own parameters and buffers by name: the tensor, a copy of its values, its gradient.
        uses_batch: whether it is a batch norm that takes its statistics from the batch.
        drops: whether it is a dropout that is switched on.
    """

    module: nn.Module
    attributes: dict[str, tuple[Any, Any]]
    tensors: dict[str, tuple[Tensor, Tensor, Tensor | None]]
    uses_batch: bool
    drops: bool

    def restore(self) -> None:
        own = vars(self.module)
        for name in own.keys() - self.attributes.keys() - _NOT_KEPT:
            del own[name]
        for name, (value, content) in self.attributes.items():
            own[name] = value
            _refill(value, content)
        for held in ("_parameters", "_buffers"):
            if held in own and not isinstance(self.module, torch.jit.ScriptModule):
                for name in [name for name in own[held] if name in self.tensors]:
                    own[held][name] = self.tensors[name][0]
        with torch.no_grad():
            for tensor, values, gradient in self.tensors.values():
                tensor.copy_(values)
                tensor.grad = None if gradient is None else gradient.clone()

    def changed(self) -> list[str]:
        """Names of the buffers and parameters whose values are not those of before."""
        now = dict(_tensors(self.module))
        return [name for name, (_, values, _) in self.tensors.items() if name in now and not _same(now[name], values)]


@dataclass(slots=True, eq=False)
class Watch:
    """While it is entered, every module that is called is found; at the end all are as they were at their first call.

    What a function keeps outside of modules and of the global random generators is not seen.
    """

    seen: dict[int, _Seen] = field(default_factory=dict)
    precision: float = float(torch.finfo(torch.float32).eps)
    """The coarsest machine epsilon that a called module worked in."""
    _flags: list[tuple[nn.Module, bool]] = field(default_factory=list)
    _generators: tuple[Any, ...] = ()
    _hook: Any = None
    _is_aside: bool = False

    def __enter__(self) -> Watch:
        # Of all modules of the process, for a score function may switch the mode before it calls the first of them.
        self._flags = [(m, m.training) for m in gc.get_objects() if issubclass(type(m), nn.Module) and _has_mode(m)]
        self._generators = generator_states()
        self._hook = register_module_forward_pre_hook(self._find)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hook.remove()
        self.restore()
        for module, training in self._flags:
            module.training = training

    def restore(self) -> None:
        """Put everything that is seen back to its state before the first call."""
        for seen in self.seen.values():
            seen.restore()
        self.restart_generators()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """While another function is called: its modules are none of those that are watched, which are put back."""
        self.restore()
        self._is_aside = True
        try:
            yield
        finally:
            self._is_aside = False
            self.restore()

    @property
    def modules(self) -> list[nn.Module]:
        """All modules of the process as it was entered, called or not."""
        return [module for module, _ in self._flags]

    def restart_generators(self) -> None:
        """Put the global random generators back to where they stood at the beginning."""
        restore_generators(self._generators)

    def changed(self) -> list[str]:
        """Qualified names of the parameters and buffers whose values are not those of before the first call."""
        names = self.names()
        return [f"{names[key]}.{name}" for key, seen in self.seen.items() for name in seen.changed()]

    def names(self) -> dict[int, str]:
        """The id of each module seen -> its qualified name, from the outermost module that was called."""
        inner = {
            id(child) for seen in self.seen.values() for child in seen.module.modules() if child is not seen.module
        }
        names: dict[int, str] = {}
        for key, seen in self.seen.items():
            if key not in inner:
                for name, module in seen.module.named_modules():
                    top = type(seen.module).__name__
                    names.setdefault(id(module), f"{top}.{name}" if name else top)
        return {key: names.get(key, type(seen.module).__name__) for key, seen in self.seen.items()}

    def batch_norms(self) -> list[nn.Module]:
        """The batch norms that were called: torch's of any dimension, and agad's."""
        return [seen.module for seen in self.seen.values() if isinstance(seen.module, _BatchNorm | BatchNorm2d)]

    def in_batch_mode(self) -> list[str]:
        """Names of the batch norms that took their statistics from the batch at their first call."""
        names = self.names()
        return [names[key] for key, seen in self.seen.items() if seen.uses_batch]

    def dropouts(self) -> list[nn.Module]:
        """The dropouts that were switched on at their first call."""
        return [seen.module for seen in self.seen.values() if seen.drops]

    def _find(self, module: nn.Module, inputs: Any) -> None:
        if self._is_aside or id(module) in self.seen:
            return
        self.precision = max(self.precision, *_precisions(inputs))
        self.seen[id(module)] = _Seen(
            module=module,
            attributes={k: (v, _content(v)) for k, v in vars(module).items() if k not in _NOT_KEPT},
            tensors={n: (t, t.detach().clone(), _gradient(t)) for n, t in _tensors(module)},
            uses_batch=_uses_batch(module),
            drops=isinstance(module, _DropoutNd) and module.training and module.p > 0,
        )


def _has_mode(module: nn.Module) -> bool:
    return isinstance(vars(module).get("training"), bool)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """A module's own parameters and buffers; a script's with those of its parts, whose calls nobody sees."""
    deep = isinstance(module, torch.jit.ScriptModule)
    for name, tensor in (*module.named_parameters(recurse=deep), *module.named_buffers(recurse=deep)):
        if not nn.parameter.is_lazy(tensor):
            yield name, tensor


def _content(value: Any) -> Any:
    """A copy of what a function may change inside a value; None where there is nothing of that kind."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, list | dict | set) else None


def _refill(value: Any, content: Any) -> None:
    """Give a value its content again; it stays the same object, for others may hold it too."""
    if isinstance(value, Tensor):
        with torch.no_grad():
            value.copy_(content)
    elif isinstance(value, list):
        value[:] = content
    elif isinstance(value, dict | set):
        value.clear()
        value.update(content)


def _gradient(tensor: Tensor) -> Tensor | None:
    return tensor.grad.clone() if tensor.is_leaf and tensor.grad is not None else None


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.equal(a, b) or ((a == b) | ((a != a) & (b != b))).all())  # noqa: PLR0124 - NaN


def _uses_batch(module: nn.Module) -> bool:
    if isinstance(module, BatchNorm2d):
        return module.mode not in (BNMode.RUNNING, BNMode.IMAGE)
    return isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)


def _precisions(inputs: Any) -> Iterator[float]:
    """Machine epsilons of a module's inputs, and of the precision that torch chooses by itself where it does."""
    yield 0.0
    for value in inputs if isinstance(inputs, tuple) else (inputs,):
        if isinstance(value, Tensor) and value.is_floating_point():
            yield torch.finfo(value.dtype).eps
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            yield torch.finfo(torch.get_autocast_dtype(device)).eps


def generator_states() -> tuple[Any, ...]:
    """The global random generators as they stand."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    return torch.get_rng_state(), cuda, np.random.get_state(), random.getstate()  # noqa: NPY002 - others use it


def restore_generators(states: tuple[Any, ...]) -> None:
    """Put the global random generators back to where they stood."""
    torch.set_rng_state(states[0])
    if states[1] is not None:
        torch.cuda.set_rng_state_all(states[1])
    np.random.set_state(states[2])  # noqa: NPY002 - others use it
    random.setstate(states[3])


def reseed(seed: int) -> None:
    """Start the global random generators from another seed."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - others use it
    random.seed(seed)
