"""The same weights under every protocol, as a table and as a figure."""

from __future__ import annotations

import numpy as np
import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import read, read_all
from analysis.figures.forest import choice_forest, paper_forest
from analysis.figures.leakage import leakage_figure
from analysis.tables.contrast import contrast_table
from analysis.tables.layouts.verdicts import verdict_table
from analysis.tables.leakage import leakage_table
from tests.helpers.analysis_rows import commit_all, drawn, nearly, ok_row, specs


@pytest.mark.slow
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


def test_an_order_that_moves_the_last_bit_alone_is_up_in_no_class(tmp_path):
    equal = {"auroc_batch_normals_first": 0.8, "auroc_batch_shuffled": np.nextafter(0.8, 0)}
    commit_all(ResultStore(tmp_path), specs((0, 1), seeds=(0,), dataset="digits"), nearly(0.7), equal)
    cells = read_all(tmp_path)
    line = leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])).data.iloc[0]
    assert (line["order_up"], line["order_p_sign"]) == (0, None)


@pytest.mark.slow
def test_leakage_shows_no_panel_without_a_run(tmp_path):
    there, missing = specs((0,), seeds=(0,)), specs((0,), seeds=(0,), dataset="fashion_mnist")
    commit_all(ResultStore(tmp_path), there, drawn)
    drawing = leakage_figure(read(tmp_path, Plan("table1", (), (), (*there, *missing))))
    assert [panel.get_title(loc="left") for panel in drawing.figure.axes if panel.axison] == ["MNIST, naive"]


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_protocol_of_a_part_of_the_runs_has_neither_mean_nor_gain_nor_verdict(tmp_path):
    """Half of the classes were scored with normals first; what they gain is no gain of the line's ten."""
    store = ResultStore(tmp_path)
    for context, better in (("on", 0.01), ("off", 0.0)):
        for part in (range(5), range(5, 10)):
            runs = specs(part, dataset="cifar10", backbone="unet", gamma=0.03, adversarial_context=context)
            ordered = {"auroc_batch_normals_first": 0.9 + better} if 0 in part else {}
            values = {"auroc_batch_shuffled": 0.7 + better, "curve_update": [50], "curve_auroc_eval": [0.8]}
            commit_all(store, runs, nearly(0.75 + better), values | ordered)
    cells = read_all(tmp_path)
    sheets = (
        leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])),
        verdict_table(cells),
        contrast_table(cells),
    )
    for sheet in sheets:
        for line in (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines):
            names = {"normals first", "gain", "order", "up", "p"} & {*line}
            assert {line[name] for name in names} == {"—"}
            assert "—" not in (line["shuffled"], line["eval"])
    assert "it has neither mean nor gain" in " ".join(sheets[0].notes)
    assert "normals first —" in leakage_figure(cells).alt
    assert "normals first:" not in paper_forest(cells).alt
    assert "normals first:" not in choice_forest(cells).alt


def test_without_other_protocols_there_is_no_leakage_table(tmp_path):
    store = ResultStore(tmp_path)
    for spec in specs((0,), dataset="digits"):
        store.commit(ok_row(spec, 0.5, auroc_eval_recal=None))
    cells = read_all(tmp_path)
    assert leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])) is None
    assert leakage_figure(cells) is None
