"""A module is made of its source as that is, whatever bytecode lies beside it."""

from __future__ import annotations

import importlib
import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agad import loaded
from tests.conftest import ROOT


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module that is watched."""
    path = tmp_path / "watched_module.py"
    path.write_text("X = 1\n")
    os.utime(path, (1e9, 1e9))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(loaded, "_watched", {"watched_module"})
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delitem(sys.modules, "watched_module", raising=False)
    return path


def _loaded() -> int:
    sys.modules.pop("watched_module", None)
    importlib.invalidate_caches()
    return int(importlib.import_module("watched_module").X)


def _edit(path: Path) -> None:
    """As an edit, or a copy, that keeps size and time of change."""
    path.write_text("X = 2\n")
    os.utime(path, (1e9, 1e9))


def test_bytecode_of_another_source_of_the_same_size_and_time_is_not_run(module: Path) -> None:
    assert _loaded() == 1
    _edit(module)
    assert _loaded() == 2
    assert loaded.sources()[os.path.realpath(module)] == [b"X = 1\n", b"X = 2\n"]


def test_a_python_without_it_takes_no_such_bytecode_either(module: Path) -> None:
    assert _loaded() == 1
    _edit(module)
    done = subprocess.run(
        [sys.executable, "-c", "import watched_module; print(watched_module.X)"],
        env={**os.environ, "PYTHONPATH": str(module.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2\n"


def test_bytecode_of_python_s_own_kind_is_not_run(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(loaded, "_watched", set())
        assert _loaded() == 1
    _edit(module)
    assert _loaded() == 2


@pytest.mark.parametrize("damage", [b"", b"torn", marshal.dumps("no code")])
def test_damaged_bytecode_is_made_again(damage: bytes, module: Path) -> None:
    assert _loaded() == 1
    (kept,) = (module.parent / "__pycache__").glob("watched_module.*.pyc")
    kept.write_bytes(kept.read_bytes()[:16] + damage)
    assert _loaded() == 1
    assert len(kept.read_bytes()) > 40


def test_kept_bytecode_is_used(module: Path) -> None:
    """Else each process would compile all that it imports."""
    assert _loaded() == 1
    (kept,) = (module.parent / "__pycache__").glob("watched_module.*.pyc")
    kept.write_bytes(kept.read_bytes()[:16] + marshal.dumps(compile("X = 3", str(module), "exec")))
    assert _loaded() == 3


def test_other_modules_are_loaded_as_ever() -> None:
    import json

    assert type(sys.modules["agad.errors"].__loader__) is loaded._Loader
    assert type(json.__loader__) is not loaded._Loader
    assert os.path.realpath(ROOT / "agad" / "errors.py") in loaded.sources()
