"""A legend stands where what it explains does."""

from __future__ import annotations

import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import read_all
from analysis.tables.layouts.layouts import paper_sheets
from analysis.tables.layouts.ours import our_tables
from analysis.tables.leakage import leakage_table
from analysis.tables.table import plan_table
from tests.helpers.analysis_rows import commit_all, drawn, nearly, specs


def notes_of(folder, table):
    (ours,) = our_tables(read_all(folder), table)
    return " ".join(note for sheet in paper_sheets(ours) for note in sheet.notes)


@pytest.mark.slow
def test_stars_and_marks_are_explained_where_there_are_such(tmp_path):
    """One class of ten has a star, all classes of three seeds a mark; and neither where no run is there."""
    commit_all(ResultStore(tmp_path / "part"), specs((0,)), nearly(0.9))
    commit_all(ResultStore(tmp_path / "whole"), specs(), nearly(0.9))
    part, whole = (notes_of(tmp_path / name, "table1") for name in ("part", "whole"))
    assert ("*: some classes" in part, "Behind a number of ours" in part) == (True, False)
    assert ("*: some classes" in whole, "Behind a number of ours" in whole) == (False, True)


def test_a_table_without_a_run_explains_no_star(tmp_path):
    ResultStore(tmp_path)
    table = plan_table(tmp_path, Plan("table1", (), (), tuple(specs())))
    assert not any(note.startswith("*") for note in table.sheets[0].notes)


@pytest.mark.slow
def test_borrowed_lines_are_spoken_of_where_there_are_such(tmp_path):
    commit_all(ResultStore(tmp_path), specs(), drawn)
    borrowed = "the other borrowed ones"
    assert borrowed in notes_of(tmp_path, "table1")
    assert borrowed not in notes_of(tmp_path, "table9")


def test_without_a_curve_nothing_is_said_of_slashes(tmp_path):
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), curve=()), drawn, {"auroc_batch_shuffled": 0.8})
    cells = read_all(tmp_path)
    notes = " ".join(leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])).notes)
    assert "After the slash" not in notes
