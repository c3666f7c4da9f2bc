"""Texts are read and written in an encoding that the code names, whatever the locale is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = sorted(
    path for folder in ("agad", "sweeps", "analysis", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
_TEXT_METHODS = {"read_text", "write_text"}
_NO_FILES = {"os", "Image", "webbrowser", "archive", "_members", "self", "worker", "_worker", "_data", "builtins"}
"""Whose `open` opens no text."""


def unnamed(source: str) -> Iterator[int]:
    """Lines of calls that read or write text, or start a process that does, and name no encoding."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        is_text = name in _TEXT_METHODS or (name in ("open", "fdopen") and _opens_text(call))
        is_text |= any(getattr(keywords.get(word), "value", None) is True for word in ("text", "universal_newlines"))
        if is_text and not {"encoding", None} & keywords.keys():
            yield call.lineno


def _opens_text(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        owner = call.func.value
        if (owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")) in _NO_FILES:
            return False
    modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_names_its_encoding(path: Path) -> None:
    """A plan written under one locale is read under another."""
    assert list(unnamed(path.read_text(encoding="utf-8"))) == []


def test_what_names_none_is_found() -> None:
    """Each of these lines, and none of the others."""
    bad = ["path.read_text()", "path.write_text(text)", "open(path)", "path.open('w')", "run(command, text=True)"]
    good = [
        *(
            "path.read_text(encoding='ascii')",
            "open(path, 'rb')",
            "path.open('ab')",
            "os.open(path, 0)",
            "run(command)",
        ),
        *("run(command, text=True, encoding='utf-8')", "Image.open(path)"),
    ]
    assert list(unnamed("\n".join([*bad, *good]))) == [1, 2, 3, 4, 5]
