"""Of which sources modules were made is known, also where their files were written while they were."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from agad import loaded
from tests.conftest import ROOT


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module that is watched."""
    path = tmp_path / "watched_module.py"
    path.write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(loaded._Finder, "watched", {"watched_module"})
    monkeypatch.setattr(loaded._Finder, "made", {})
    monkeypatch.delitem(sys.modules, "watched_module", raising=False)
    return path


def _load() -> int:
    sys.modules.pop("watched_module", None)
    importlib.invalidate_caches()
    return int(importlib.import_module("watched_module").X)


def test_the_source_of_each_time_that_it_was_made_is_known(module: Path) -> None:
    assert _load() == 1
    module.write_text("X = 20\n")
    assert _load() == 20
    assert loaded.made() == {"watched_module": loaded.Made(str(module), [b"X = 1\n", b"X = 20\n"])}


def test_what_is_written_while_a_module_is_made_is_known_too(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two Python took."""
    real = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> object:
        code = real(self, fullname)
        module.write_text("X = 3\n")
        return code

    monkeypatch.setattr(SourceFileLoader, "get_code", get_code)
    assert _load() == 1
    assert loaded.made()["watched_module"].sources == [b"X = 1\n", b"X = 3\n"]


def test_agad_that_is_dropped_and_imported_again_keeps_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a notebook does: the modules of before are still in use."""
    before, began = loaded.made(), loaded.began()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    again = importlib.util.module_from_spec(loaded.__spec__)
    loaded.__spec__.loader.exec_module(again)
    assert again.made() == before
    assert again.began() == began
    assert [type(one) is type and one.__name__ == "_Finder" for one in sys.meta_path].count(True) == 1


def test_other_modules_are_loaded_as_ever() -> None:
    import json

    assert type(sys.modules["agad.errors"].__loader__) is loaded._Loader
    assert type(json.__loader__) is not loaded._Loader
    assert os.path.realpath(loaded.made()["agad.errors"].path) == os.path.realpath(ROOT / "agad" / "errors.py")
