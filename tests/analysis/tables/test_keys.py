"""Which fields of a run's spec a table shows."""

from __future__ import annotations

import pytest

from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.tables.agreement import agreement_table
from analysis.tables.keys import fewest_fields
from tests.helpers.analysis_rows import commit_all, drawn, specs


@pytest.mark.slow
def test_a_setting_that_moves_numbers_is_shown_though_another_tells_the_rows_apart(tmp_path):
    """Of two rows of 400 updates one has a curve; the longer one has another curve, and could be told by that."""
    rows = [{"updates": 400, "curve": (200,)}, {"updates": 400, "curve": ()}, {"updates": 800, "curve": (100, 400)}]
    for fields in rows:
        commit_all(ResultStore(tmp_path), specs(seeds=(0,), **fields), drawn)
    cells = read_all(tmp_path)
    assert fewest_fields(cells) == ("dataset", "gamma", "updates", "curve")
    assert agreement_table(cells).columns[:4] == ("dataset", "γ", "updates", "curve")


def test_settings_that_data_set_and_method_decide_are_left_out_but_for_what_is_trained_how_long(tmp_path):
    """Otherwise each detector would bring the learning rates of its own."""
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), updates=400, lr=0.001, backbone="unet"), drawn)
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), dataset="cifar10", updates=800, lr=0.01), drawn)
    cells = read_all(tmp_path)
    assert {"backbone", "lr", "updates"} < {*cells.fields}
    assert fewest_fields(cells) == ("dataset", "gamma", "backbone", "updates")


def test_two_settings_that_differ_together_are_both_shown(tmp_path):
    """Which of the two moved the numbers nobody knows."""
    for fields in ({"updates": 400, "lr": 0.001}, {"updates": 800, "lr": 0.01}):
        commit_all(ResultStore(tmp_path), specs((0, 1), (0,), **fields), drawn)
    assert fewest_fields(read_all(tmp_path)) == ("dataset", "gamma", "updates", "lr")


def test_what_only_rows_without_a_line_differ_in_is_no_column(tmp_path):
    """Beside a detector that is scored under `eval` alone the table of protocols is about the others."""
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), updates=400), drawn)
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), updates=400, lr=0.001), drawn)
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,), updates=800, lr=0.01), drawn)
    cells = read_all(tmp_path)
    assert fewest_fields(cells) == ("dataset", "gamma", "updates", "lr")
    assert fewest_fields(cells, [0, 1]) == ("dataset", "gamma", "lr")
    assert fewest_fields(cells, []) == ()
