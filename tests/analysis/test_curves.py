"""The list columns of rows: curves, scores, and boxes of scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import read_all
from analysis.tables.layouts.one_known import one_known
from tests.helpers.analysis_rows import ok_row, specs


@pytest.mark.slow
def test_aurocs_against_seen_and_unseen_anomalies(tmp_path):
    """By hand. Normal scores 1 3; class 1 has 2 4 (3 of 4 pairs won), class 2 has 0 3 (1.5 of 4)."""
    runs = [
        RunSpec(dataset="digits", normal_class=0, gamma=0.05, known_anomaly_classes=(known,), seed=0)
        for known in (1, 2)
    ]
    store = ResultStore(tmp_path)
    values = {"test_class": [0, 0, 1, 1, 2, 2], "test_label": [0, 0, 1, 1, 1, 1], "scores_eval": [1, 3, 2, 4, 0, 3]}
    for spec in runs:
        store.commit(ok_row(spec, 0.5625, **values))
    cells = read_all(tmp_path)
    split = curves.read_known_split(tmp_path, dict(zip(cells.runs["run_id"], cells.runs["known"], strict=True)))
    first, second = (split.set_index("run_id").loc[spec.run_id].tolist() for spec in runs)
    assert (first, second) == ([0.75, 0.375], [0.375, 0.75])
    (line,) = one_known(cells, split).lines
    assert one_known(cells, split).columns[-5] == "AGAD, here"
    assert line[-4:-2] == ("56.2", "56.2")  # .5625 each, rounded half to even


def test_curves_keep_only_the_points_that_were_scored(tmp_path):
    (spec,) = specs((0,), seeds=(0,))
    values = {"curve_update": [50, 100], "curve_auroc_eval": [0.4, 0.5], "curve_auroc_batch1": [None, 0.7]}
    ResultStore(tmp_path).commit(ok_row(spec, 0.5, **values))
    found = curves.read(tmp_path, [spec.run_id]).sort_values(["protocol", "update"])
    assert found[["protocol", "update", "auroc"]].to_numpy().tolist() == [
        ["batch1", 100, 0.7],
        ["eval", 50, 0.4],
        ["eval", 100, 0.5],
    ]


def curve_of(updates, aurocs, run_id="a", protocol="eval"):
    return pd.DataFrame({"run_id": run_id, "protocol": protocol, "update": updates, "auroc": aurocs})


def test_roughness_is_the_distance_from_the_line_through_the_neighbours():
    """By hand: a straight line has none, however its points are spaced; one point .1 off moves three distances."""
    updates = [1, 2, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    line = np.array(updates) / 100
    kinked = line.copy()
    kinked[6] += 0.1  # update 10, between 9 and 11: .1 there, .05 at each neighbour; mean over the 10 inner points
    points = pd.concat(
        [curve_of(updates, line), curve_of(updates, kinked, "b"), curve_of(updates[:11], line[:11], "c")]
    )
    found = curves.rough(points.sample(frac=1, random_state=0)).xs("eval", level="protocol")
    assert found.to_dict() == pytest.approx({"a": 0.0, "b": 0.02, "c": math.nan}, nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("rise", [0.0, 0.1, 0.4])
def test_roughness_is_of_the_noise_not_of_the_rise(rise):
    """Curves that rise and fall slowly over 200 points: noise of SD .01 is found as .98 of it, on average.

    Of a single curve it may be a quarter off: noise is drawn once here, not by hypothesis, which finds such a curve.
    """
    updates, random = np.arange(1, 201), np.random.default_rng(0)
    found = [
        curves.rough(curve_of(updates, 0.5 + rise * np.sin(updates / 60) + random.normal(0, 0.01, 200))).item()
        for _ in range(20)
    ]
    assert np.mean(found) == pytest.approx(0.0098, rel=0.05)


def test_points_are_the_same_where_the_updates_are():
    points = [curve_of([1, 2], [0.5, 0.6]), curve_of([2, 1], [0.1, 0.2], "b"), curve_of([1, 3], [0.5, 0.6], "c")]
    found = curves.same_points(pd.concat(points))
    assert found["a"] == found["b"] != found["c"]


def test_boxes_are_tukeys():
    """1..9 and an outlier: quartiles 3, 5.5, 7.75 by numpy's rule; 100 lies beyond 1.5 ranges."""
    found = curves.box(np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], np.float32))
    assert (found["q1"], found["med"], found["q3"]) == (3.25, 5.5, 7.75)
    assert (found["whislo"], found["whishi"], found["fliers"]) == (1.0, 9.0, [])
    mirrored = curves.box(-np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], np.float32))
    assert (mirrored["whislo"], mirrored["whishi"]) == (-9.0, -1.0)
