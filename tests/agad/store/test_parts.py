"""The code behind one room: what some modules import of it, and of a user's own; nothing else changes their digest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agad.store.provenance.parts import needed_by
from agad.store.provenance.sources import Source

READER = "data/readers/own.py"


def printed(source: bytes) -> str:
    return ast.unparse(ast.parse(source))


def sources_of(contents: dict[str, bytes]) -> dict[str, Source]:
    return {name: Source(Path(name), content, ()) for name, content in contents.items()}


def needed(reader: str, *others: str) -> set[str]:
    """What a reader with this code needs, of the files that there are, beside itself."""
    sources = sources_of(dict.fromkeys(others, b"") | {READER: reader.encode()})
    return set(needed_by(["agad.data.readers.own"], sources, Path("nowhere"), printed)) - {READER}


@pytest.mark.parametrize(
    "line",
    [
        "import agad.data.helper",
        "import os, agad.data.helper as helper",
        "from agad.data.helper import one, two as other",
        "from agad.data import (\n    other,\n    helper as h,\n)",
        "from ..helper import one",
        "from .. import helper",
        "def find():\n    from agad.data.helper import one",
        "if True: from agad.data.helper import *",
        "import importlib\nhelper = importlib.import_module('agad.data.helper')",
        'helper = __import__(name="agad.data.helper")',
    ],
)
def test_every_way_to_import_is_found(line: str) -> None:
    assert needed(line, "data/helper.py", "data/unused.py") == {"data/helper.py"}


def test_what_a_module_imports_is_followed_with_the_packages_that_it_is_in() -> None:
    contents = {
        READER: b"from .deep.first import x",
        "data/readers/deep/first.py": b"from . import second",
        "data/readers/deep/second.py": b"import agad.data.readers.own",
        "data/readers/deep/__init__.py": b"",
        "data/readers/deep/third.py": b"",
        "data/__init__.py": b"",
    }
    sources = sources_of(contents)
    assert sources.keys() - needed_by(["agad.data.readers.own"], sources, Path("nowhere"), printed) == {
        "data/readers/deep/third.py"
    }


def test_other_rooms_do_not_count_and_files_of_data_in_the_own_one_do() -> None:
    line = "from agad.spec import datasets\nfrom agad.errors import DataError"
    assert needed(line, "spec/datasets.py", "nets/w.bin", "data/readers/table.csv") == {"data/readers/table.csv"}


def test_a_user_s_own_module_counts_with_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_first.py").write_text("import own_second\nfrom agad.data import tree\n")
    (tmp_path / "own_second.py").write_text("ONE = 1\n")
    contents = {
        READER: b"import own_first",
        "import own_first.py": (tmp_path / "own_first.py").read_bytes(),
        "import own_second.py": (tmp_path / "own_second.py").read_bytes(),
        "data/tree.py": b"",
        "data/unused.py": b"",
    }
    sources = sources_of(contents)
    found = needed_by(["agad.data.readers.own"], sources, tmp_path / "agad", printed)
    assert sources.keys() - found == {"data/unused.py"}
