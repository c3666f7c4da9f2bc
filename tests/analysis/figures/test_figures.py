"""Figures: what they show, and what they say in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from analysis import curves
from analysis.cells import read_all
from analysis.figures.boxes import box_figures, box_rows
from analysis.figures.curves import curve_figures
from analysis.figures.drawing import INK
from analysis.figures.leakage import leakage_figure
from analysis.figures.rows import full_title, plain_rows, row_title
from tests.helpers.analysis_rows import MADE, commit_all, drawn, ok_row, specs


def test_boxes_compare_the_papers_shares_where_they_are_there(tmp_path):
    runs = [s for gamma in (0.01, 0.05, 0.2) for s in specs((0,), dataset="digits", gamma=gamma)]
    runs += specs((0,), seeds=(0,), gamma=0.05) + specs((0,), seeds=(0,), gamma=0.1)
    commit_all(ResultStore(tmp_path), runs, drawn)
    cells = read_all(tmp_path)
    shares = {d: tuple(cells.rows[i]["gamma"] for i in pair) for d, pair in box_rows(cells).items()}
    assert shares == {"digits": (0.05, 0.2), "mnist": (0.05, 0.1)}


@pytest.mark.slow
def test_boxes_compare_rows_that_are_alike_but_for_the_share(tmp_path):
    """Two updates without anomalies beside sixty with some: their boxes would be called those of two shares."""
    short, long = ({"gamma": 0.0, "updates": updates, "dataset": "digits", "curve": ()} for updates in (2, 60))
    some = {**long, "gamma": 0.05}
    commit_all(ResultStore(tmp_path), [run for of in (short, long, some) for run in specs((0, 1), **of)], drawn)
    cells = read_all(tmp_path)
    (pair,) = box_rows(cells).values()
    (first,) = plain_rows(cells)

    assert [(cells.rows[row]["gamma"], cells.rows[row]["updates"]) for row in pair] == [(0.0, 60), (0.05, 60)]
    assert full_title(cells, first) == "Digits (8x8), naive (updates 2)"
    assert full_title(cells, pair[1]) == "Digits (8x8), naive, γ .05"
    assert "Of several settings are shown: Digits (8x8), naive (updates 2)." in leakage_figure(cells).caption


@pytest.mark.slow
def test_boxes_name_a_setting_that_their_higher_share_alone_has_several_of(tmp_path):
    values = {"test_class": [0, 1], "test_label": [0, 1], "scores_eval": [1.0, 2.0]}
    for gamma, lr in ((0.0, 0.01), (0.05, 0.01), (0.05, 1e-6)):
        runs = specs((0, 1), (0,), dataset="digits", gamma=gamma, lr=lr)
        commit_all(ResultStore(tmp_path), runs, drawn, values)
    cells = read_all(tmp_path)
    scores = curves.read_scores(tmp_path, set(cells.runs["run_id"]))
    (drawing,) = box_figures(cells, scores)

    assert "by normal class (naive, lr 0.01), all seeds together" in drawing.caption


@pytest.mark.slow
def test_curves_say_what_their_lines_differ_in_beside_the_generator(tmp_path):
    store = ResultStore(tmp_path)
    for backbone, updates in (("naive", 60), ("unet", 80)):
        for run in specs((0, 1), seeds=(0,), backbone=backbone, updates=updates, curve=(50,)):
            curve = {"curve_update": [50, updates], "curve_auroc_eval": [0.8, 0.9]}
            store.commit(ok_row(run, 0.9, **curve))
    cells = read_all(tmp_path)
    (drawing,) = curve_figures(cells, curves.read(tmp_path, cells.runs["run_id"]))
    assert "by backbone. The lines also differ in updates (60, 80)." in drawing.caption


def with_curve(spec, **values):
    return ok_row(spec, 0.9, curve_update=[50, spec.updates], curve_auroc_eval=[0.8, 0.9], **values)


@pytest.mark.slow
def test_curves_name_which_of_several_settings_is_drawn(tmp_path):
    """Default rows beside such with a study's rate; the other rows have no curve, and no place in the legend."""
    store = ResultStore(tmp_path)
    common = {"classes": (0, 1), "seeds": (0,), "dataset": "digits", "updates": 60, "curve": (50,)}
    for run in specs(**common):
        store.commit(with_curve(run))
        store.commit(with_curve(run.replace(lr=0.01), tuned_by="trial 1 of study s"))
        store.commit(ok_row(run.replace(gamma=0.05), 0.9))
    cells = read_all(tmp_path)
    (drawing,) = curve_figures(cells, curves.read(tmp_path, cells.runs["run_id"]))

    assert drawing.caption.endswith(f"by γ. Of several settings are shown: Digits (8x8), naive (lr {run.lr}).")
    assert drawing.alt.endswith("in percent: γ .00 ends between 90 and 90.")


