"""Constants of modules, read without importing the modules.

A backbone, a data set or a method is one file that declares its facts in a literal at its head. Planning needs the
facts and must load neither torch nor numpy, which those modules import.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from agad.errors import SpecError, suggestion

Record = TypeVar("Record")


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
        return assigned_in(ast.parse(path.read_bytes(), path.name).body, name)
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"{path} is not a Python module: {error}") from None


def assigned_in(body: Sequence[ast.stmt], name: str) -> ast.expr | None:
    """The expression that the statements of a module assign to `name`; None where they assign none."""
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


def record(kind: type[Record], where: str, values: Any, **known: Any) -> Record:
    """The dataclass `kind` with the entries of a literal dictionary; lists become tuples.

    Args:
        kind: a dataclass.
        where: the file and the constant, with which messages begin.
        values: the literal.
        known: further fields, which the literal must not have.

    Raises SpecError, one line, for an entry that is unknown, missing or of another type.
    """
    if not isinstance(values, dict):
        raise SpecError(f"{where} must be a dictionary")
    declared = {one.name: one for one in dataclasses.fields(kind) if one.name not in known}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    entries = dict(known)
    for name, value in values.items():
        if name not in declared:
            raise SpecError(f"{where} has no entry {name!r}; {suggestion(name, list(declared), 'they are')}")
        if dataclasses.is_dataclass(hints[name]):
            entries[name] = record(hints[name], f"{where}[{name!r}]", value)
        elif _fits(value, hints[name]):
            entries[name] = tuple(value) if isinstance(value, list) else value
        else:
            wanted = str(declared[name].type).replace("tuple[", "list[").replace(", ...]", "]")
            raise SpecError(f"{where}: {name}={value!r} is not of type {wanted}")
    needed = [
        name
        for name, one in declared.items()
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in needed if name not in values]
    if missing:
        raise SpecError(f"{where} lacks {', '.join(missing)}")
    return kind(**entries)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a literal is of a field's type; a list stands for a tuple, a whole number for a float."""
    if isinstance(hint, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(one, parts[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_fits(k, parts[0]) and _fits(v, parts[1]) for k, v in value.items())
    if isinstance(value, bool) and hint is not bool:
        return False
    return isinstance(value, (int, float) if hint is float else hint)
