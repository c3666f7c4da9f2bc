"""The notebooks: committed clean, and running from their folder."""

from __future__ import annotations

import ast
import json

import pytest

from tests.conftest import ROOT
from tests.helpers.notebooks import NOTEBOOKS, code_of, run_notebooks


def test_there_are_the_four_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["figures", "leakage", "tables", "tuning"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs_and_define_nothing(path):
    for cell in json.loads(path.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for text in code_of(path) for node in ast.walk(ast.parse(text)) if isinstance(node, definitions)]


@pytest.mark.slow
def test_notebooks_run_from_their_folder(demo):
    run_notebooks(demo)


PUBLISHED = [
    ROOT / "reproduction" / name for name in ("classifier", "first-runs", "floor", "gamma0", "rivals", "unetpp")
]
"""One of each kind: of one protocol, of several seeds, without a network, of three data sets, of many methods."""


@pytest.mark.slow
def test_notebooks_run_over_published_rows():
    """Rows without scores, of one data set or of one protocol give words where there is nothing to draw."""
    run_notebooks(*PUBLISHED)
