"""What a source imports, read from its syntax: first names of modules, and folders in which it has them looked for."""

from __future__ import annotations

import ast
import functools
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from agad.store.provenance.evaluated import Evaluated

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
_BY_NAME = ("import_module", "__import__", "run_module", "resolve_name", "find_spec")
"""Functions that import, or find, a module by its name."""
_REQUIRED = {"PIL", "numpy", "scipy", "sklearn", "torch", "torchvision"}
"""What agad's own code imports: never a user's own, not even where it runs from its source."""
_OF_IMPORTS = {"builtins", "importlib", "pkgutil", "runpy", "site", "sys"}
"""Modules by which others are imported, or looked for elsewhere."""
_PASSED = (sys.stdlib_module_names | _KNOWN | _REQUIRED) - {"agad"} - _OF_IMPORTS
"""What a module may import without being looked at; what is imported from agad itself may be one of its parts."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a source imports.

    Attributes:
        tops: first names of modules; `agad.NAME` of a part of agad beside FOLDERS. None of those that all may import.
        first: folders that it has Python look for modules in before others.
        last: likewise after others.
    """

    tops: frozenset[str] = frozenset()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


@functools.cache
def imports_of(source: bytes, file: str) -> Imports:
    """What the source of that path imports, wherever in it.

    Once a process for each source. It is parsed where a line may import another module than a known one: to parse all
    of agad takes a fifth of a second.
    """
    lines = (line for line in source.decode("utf-8", "replace").splitlines() if "import" in line)
    if all((plain := _KNOWN_LINE.fullmatch(line)) and plain[1] in _PASSED for line in lines):
        return Imports()
    try:
        with warnings.catch_warnings(action="ignore"):  # of texts with odd escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Imports()
    nodes, evaluated = list(ast.walk(tree)), Evaluated(tree, file)
    by_name = _other_names(nodes, {*_BY_NAME})
    tops = {top for node in nodes for top in _tops(node, by_name, evaluated)}
    paths = _names_of_path(nodes)
    first: list[str] = []
    last: list[str] = []
    for node in nodes:
        given, is_first = _given_to_path(node, paths)
        (first if is_first else last).extend(text for one in given for text in evaluated.texts(one))
    return Imports(frozenset(tops - sys.stdlib_module_names - _KNOWN - _REQUIRED), tuple(first), tuple(last))


def _tops(node: ast.AST, by_name: set[str], evaluated: Evaluated) -> Iterator[str]:
    """The first names of what one node imports."""
    match node:
        case ast.Import(names=names):
            yield from (_top(one.name) for one in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            begin = "." * level + (f"{module}." if module else "")
            yield from (_top(begin + one.name) for one in names)
        case ast.Call(func=called, args=given, keywords=named):
            if _called(called) in by_name:
                given = [*given[:1], *(one.value for one in named if one.arg == "name")]
            elif not any(_called(one) in by_name for one in given):  # as partial(import_module, "name")
                return
            texts = (text for one in given for text in evaluated.texts(one))
            yield from (_top(text.partition(":")[0]) for text in texts if text.strip(". \t"))


def _called(node: ast.expr) -> str:
    """The last part of a function's name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
            return name
    return ""


def _other_names(nodes: list[ast.AST], names: set[str]) -> set[str]:
    """Those names, and all that the source gives to what they are called by: by an import, or by an assignment."""
    pairs: list[tuple[ast.expr, ast.expr]] = []
    for node in nodes:
        match node:
            case ast.ImportFrom(names=imported):
                names |= {one.asname for one in imported if one.asname and one.name in names}
            case ast.Assign(targets=targets, value=value):
                pairs += [(target, value) for target in targets]
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                pairs.append((target, value))
            case ast.arguments(args=given, posonlyargs=before, defaults=defaults) if defaults:
                of_default = [*before, *given][-len(defaults) :]
                pairs += [(ast.Name(one.arg), value) for one, value in zip(of_default, defaults, strict=True)]
    pairs = [pair for one in pairs for pair in _unpacked(*one)]
    while True:
        more = {_called(target) for target, value in pairs if _called(value) in names} - names - {""}
        if not more:
            return names
        names |= more


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def _names_of_path(nodes: list[ast.AST]) -> set[str]:
    """What sys.path is called in a source: `sys.path`, or a name of its own."""
    found = {"sys.path"}
    for node in nodes:
        match node:
            case ast.Import(names=names):
                found |= {f"{one.asname}.path" for one in names if one.name == "sys" and one.asname}
            case ast.ImportFrom(module="sys", names=names):
                found |= {one.asname or one.name for one in names if one.name == "path"}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.unparse(value) in found:
                found.add(name)
    return found


def _given_to_path(node: ast.AST, paths: set[str]) -> tuple[list[ast.expr], bool]:
    """What a node adds to sys.path, and whether before what is there."""
    match node:
        case ast.Call(func=ast.Name(id="addsitedir") | ast.Attribute(attr="addsitedir"), args=given):
            return given, False
        case ast.Call(func=ast.Attribute(value=where, attr="insert"), args=given) if ast.unparse(where) in paths:
            return given[1:], True
        case ast.Call(func=ast.Attribute(value=where, attr="append" | "extend"), args=given):
            return (given if ast.unparse(where) in paths else []), False
        case ast.AugAssign(target=where, value=value) if ast.unparse(where) in paths:
            return [value], False
        case ast.Assign(targets=[where], value=value):
            whole = where.value if isinstance(where, ast.Subscript) else where
            if ast.unparse(whole) in paths:
                return [one for one in ast.walk(value) if isinstance(one, ast.List)], True
    return [], False


def _top(name: str) -> str:
    """`agad.NAME` of a name in agad or above the file's own folder, all of which counts; the first part of another."""
    if name.startswith(".."):
        name = "agad." + name.lstrip(".")
    elif name.startswith("."):
        return "agad"
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "agad" else parts[:1])
