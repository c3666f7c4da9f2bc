"""What an expression in a source is, as far as that is known without running the source: names and folders."""

from __future__ import annotations

import ast
import itertools
import os
import os.path
import pathlib
from collections.abc import Iterator
from typing import Any

_MODULES = {"os": os, "os.path": os.path, "pathlib": pathlib}
"""Modules whose functions of paths are computed."""
_ATTRIBUTES = frozenset(
    "path pathlib join dirname basename abspath realpath normpath expanduser expandvars environ get getenv getcwd "  # noqa: SIM905
    "fspath curdir pardir sep Path PurePath PosixPath cwd home parent parents resolve absolute joinpath as_posix "
    "name stem with_name format strip rstrip lower".split()
)
"""Of modules, paths and texts: none of them changes anything."""
_NODES = (
    *(ast.Constant, ast.Name, ast.expr_context, ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.keyword),
    *(ast.BinOp, ast.Add, ast.Div, ast.Mod, ast.BoolOp, ast.Or, ast.UnaryOp, ast.USub, ast.Tuple, ast.List),
    *(ast.JoinedStr, ast.FormattedValue, ast.Starred),
)
_MOST = 64
"""Values of an expression that are computed: of names that have several, in each combination."""


class Evaluated:
    """The values that expressions of one source can have, from its literals and its own path.

    Args:
        tree: of the source.
        file: its path.
    """

    def __init__(self, tree: ast.AST, file: str) -> None:
        self._known: dict[str, Any] = {"__file__": file, "str": str}
        self._given: dict[str, list[ast.expr]] = {}
        self._under_way: set[str] = set()
        for node in ast.walk(tree):
            self._note(node)

    def of(self, expression: ast.expr) -> list[Any]:
        """All that it can be; nothing where that is only known when the code runs, or where it fails."""
        names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        if not all(self._is_plain(node) for node in ast.walk(expression)):
            return []
        choices = [[(name, value) for value in self._of_name(name)] for name in sorted(names)]
        code = compile(ast.Expression(expression), "<source>", "eval")
        found = []
        for chosen in itertools.islice(itertools.product(*choices), _MOST):
            try:
                found.append(eval(code, {"__builtins__": {}, **dict(chosen)}))  # noqa: S307 - of _NODES alone
            except Exception:  # noqa: BLE001, S112 - it fails where it runs too
                continue
        return found

    def texts(self, expression: ast.expr) -> list[str]:
        """The texts and paths among its values, those of lists one by one."""
        parts = expression.elts if isinstance(expression, ast.Tuple | ast.List | ast.Set) else [expression]
        whole = [part.value if isinstance(part, ast.Starred) else part for part in parts]
        values = [value for part in whole for value in self.of(part)]
        flat = [one for value in values for one in (value if isinstance(value, list | tuple) else (value,))]
        return [os.fspath(one) for one in flat if isinstance(one, str | pathlib.PurePath)]

    @staticmethod
    def _is_plain(node: ast.AST) -> bool:
        return isinstance(node, _NODES) and (not isinstance(node, ast.Attribute) or node.attr in _ATTRIBUTES)

    def _of_name(self, name: str) -> Iterator[Any]:
        if name in self._known:
            yield self._known[name]
        if name not in self._under_way:
            self._under_way.add(name)
            yield from (value for one in self._given.get(name, ()) for value in self.of(one))
            self._under_way.discard(name)

    def _note(self, node: ast.AST) -> None:
        """What the node gives a name: a module, a function of one, or a value."""
        match node:
            case ast.Import(names=names):
                for one in names:
                    top = one.name if one.asname else one.name.partition(".")[0]
                    if top in _MODULES:
                        self._known[one.asname or top] = _MODULES[top]
            case ast.ImportFrom(module=str(module), names=names) if module in _MODULES:
                for one in names:
                    if one.name in _ATTRIBUTES and hasattr(_MODULES[module], one.name):
                        self._known[one.asname or one.name] = getattr(_MODULES[module], one.name)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._give(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._give(target, value)
            case (
                ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values))
                | ast.comprehension(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values))
            ):
                for value in values:
                    self._give(target, value)

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._given.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, of in zip(target.elts, value.elts, strict=False):
                self._give(one, of)
