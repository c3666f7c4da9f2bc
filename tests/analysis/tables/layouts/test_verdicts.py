"""Each protocol has a verdict of its own beside the paper's number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.tables.layouts.verdicts import verdict_table
from analysis.tables.table import cells_table
from tests.helpers.analysis_rows import commit_all, nearly, specs


@pytest.mark.slow
def test_a_row_below_the_papers_in_eval_may_be_inside_where_the_test_set_is_ordered(tmp_path):
    """U-Net on CIFAR-10, the paper's 98.3: 80 in eval, 98.3 with normals first, one seed's number class by class."""
    runs = specs(dataset="cifar10", backbone="unet", gamma=0.03)
    for seed in range(3):
        alike = [spec for spec in runs if spec.seed == seed]
        ordered = {"batch_normals_first": 0.983, "batch_shuffled": 0.97}
        values = {f"auroc_{protocol}": nearly(auroc)(alike[0]) for protocol, auroc in ordered.items()}
        commit_all(ResultStore(tmp_path), alike, nearly(0.8), values)
    cells = read_all(tmp_path)
    sheet = verdict_table(cells)
    (line,) = [dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines]
    assert (line["paper"], line["eval"], line["normals first"]) == ("98.3", "−18.3 ↓", "0.0 =")
    assert line["shuffled"] == "−1.3 ↓"
    wider = verdict_table(replace(cells, margin=2.0))
    assert dict(zip(wider.columns, wider.lines[0], strict=True))["shuffled"] == "−1.3 ="
    assert [made.name for made in cells_table(cells).sheets] == ["averages", "classes-0-9", "verdicts"]


@pytest.mark.slow
def test_rows_of_other_settings_and_rows_of_one_protocol_have_none(tmp_path):
    scored = {"auroc_batch_normals_first": 0.9}
    commit_all(ResultStore(tmp_path / "other"), specs(updates=7), lambda spec: 0.8, scored)
    commit_all(ResultStore(tmp_path / "eval"), specs(), lambda spec: 0.8, {"auroc_eval_recal": None})
    assert verdict_table(read_all(tmp_path / "other")) is None
    assert verdict_table(read_all(tmp_path / "eval")) is None
