"""The same weights under every protocol, as a table and as a figure."""

from __future__ import annotations

import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import read, read_all
from analysis.figures.leakage import leakage_figure
from analysis.tables.leakage import leakage_table
from tests.helpers.analysis_rows import commit_all, drawn, nearly, ok_row, specs


def test_of_several_orders_the_table_says_how_far_one_is_off(tmp_path):
    """Two runs with orders one point and three points apart: SDs 1/sqrt(2) and 3/sqrt(2), pooled sqrt(2.5)."""
    store = ResultStore(tmp_path)
    for spec, apart in zip(specs((0, 1), seeds=(0,), test_orders=2), (0.01, 0.03), strict=True):
        each = {"auroc_batch_shuffled": 0.8, "auroc_batch_shuffled_each": [0.8 - apart / 2, 0.8 + apart / 2]}
        store.commit(ok_row(spec, 0.9, **each))
    cells = read_all(tmp_path)
    notes = " ".join(leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])).notes)
    assert "a mean over up to 2 orders of the test set" in notes
    assert "in points: shuffled 1.58." in notes


@pytest.mark.slow
def test_leakage_table_by_hand(tmp_path):
    """Two classes, two seeds: last values averaged, the best of each curve, the gains of the same runs."""
    last = {"eval": 0.6, "eval_recal": 0.65, "batch_normals_first": 0.9}
    store = ResultStore(tmp_path)
    for spec in specs((0, 1), seeds=(0, 1), dataset="digits"):
        bump = 0.02 * spec.seed
        store.commit(
            ok_row(
                spec,
                last["eval"] + bump,
                auroc_oracle=0.7 + bump,
                auroc_eval_recal=last["eval_recal"],
                auroc_batch_normals_first=last["batch_normals_first"],
                auroc_batch_shuffled=0.8 + 0.12 * spec.normal_class,
                curve_update=[50, 1200],
                curve_auroc_eval=[0.7 + bump, last["eval"] + bump],
                curve_auroc_eval_recal=[0.1, last["eval_recal"]],
            )
        )
    cells = read_all(tmp_path)
    sheet = leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"]))
    line = dict(zip(sheet.columns, sheet.lines[0], strict=True))
    record = sheet.data.iloc[0]
    assert line["recal"] == "65.0 / 65.0"
    assert line["eval"] == "61.0 / 71.0"
    assert line["normals first"] == "90.0"
    assert line["gain"] == "+29.0"
    assert line["order"] == "+4.0"  # +10 in class 0, -2 in class 1
    assert line["up"] == "1/2"
    half = 12.7062 * 0.12 / 2  # t(1) at 95%; two classes 12 points apart
    assert (record["order_classes_low"], record["order_classes_high"]) == pytest.approx((0.04 - half, 0.04 + half))


def test_leakage_shows_no_panel_without_a_run(tmp_path):
    there, missing = specs((0,), seeds=(0,)), specs((0,), seeds=(0,), dataset="fashion_mnist")
    commit_all(ResultStore(tmp_path), there, drawn)
    drawing = leakage_figure(read(tmp_path, Plan("table1", (), (), (*there, *missing))))
    assert [panel.get_title(loc="left") for panel in drawing.figure.axes if panel.axison] == ["MNIST, naive"]


def test_means_over_other_classes_are_told_apart(tmp_path):
    """One class beside three beside a sweep that is not over: the table, its numbers and the figure say how many."""
    ends = {"auroc_batch_normals_first": 0.9}
    done = [*specs((0,), seeds=(0,)), *specs(range(3), seeds=(0,), backbone="unet")]
    going_on = specs(range(3), seeds=(0,), backbone="unetpp")
    commit_all(ResultStore(tmp_path), [*done, *going_on[:2]], nearly(0.8), ends)
    Plan("mine", (), (), (*done, *going_on), "code").save(tmp_path)
    cells = read_all(tmp_path)
    sheet = leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"]))
    drawing = leakage_figure(cells)

    found = [(line[-2], line[-1]) for line in sheet.lines]
    assert found == list(zip(sheet.data["classes"], sheet.data["n"], strict=True))
    assert found == [("1", "1/1"), ("3", "3/3"), ("2/3", "2/3")]
    assert "MNIST: rows are means over different classes (1, 2 or 3 of them)" in " ".join(sheet.notes)
    titles = [panel.get_title(loc="left") for panel in drawing.figure.axes if panel.axison]
    assert [title.rpartition("classes: ")[2] for title in titles] == ["1", "3", "2/3"]
    assert "naive, classes: 1:" in drawing.alt


def test_without_other_protocols_there_is_no_leakage_table(tmp_path):
    store = ResultStore(tmp_path)
    for spec in specs((0,), dataset="digits"):
        store.commit(ok_row(spec, 0.5, auroc_eval_recal=None))
    cells = read_all(tmp_path)
    assert leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])) is None
    assert leakage_figure(cells) is None
