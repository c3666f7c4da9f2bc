"""The backbones and methods that there are, found by their files and without importing these: they need torch.

A backbone is one file `NAME.py` in agad/nets/ or a folder there, with a literal dictionary BACKBONE (the attributes of
Backbone but its name) and a function `build(channels, spec)` that returns a BatchNormNet. A method is one file
`NAME.py` in agad/methods/ or a folder there, with a literal dictionary METHOD (likewise) and a function
`make(spec, channels)` that returns a Method; where it has its own generator, also `build_generator(channels, spec)`.
Files without these names are helpers.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from agad.errors import SpecError
from agad.spec.literals import assigned_in, record

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB that a run on the CPU needs for a batch of 2**18 pixels (256 images of 32x32), by precision.

    Attributes:
        training: what an update saves for its gradients; `fp32` and `bf16`.
        scoring: what a forward pass without gradients takes; likewise.
        recomputed: whether large batches need less: their saved activations can be rebuilt
            (agad/nets/layers/rebuilding.py).
    """

    training: Mapping[str, float]
    scoring: Mapping[str, float]
    recomputed: bool = False


_UNMEASURED = Memory({}, {})


@dataclass(frozen=True, slots=True)
class Backbone:
    """A generator that a spec can name.

    Attributes:
        name: value of RunSpec.backbone, the file's name.
        title: as figures call it.
        cost: seconds of one update at batch 256 on one CPU core, relative to the naive generator's; where it was not
            measured, that of the costliest.
        memory: what its runs need; where it was not measured, that of the largest, with nothing recomputed.
        module: where `build` is.
    """

    name: str
    title: str
    cost: float = math.inf
    memory: Memory = _UNMEASURED
    module: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that a spec can name.

    Attributes:
        name: value of RunSpec.method, the file's name.
        title: as figures call it.
        cost: of one update, relative to AGAD's with the same backbone; not measured: that of the costliest.
        encoder_cost: the same by RunSpec.encoder, for a method that builds one: those that it takes. `cost` is then
            not read.
        encoder_memory: GiB that an update saves for a batch of 2**18 pixels, by RunSpec.encoder; where it is not said,
            as the backbone's.
        fit_cost: of fitting and scoring once, in updates of the naive generator at batch 256, for a method where that
            is not little beside its updates; of 6,000 normals and 10,000 test images of 32x32.
        views: RunSpec.transformations -> passes of scoring through the net for each image, for a method where that is
            not little beside its updates.
        module: where `make` is.
        search_cost: of one of RunSpec.search_steps over 10,000 test images, in the same unit.
        labels: `may`: it can learn from labelled anomalies; `none`: it cannot, so that gamma must be 0; `must`: it
            needs them, so that gamma must be above 0.
        uses: fields of RunSpec, or groups of them, that mean something beside those of every method; all others must be
            at their defaults, `backbone` too.
        gradient: whether it makes updates; if not, `updates` must be 0.
        pretrained: whether it makes no sense without pretraining, so that `pretrain_updates` must be above 0.
        protocols: the evaluation protocols under which its scores differ; empty: all.
        image_sizes: those that its nets take; empty: all.
        captured: whether its update may be captured as a CUDA graph: it reads no value back to the host, draws nothing
            at random, changes nothing but nets and Adam's moments, and does the same operations in every update.
            Where `fit` returns None, so does `scores`, which then changes nothing and does not depend on positions.
        own_generator: whether it builds its own generator; `backbone` must then be at its default.
        stored: whether what its `fit` returns is tensors alone, which a detector's file can hold.
        exported: whether ONNX has all that its scores compute.
    """

    name: str
    title: str
    module: str = ""
    cost: float = math.inf
    encoder_cost: Mapping[str, float] = field(default_factory=dict)
    encoder_memory: Mapping[str, float] = field(default_factory=dict)
    fit_cost: float = 0.0
    views: Mapping[str, int] = field(default_factory=dict)
    search_cost: float = 0.0
    labels: str = "may"
    uses: tuple[str, ...] = ()
    gradient: bool = True
    pretrained: bool = False
    protocols: tuple[str, ...] = ()
    image_sizes: tuple[int, ...] = ()
    captured: bool = False
    own_generator: bool = False
    stored: bool = True
    exported: bool = True

    def __post_init__(self) -> None:
        if self.labels not in ("none", "may", "must"):
            raise TypeError(f"labels={self.labels!r} is none of 'none', 'may', 'must'")


_Entry = TypeVar("_Entry", Backbone, Method)


@functools.cache
def backbones() -> dict[str, Backbone]:
    """All backbones by name, the cheapest first and those without a measured cost last."""
    found = [_entry(Backbone, one, "BACKBONE") for one in _registrations("nets", "BACKBONE", "build")]
    measured = [one.memory for one in found if one.memory is not _UNMEASURED]
    largest = replace(max(measured, key=lambda memory: memory.training["fp32"]), recomputed=False)
    ordered = [replace(one, memory=largest) if one.memory is _UNMEASURED else one for one in _by_cost(found)]
    return {one.name: one for one in ordered}


@functools.cache
def methods() -> dict[str, Method]:
    """All methods by name, in the order of their names."""
    found = [_entry(Method, one, "METHOD") for one in _registrations("methods", "METHOD", "make")]
    return {one.name: one for one in sorted(_by_cost(found), key=lambda one: one.name)}


def backbone_names() -> tuple[str, ...]:
    """The legal values of RunSpec.backbone."""
    return tuple(backbones())


def method_names() -> tuple[str, ...]:
    """The legal values of RunSpec.method."""
    return tuple(methods())


def _by_cost(found: list[_Entry]) -> list[_Entry]:
    """Sorted by cost, then name; a cost that was not measured becomes the highest."""
    highest = max(one.cost for one in found if math.isfinite(one.cost))
    ordered = sorted(found, key=lambda one: (one.cost, one.name))
    return [replace(one, cost=min(one.cost, highest)) for one in ordered]


@dataclass(frozen=True, slots=True)
class _Registration:
    """A file that registers something: its literal dictionary, and the functions at its top level."""

    path: Path
    values: Any
    functions: frozenset[str]


def _registrations(folder: str, constant: str, function: str) -> Iterator[_Registration]:
    """The files of a folder of the package that have the constant and the function. SpecError for one name twice."""
    found: dict[str, Path] = {}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem.isidentifier() and (f"\n{constant} = " in text or f"\ndef {function}(" in text):
            if path.stem in found:
                raise SpecError(
                    f"{_shown(path)}: {constant} of the name {path.stem} is in {_shown(found[path.stem])} already; "
                    "rename a file"
                )
            found[path.stem] = path
            yield _parsed(path, text, constant, function)


def _parsed(path: Path, text: str, constant: str, function: str) -> _Registration:
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise SpecError(f"{_shown(path)}: line {error.lineno}: {error.msg}") from None
    functions = frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))
    assigned = assigned_in(body, constant)
    if assigned is None:
        raise SpecError(f"{_shown(path)}: has {function}() but no {constant} = {{...}}; add it, or rename the function")
    if function not in functions:
        raise SpecError(f"{_shown(path)}: has {constant} but no function {function}(); define it")
    try:
        values = ast.literal_eval(assigned)
    except ValueError:
        raise SpecError(
            f"{_shown(path)}: {constant} must be a literal: it is read without importing the file"
        ) from None
    return _Registration(path, values, functions)


def _entry(kind: type[_Entry], found: _Registration, constant: str) -> _Entry:
    module = ".".join(found.path.relative_to(PACKAGE.parent).with_suffix("").parts)
    known: dict[str, Any] = {"name": found.path.stem, "module": module}
    if kind is Method:
        known["own_generator"] = "build_generator" in found.functions
    try:
        return record(kind, f"{_shown(found.path)}: {constant}", found.values, **known)
    except TypeError as error:
        raise SpecError(f"{_shown(found.path)}: {constant}: {error}") from None


def _shown(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))
