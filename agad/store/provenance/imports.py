"""What a source imports, read from its syntax: first names of modules."""

from __future__ import annotations

import ast
import functools
import re
import sys
import warnings
from collections.abc import Iterator

FOLDERS = ("spec", "data", "nets", "methods", "tensors", "scoring", "train")
"""Folders of agad/ whose files make the numbers of a row."""

_NO_NUMBERS = ("auditing", "console", "detector", "errors", "files", "json_file", "outputs", "plan", "store")
"""Modules and folders of agad/ that make none."""
_KNOWN = frozenset(("agad", *(f"agad.{name}" for name in (*_NO_NUMBERS, *FOLDERS))))
_KNOWN_LINE = re.compile(
    r"[ \t]*(?:from|import)[ \t]+((?:agad\.)?\w+)[\w.]*"
    r"(?:[ \t]+import[ \t][\w \t,()*]*|[ \t]+as[ \t]+\w+)?[ \t]*(?:#.*)?"
)
"""A line that imports from one module and does nothing else."""
_BY_NAME = ("import_module", "__import__")
"""Functions that import a module by its name."""
_REQUIRED = {"PIL", "numpy", "scipy", "sklearn", "torch", "torchvision"}
"""What agad's own code imports: never a user's own, not even where it runs from its source."""
_PASSED = (sys.stdlib_module_names | _KNOWN | _REQUIRED) - {"agad", "importlib", "builtins"}
"""What a module may import without being looked at: not agad itself, whose parts it may be, nor what imports others."""


@functools.cache
def imports_of(source: bytes) -> frozenset[str]:
    """The first names of what a module imports, wherever in it; `agad.NAME` of a part of agad beside FOLDERS.

    Once a process for each source. It is parsed where a line may import another module than a known one: to parse all
    of agad takes a fifth of a second.
    """
    lines = (line for line in source.decode("utf-8", "replace").splitlines() if "import" in line)
    if all((plain := _KNOWN_LINE.fullmatch(line)) and plain[1] in _PASSED for line in lines):
        return frozenset()
    try:
        with warnings.catch_warnings(action="ignore"):  # of texts with odd escapes
            nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return frozenset()
    by_name = _other_names(nodes)
    return (
        frozenset(top for node in nodes for top in _tops(node, by_name)) - sys.stdlib_module_names - _KNOWN - _REQUIRED
    )


def _tops(node: ast.AST, by_name: set[str]) -> Iterator[str]:
    """The first names of what one node imports."""
    match node:
        case ast.Import(names=names):
            yield from (_top(one.name) for one in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            begin = "." * level + (f"{module}." if module else "")
            yield from (_top(begin + one.name) for one in names)
        case ast.Call(func=called) if _last(called) in by_name:
            given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
            yield from (
                _top(one.value) for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def _other_names(nodes: list[ast.AST]) -> set[str]:
    """What functions that import by name are called in a source: their names, and those that it gives them."""
    names = {*_BY_NAME}
    for node in nodes:
        match node:
            case ast.ImportFrom(names=imported):
                names |= {one.asname for one in imported if one.asname and one.name in _BY_NAME}
            case ast.Assign(targets=targets, value=value) if _last(value) in _BY_NAME:
                names |= {_last(target) for target in targets} - {""}
    return names


def _last(node: ast.expr) -> str:
    """The last part of a name, such as of a function's; empty for another expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _top(name: str) -> str:
    """`agad.NAME` of a name in agad or above the file's own folder, all of which counts; the first part of another."""
    if name.startswith(".."):
        name = "agad." + name.lstrip(".")
    elif name.startswith("."):
        return "agad"
    return first_of(name)


def first_of(name: str) -> str:
    """`agad.NAME` of a module of agad; of another the first part."""
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "agad" else parts[:1])
