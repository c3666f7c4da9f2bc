"""Grid: named cells, made by a decorated function, in this project or in a file of one's own. Standard library only.

    from agad import RunSpec, grid

    @grid(seeds=5)
    def mine() -> list[RunSpec]:
        '''One line that --list-grids shows.'''
        return [RunSpec(dataset="digits", normal_class=normal) for normal in range(10)]

A cell is a spec; a grid's runs are its cells times its seeds. `--grid path/to/mine.py` launches a file of one's own.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import overload

from agad.errors import FAULTS, SpecError
from agad.spec.datasets import is_plain_name
from agad.spec.run import RunSpec

Cells = Callable[[], list[RunSpec]]

_SUFFIX = ".py"
_SEEDS: dict[Cells, int] = {}
"""Every decorated function, with the number of seeds that its cells have by default."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A named list of cells.

    Attributes:
        name: as in the plans that are made from it.
        summary: the first line of its docstring.
        cells: specs, of seed 0.
        seeds: how many seeds each cell has by default.
    """

    name: str
    summary: str
    cells: tuple[RunSpec, ...]
    seeds: int


@overload
def grid(function: Cells) -> Cells: ...
@overload
def grid(*, seeds: int = ...) -> Callable[[Cells], Cells]: ...
def grid(function: Cells | None = None, *, seeds: int = 3) -> Cells | Callable[[Cells], Cells]:
    """Make a grid of a function that returns its cells; the function stays callable.

    Args:
        function: without arguments; its name is the grid's, the first line of its docstring the grid's summary.
        seeds: how many seeds each cell has by default, from 0 on.
    """

    def register(function: Cells) -> Cells:
        _SEEDS[function] = seeds
        return function

    return register if function is None else register(function)


def grids_in(module: ModuleType) -> dict[str, Cells]:
    """The grids that a module defines, in its order; those that it imports are not among them.

    Raises SpecError where two have one name: the later one has taken the other's place in the module.
    """
    names = [function.__name__ for function in _SEEDS if function.__globals__ is vars(module)]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"two grids of one file are named {name}; give one another name")
    own = (value for value in vars(module).values() if inspect.isfunction(value) and value in _SEEDS)
    return {function.__name__: function for function in own if function.__module__ == module.__name__}


def make_grid(function: Cells) -> Grid:
    """The grid of a decorated function. SpecError where it returns something else than specs, or gives seeds itself."""
    name = function.__name__
    if not is_plain_name(name):
        raise SpecError(f"grid {name}: let its name begin with a letter, for it becomes part of file names")
    cells = tuple(function())
    if not all(isinstance(cell, RunSpec) for cell in cells):
        raise SpecError(f"grid {name}: its function must return a list of RunSpec")
    if not cells:
        raise SpecError(f"grid {name} has no cell: its function returns an empty list")
    if seeded := [cell for cell in cells if cell.seed]:
        raise SpecError(
            f"grid {name}: a cell has seed={seeded[0].seed}, but each cell is made with seeds 0, 1, ...: as many as "
            f"@grid(seeds=...) or --seeds says; leave seed out, or give it by --set seed={seeded[0].seed}"
        )
    return Grid(name, (inspect.getdoc(function) or name).splitlines()[0], cells, _SEEDS[function])


# -- files of one's own --------------------------------------------------------------------------------------------


def is_file(text: str) -> bool:
    """Whether a --grid means a file of one's own: `FILE.py` or `FILE.py:NAME`."""
    return text.endswith(_SUFFIX) or f"{_SUFFIX}:" in text


def load_file(text: str) -> Grid:
    """The grid in a file of one's own, which is executed.

    Args:
        text: `FILE.py`, or `FILE.py:NAME` where the file has several grids.

    Raises SpecError, one line: no such file, no grid in it, several and none named, or an error in the file.
    """
    path, name = _split(text)
    if not path.is_file():
        raise SpecError(f"--grid {text}: there is no file {path}")
    try:
        grids = grids_in(_execute(path))
        chosen = _chosen(path, list(grids), name)
        return make_grid(grids[chosen])
    except _ChoiceError as error:
        raise SpecError(str(error)) from None
    except FAULTS as error:
        raise SpecError(f"{path}{_line(path, error)}: {_described(error)}") from error


def grid_name(text: str) -> str:
    """The plain name of the grid that a --grid means, without executing a file of one's own.

    Raises SpecError where the file does not define exactly one grid and none is named.
    """
    if not is_file(text):
        return text
    path, name = _split(text)
    if name:
        return name
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise SpecError(f"--grid {text}: {path} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"{path}{_line(path, error)}: {_described(error)}") from None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = [node.name for node in functions if any(map(_is_grid, node.decorator_list))]
    try:
        return _chosen(path, names, name)
    except _ChoiceError as error:
        raise SpecError(str(error)) from None


class _ChoiceError(Exception):
    """Which grid of a file is meant is not clear; the message is one line."""


def _split(text: str) -> tuple[Path, str]:
    path, colon, name = text.rpartition(":")
    return (Path(path), name) if colon and path.endswith(_SUFFIX) else (Path(text), "")


def _execute(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"agad_grid_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses in the file find their module
    spec.loader.exec_module(module)
    return module


def _chosen(path: Path, names: Sequence[str], name: str) -> str:
    if not names:
        raise _ChoiceError(f"{path} has no grid: decorate a function by @grid (from agad import grid)")
    if name and name not in names:
        raise _ChoiceError(f"{path} has no grid {name!r}; it has: {', '.join(names)}")
    if not name and len(names) > 1:
        raise _ChoiceError(f"{path} has several grids; choose one by --grid {path}:NAME: {', '.join(names)}")
    return name or names[0]


def _is_grid(decorator: ast.expr) -> bool:
    used = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(used, ast.Name) and used.id == "grid") or (
        isinstance(used, ast.Attribute) and used.attr == "grid"
    )


def _line(path: Path, error: BaseException) -> str:
    """`, line N` of the file, the innermost that the error went through."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {own[-1]}" if own else ""


def _described(error: BaseException) -> str:
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return text if isinstance(error, SpecError) else f"{type(error).__name__}: {text}"
