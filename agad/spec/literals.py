"""Constants of modules, read without importing the modules.

A backbone, a data set or a method is one file that declares its facts in a literal at its head. Planning needs the
facts and must load neither torch nor numpy, which those modules import.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

from agad.errors import SpecError


@functools.cache
def literals(folder: Path, name: str) -> dict[str, Any]:
    """The value of the constant `name` in each module of a folder that has one: {module's name: value}.

    Modules come in alphabetical order. The result is cached and must not be changed.

    Raises SpecError, one line that names the file, where the value is not a literal or the file is not Python.
    """
    found = {path.stem: _assigned(path, name) for path in sorted(folder.glob("*.py"))}
    return {stem: _value(folder / f"{stem}.py", name, node) for stem, node in found.items() if node is not None}


def _assigned(path: Path, name: str) -> ast.expr | None:
    """The expression that a module assigns to `name` at its top level; None where it assigns none."""
    try:
        body = ast.parse(path.read_bytes(), path.name).body
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"{path} is not a Python module: {error}") from None
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=assigned)], value=value) if assigned == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=assigned), value=ast.expr() as value) if assigned == name:
                return value
    return None


def _value(path: Path, name: str, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise SpecError(
            f"{path}, line {node.lineno}: {name} must be a literal (text, numbers, lists, dicts), for it is read "
            f"without importing the module; {reason}"
        ) from None
