"""What is averaged over what, by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest

from analysis import stats


def frame_of(table: dict[int, list[float]], row: int = 0) -> pd.DataFrame:
    lines = [(row, c, seed, value) for c, values in table.items() for seed, value in enumerate(values)]
    return pd.DataFrame(lines, columns=["row", "class", "seed", "auroc"])


def test_both_spreads_by_hand():
    """Class 0: .90 .92 (mean .91); class 1: .80 .80 .86 (mean .82, squared deviations .0024); mean of means .865."""
    means = stats.class_means(frame_of({0: [0.90, 0.92], 1: [0.80, 0.80, 0.86]}), "auroc", ["row"])
    assert means["n"].tolist() == [2, 3]
    assert means["mean"].tolist() == pytest.approx([0.91, 0.82])
    assert means["sd"].tolist() == pytest.approx([statistics.stdev([0.90, 0.92]), statistics.stdev([0.8, 0.8, 0.86])])
    (over,) = stats.over_classes(means, ["row"]).to_dict("records")
    assert over["avg"] == pytest.approx(0.865)
    assert over["sd_classes"] == pytest.approx(0.045)  # ddof 0: half the distance of two
    assert over["sd_seeds"] == pytest.approx(math.sqrt((0.0002 + 0.0024) / (1 + 2)))
    assert (over["classes"], over["runs"]) == (2, 5)


def test_one_seed_has_no_spread_among_seeds_and_a_missing_value_is_no_run():
    means = stats.class_means(frame_of({0: [0.9], 1: [0.8, float("nan")], 2: [float("nan")]}), "auroc", ["row"])
    assert means["class"].tolist() == [0, 1]
    assert means["n"].tolist() == [1, 1]
    assert means["sd"].isna().all()
    (over,) = stats.over_classes(means, ["row"]).to_dict("records")
    assert over["avg"] == pytest.approx(0.85)
    assert math.isnan(over["sd_seeds"])
    (alone,) = stats.over_classes(means[means["class"] == 0], ["row"]).to_dict("records")
    assert math.isnan(alone["sd_classes"]), "one class has no spread among classes: 0.00 would claim one"


def test_runs_crossed_by_cell_and_seed_are_those_of_a_pivot_table():
    """Gaps are NaN, what was scored twice is averaged, cells are named by two columns."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"class": rng.integers(0, 5, 60), "known": rng.integers(-1, 3, 60), "seed": rng.integers(0, 3, 60)}
    )
    frame["auroc"] = np.where(rng.random(60) < 0.2, np.nan, rng.random(60))
    expected = frame.dropna().pivot_table(index=["class", "known"], columns="seed", values="auroc", aggfunc="mean")
    np.testing.assert_allclose(stats.crossed_runs(frame, "auroc", ("class", "known")), expected.to_numpy(float))
    assert stats.crossed_runs(frame.assign(auroc=np.nan), "auroc") is None
