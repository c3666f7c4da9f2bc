"""The grids of this project, one file a family. A new file here with a function under @grid is a new grid.

A grid's docstring says what it answers, how many runs it has and what they cost.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from agad.errors import SpecError, suggestion
from agad.plan.grid import Cells, Grid, grids_in, is_file, load_file, make_grid


def grid_names() -> list[str]:
    """The names of this project's grids: file by file, in the order of their definition."""
    return list(_grids())


def load_grid(name: str) -> Grid:
    """The grid that a --grid means: a name, or a file of one's own. Raises SpecError with what there is."""
    if is_file(name):
        return _own(name)
    if name not in _grids():
        hint = suggestion(name, _grids(), "choose from")
        raise SpecError(f"unknown grid {name!r}; {hint}; or give a file of your own: path/to/mine.py")
    return make_grid(_grids()[name])


def _own(name: str) -> Grid:
    """The grid in a file of one's own. Raises SpecError also where it has the name of one of this project's."""
    own = load_file(name)
    if own.name in _grids():
        raise SpecError(
            f"--grid {name}: {own.name} is the name of one of agad's grids, and tables would be taken for that one's; "
            "give the function another name"
        )
    return own


@functools.cache
def _grids() -> dict[str, Cells]:
    found: dict[str, Cells] = {}
    for file in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for name, function in grids_in(importlib.import_module(f".{file}", __package__)).items():
            if name in found:
                raise SpecError(
                    f"two grids are named {name}: in sweeps/grids/{file}.py and in {found[name].__module__}"
                )
            found[name] = function
    return found
