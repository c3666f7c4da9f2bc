"""The first screen: numbers beside the paper's only where they are over the same classes."""

from __future__ import annotations

import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.load import open_store
from analysis.page.first import first_screen
from tests.helpers.analysis_rows import commit_all, nearly, specs


def numbers(folder, cells):
    return " ".join(f"{number.value} {number.words}" for number in first_screen(open_store(folder), cells).numbers)


@pytest.mark.slow
def test_a_mean_over_some_classes_stands_beside_no_mean_of_the_paper(tmp_path):
    """Three of ten classes are there, then all."""
    runs = specs(seeds=(0,))
    Plan("mine", (), (), tuple(runs), "code").save(tmp_path)
    commit_all(ResultStore(tmp_path), runs[:3], nearly(0.9))
    part = numbers(tmp_path, read_all(tmp_path))
    commit_all(ResultStore(tmp_path), runs[3:], nearly(0.9))
    whole = numbers(tmp_path, read_all(tmp_path))

    assert "the paper prints" not in part
    assert "classes: 3/10" in part
    assert "the paper prints 99.1" in whole


@pytest.mark.slow
def test_without_a_plan_three_classes_are_three(tmp_path):
    commit_all(ResultStore(tmp_path), specs(range(3), seeds=(0,)), nearly(0.9))
    assert "the paper prints" not in numbers(tmp_path, read_all(tmp_path))
