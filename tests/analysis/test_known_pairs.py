"""One known anomaly class at a time: a pair of classes with a second seed weighs as much as those with one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from analysis import curves
from analysis.cells import Cells, read_all
from analysis.claims.judge import _by_class
from analysis.figures.curves import curve_figures
from analysis.figures.forest import choice_forest
from analysis.figures.leakage import leakage_figure
from analysis.figures.profiles import _profile
from analysis.prose.facts import Facts
from analysis.tables.table import cells_table
from tests.helpers.analysis_rows import commit_all, ok_row, specs

LEVELS = {2: 0.9, 3: 0.6, 4: 0.42}
"""AUROC of seed 0 by what is known: one pair in three is below chance, and no class."""
BETTER = 0.02
"""Of seed 1, which only the pairs that know class 2 have; these have a spread of .02 / sqrt(2), .91 is their mean."""
MEAN = 100 * (0.91 + 0.6 + 0.42) / 3
OF_CLASS = (MEAN - 1, MEAN + 1)


def pairs() -> list[RunSpec]:
    return [
        run
        for known in LEVELS
        for run in specs(
            (0, 1),
            seeds=(0, 1) if known == 2 else (0,),
            dataset="digits",
            known_anomaly_classes=(known,),
            gamma=0.05,
            batch_size=64,
            min_anomalies=8,
            updates=4,
            curve=(2,),
            final_protocols=("eval", "eval_recal", "batch_shuffled"),
        )
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("pairs")
    store, runs = ResultStore(place / "pairs"), pairs()
    for run in runs:
        (known,) = run.known_anomaly_classes
        value = LEVELS[known] + BETTER * run.seed + (0.01 if run.normal_class else -0.01)
        curve = {"curve_update": [2, 4], "curve_auroc_eval": [value - 0.1, value]}
        store.commit(ok_row(run, value, auroc_batch_shuffled=value, **curve))
    Plan("pairs", (), (), tuple(runs)).save(place / "pairs")
    return place


@pytest.fixture(scope="module")
def cells(place: Path) -> Cells:
    return read_all(place / "pairs")


def test_class_columns_are_the_mean_of_the_table(cells):
    averages, classes, *_ = cells_table(cells).sheets
    assert averages.data["avg"].item() == pytest.approx(MEAN / 100)
    assert classes.lines[0][-2:] == ("63.3", "65.3")
    assert (100 * classes.data["mean"]).tolist() == pytest.approx(OF_CLASS)
    assert classes.data["sd"].tolist() == pytest.approx([BETTER / np.sqrt(2)] * 2), "among seeds, not what is known"
    assert classes.data["n"].tolist() == [4, 4]


def test_the_leakage_figure_draws_the_mean_of_the_table(cells):
    drawn = [line.get_ydata() for line in leakage_figure(cells).figure.axes[0].get_lines()]
    lines = [y for y in drawn if len(y) == 3]
    assert len(lines) == 3  # two classes and their mean, under three protocols
    np.testing.assert_allclose(lines, np.repeat([[*OF_CLASS, MEAN]], 3, axis=0).T)


def test_a_profile_has_the_mean_of_the_table(cells):
    """The area under the share of runs above is their weighted mean."""
    x, y = _profile(cells.ok)
    assert (np.diff(x) * y[:-1]).sum() == pytest.approx(MEAN)


def test_curves_draw_the_mean_and_the_range_of_seeds(cells, place):
    """The range of what is known would reach from 41 to 91; a seed's value is that of which the table has intervals."""
    (drawing,) = curve_figures(cells, curves.read(place / "pairs", cells.runs["run_id"]))
    panel = drawing.figure.axes[0]
    assert panel.get_lines()[0].get_ydata() == pytest.approx([OF_CLASS[0] - 10, OF_CLASS[0]])
    (band,) = panel.collections
    heights = sorted({y for x, y in band.get_paths()[0].vertices if x == 4})
    assert heights == pytest.approx(sorted(100 * cells.crossed()[0][0]))


def test_a_forest_draws_no_dot_of_a_seed_that_has_begun(tmp_path):
    """All classes have a pair of seed 1, which stands for one level of three."""
    store, runs = ResultStore(tmp_path), pairs()
    others = [dataclasses.replace(run, adversarial_context="off") for run in runs]
    commit_all(store, [*runs, *others], lambda spec: LEVELS[spec.known_anomaly_classes[0]] + BETTER * spec.seed, {})
    Plan("pairs", (), (), (*runs, *others)).save(tmp_path)
    (panel, *_) = choice_forest(read_all(tmp_path)).figure.axes
    assert [len(line.get_xdata()) for line in panel.get_lines() if line.get_marker() == "o"] == [1]


def test_a_claim_is_about_the_mean_of_the_table(cells):
    of_class = _by_class(cells.runs, "auroc")
    assert of_class.index.tolist() == [0, 1]
    assert (100 * of_class.mean(axis=1)).tolist() == pytest.approx(OF_CLASS)


def test_facts_count_classes_and_not_pairs(place):
    facts = Facts(place)
    assert facts.number("pairs mean eval") == pytest.approx(MEAN)
    assert facts.number("pairs class 0 eval") == pytest.approx(OF_CLASS[0])
    assert facts.number("pairs above eval") == 2
    assert facts.number("pairs p_chance eval") == pytest.approx(scipy.stats.ttest_1samp(OF_CLASS, 50).pvalue)
    assert facts.number("pairs at 2 eval") == pytest.approx(MEAN - 10)
    table = cells_table(read_all(place / "pairs")).sheets[0].data
    assert facts.number("pairs sd_seeds eval") == pytest.approx(100 * table["sd_seeds"].item())
    assert facts.number("pairs sd eval") == pytest.approx(100 * table["sd_classes"].item())