@pytest.mark.slow
def test_curves_of_generators_are_of_the_settings_that_they_share(tmp_path):
    """The naive one comes with two rates first, the U-Net with the second alone."""
    store = ResultStore(tmp_path)
    for backbone, lr in (("naive", 0.01), ("naive", 1e-6), ("unet", 1e-6)):
        for run in specs((0, 1), (0,), dataset="digits", backbone=backbone, lr=lr, updates=60, curve=(50,)):
            store.commit(with_curve(run))
    cells = read_all(tmp_path)
    (drawing,) = curve_figures(cells, curves.read(tmp_path, cells.runs["run_id"]))

    assert drawing.caption.endswith("by backbone. Of several settings are shown: Digits (8x8), naive (lr 1e-06).")


@pytest.mark.slow
def test_a_generators_row_of_fewer_classes_does_not_stand_for_it(tmp_path):
    """The length that both share has one class of the U-Net: its shorter row has three."""
    for backbone, classes, updates in (("naive", 3, 60), ("unet", 3, 40), ("unet", 1, 60)):
        runs = specs(range(classes), (0,), backbone=backbone, updates=updates, curve=())
        commit_all(ResultStore(tmp_path), runs, drawn)
    cells = read_all(tmp_path)
    shown = {cells.rows[row]["backbone"]: cells.rows[row]["updates"] for row in plain_rows(cells)}

    assert shown == {"naive": 60, "unet": 40}


@pytest.mark.slow
def test_curves_of_methods_beside_each_other_are_told_by_method(tmp_path):
    store = ResultStore(tmp_path)
    for method in ("ganomaly", "skip_ganomaly"):
        for run in specs((0, 1), (0,), dataset="digits", method=method, updates=60, curve=(50,)):
            store.commit(with_curve(run))
    cells = read_all(tmp_path)
    (drawing,) = curve_figures(cells, curves.read(tmp_path, cells.runs["run_id"]))

    assert "by method." in drawing.caption
    assert "method ganomaly ends" in drawing.alt
    assert "method skip_ganomaly ends" in drawing.alt


@pytest.mark.slow
def test_figures_say_in_words_what_they_show(demo):
    cells = read_all(demo)
    (drawing,) = curve_figures(cells, curves.read(demo, cells.runs["run_id"]))
    ends = 100 * cells.runs.loc[cells.runs["row"] == 0, "auroc"]
    assert f"γ .00 ends between {ends.min():.0f} and {ends.max():.0f}" in drawing.alt
    svg = ElementTree.fromstring(drawing.to_svg())  # noqa: S314 - our own text
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == drawing.alt


def test_a_pruned_run_is_in_no_mean_of_learning_curves(tmp_path):
    """It was pruned as it was bad: a mean of it too would rise where it ends, and that be called learning."""
    runs, store = specs((0,), seeds=(0, 1)), ResultStore(tmp_path)
    whole = {"curve_update": [50, 100, 200], "curve_auroc_eval": [0.9, 0.9, 0.9]}
    store.commit(ok_row(runs[0], 0.9, **whole))
    part = {"curve_update": [50, 100], "curve_auroc_eval": [0.1, 0.1]}
    store.commit(RunRecord(spec=runs[1], attempt=1, status="pruned", values={**MADE, **part}))
    (drawing,) = curve_figures(read_all(tmp_path), curves.read(tmp_path, [run.run_id for run in runs]))

    assert "ends between 90 and 90" in drawing.alt
    (line,) = drawing.figure.axes[0].lines
    assert line.get_ydata() == pytest.approx([90, 90, 90])


@pytest.mark.slow
def test_svgs_take_the_pages_colour_and_share_no_ids(demo):
    cells = read_all(demo)
    points = curves.read(demo, cells.runs["run_id"])
    texts = [d.to_svg() for d in (leakage_figure(cells), *curve_figures(cells, points))]
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in texts]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text in texts:
        assert INK not in text
        assert "currentColor" in text


@pytest.mark.slow
def test_a_method_without_a_generator_has_no_generators_name(tmp_path):
    """Nearest neighbours beside the U-Net on one data set, and alone on another: their spec says naive all the same."""
    store = ResultStore(tmp_path)
    commit_all(store, specs(seeds=(0,), dataset="cifar10", backbone="unet"), lambda spec: 0.5)
    for dataset in ("cifar10", "fashion_mnist"):
        commit_all(store, specs(seeds=(0,), dataset=dataset, method="knn", updates=0), lambda spec: 0.6)
    cells = read_all(tmp_path)

    assert {row_title(cells, row) for row in plain_rows(cells)} == {
        "CIFAR-10, U-Net",
        "Fashion-MNIST, nearest neighbours",
    }
