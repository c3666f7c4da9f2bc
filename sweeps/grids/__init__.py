"""The grids of this project, one file a family. A new file here with a function under @grid is a new grid.

A grid's docstring says what it answers, how many runs it has and what they cost.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from agad.errors import SpecError
from agad.plan.grid import Cells, Grid, grids_in, is_file, load_file, make_grid


def grid_names() -> list[str]:
    """The names of this project's grids: file by file, in the order of their definition."""
    return list(_grids())


def load_grid(name: str) -> Grid:
    """The grid that a --grid means: a name, or a file of one's own. Raises SpecError with what there is."""
    if is_file(name):
        return load_file(name)
    if name not in _grids():
        raise SpecError(
            f"unknown grid {name!r}; choose from: {', '.join(_grids())}; or give a file of your own: path/to/mine.py"
        )
    return make_grid(_grids()[name])


@functools.cache
def _grids() -> dict[str, Cells]:
    files = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f".{name}", __package__) for name in files]
    return {name: function for module in modules for name, function in grids_in(module).items()}
