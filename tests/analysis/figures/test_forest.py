"""Forests and profiles show the numbers of the rows."""

from __future__ import annotations

import numpy as np
import pytest

from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.figures.forest import choice_forest, paper_forest
from analysis.figures.profiles import profile_figure
from tests.helpers.analysis_rows import commit_all, drawn, specs


def test_a_forest_has_the_difference_of_each_seed_and_the_margin(tmp_path):
    """CIFAR-10's U-Net at the paper's 98.3: three seeds at 96, 97 and 98, the band as wide as the margin."""
    runs = specs(dataset="cifar10", backbone="unet", gamma=0.03)
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.96 + 0.01 * spec.seed, {"auroc_eval_recal": None})
    drawing = paper_forest(read_all(tmp_path))
    (panel,) = drawing.figure.axes[:1]
    dots = next(line for line in panel.lines if len(line.get_xdata()) == 3)
    assert np.allclose(sorted(dots.get_xdata()), [-2.3, -1.3, -0.3])
    assert "−1.3" in drawing.alt
    assert "±1 points" in drawing.caption


@pytest.mark.slow
def test_a_choice_is_drawn_with_its_probability_of_being_better(tmp_path):
    both = [*specs(adversarial_context="on"), *specs(adversarial_context="off")]
    commit_all(ResultStore(tmp_path), both, lambda spec: 0.9 + 0.01 * (spec.adversarial_context == "on"))
    drawing = choice_forest(read_all(tmp_path))
    assert "context on over off +1.0" in drawing.alt
    assert "P 1.00" in [text.get_text() for text in drawing.figure.axes[0].texts]


@pytest.mark.slow
def test_lines_stand_in_the_order_of_rows_also_where_a_panel_lacks_one(tmp_path):
    """The second γ was not scored under the protocol of the first panel."""
    for gamma in (0.0, 0.05, 0.1):
        for context in ("on", "off"):
            runs = specs((0, 1), (0, 1), gamma=gamma, adversarial_context=context)
            values = {"auroc_eval_recal": None if gamma == 0.05 else 0.5}
            commit_all(
                ResultStore(tmp_path), runs, lambda spec: 0.9 + 0.01 * (spec.adversarial_context == "on"), values
            )
    labels = [text.get_text() for text in choice_forest(read_all(tmp_path)).figure.axes[0].get_yticklabels()]
    assert [label.partition(":")[0] for label in labels] == ["MNIST, .00", "MNIST, .05", "MNIST, .10"]


def test_without_anything_to_compare_there_is_no_figure(tmp_path):
    commit_all(ResultStore(tmp_path), specs(dataset="digits"), drawn)
    cells = read_all(tmp_path)
    assert paper_forest(cells) is None
    assert choice_forest(cells) is None
    assert profile_figure(cells) is None


@pytest.mark.slow
def test_a_profile_falls_from_all_runs_to_none_and_weighs_classes_alike(tmp_path):
    """Two classes at 60 and 80, the first with three seeds, the second with one: half of the weight each."""
    runs = [*specs((0,), seeds=(0, 1, 2)), *specs((1,), seeds=(0,))]
    store = ResultStore(tmp_path)
    commit_all(store, runs, lambda spec: 0.6 + 0.2 * spec.normal_class)
    commit_all(store, specs((0, 1), seeds=(0,), backbone="unet"), lambda spec: 0.9)
    drawing = profile_figure(read_all(tmp_path))
    naive = next(line for line in drawing.figure.axes[0].lines if line.get_label() == "naive")
    x, y = naive.get_data()
    shares = [y[np.searchsorted(x, at, side="right") - 1] for at in (59, 70, 81)]
    assert np.allclose(shares, [1.0, 0.5, 0.0])


def test_profiles_of_other_classes_are_not_drawn_against_each_other(tmp_path):
    """Of three detectors one has two classes only."""
    whole = [run for backbone in ("naive", "unet") for run in specs(range(4), backbone=backbone)]
    commit_all(ResultStore(tmp_path), [*whole, *specs(range(2), backbone="unetpp")], drawn)
    drawing = profile_figure(read_all(tmp_path))

    assert {text.get_text() for text in drawing.figure.axes[0].get_legend().get_texts()} == {"U-Net", "naive"}


def test_profiles_of_other_questions_have_panels_of_their_own(tmp_path):
    """A detector that knows one anomaly class is not drawn against such that know all; nor one of another task."""
    known = [run.replace(known_anomaly_classes=(9,)) for run in specs(range(4), gamma=0.05, backbone="unet")]
    both = [run for backbone in ("naive", "unetpp") for run in specs(range(4), gamma=0.05, backbone=backbone)]
    commit_all(ResultStore(tmp_path), [*known, *both], drawn)
    drawing = profile_figure(read_all(tmp_path))

    assert "U-Net:" not in drawing.alt
    assert {text.get_text() for text in drawing.figure.axes[0].get_legend().get_texts()} == {"UNet++", "naive"}


@pytest.mark.slow
def test_a_profile_prefers_values_that_no_study_has_found(tmp_path):
    """And says in what else its lines differ."""
    plain = [run for backbone in ("naive", "unet") for run in specs(range(4), (0,), backbone=backbone)]
    commit_all(ResultStore(tmp_path), plain, drawn)
    better = specs(range(4), lambda_con=3.0)
    commit_all(ResultStore(tmp_path), better, lambda _: 0.99, {"tuned_by": "trial 1 of study s"})
    longer = specs(range(4), (0,), backbone="unetpp", updates=7)
    commit_all(ResultStore(tmp_path), longer, drawn)
    drawing = profile_figure(read_all(tmp_path))

    assert "naive: mean 99.0" not in drawing.alt
    assert "The lines also differ in updates" in drawing.caption


@pytest.mark.slow
def test_of_settings_with_as_many_runs_a_profile_has_those_that_its_lines_share(tmp_path):
    for backbone, lr in (("naive", 0.01), ("naive", 1e-6), ("unet", 1e-6)):
        commit_all(ResultStore(tmp_path), specs(range(4), (0,), backbone=backbone, lr=lr), drawn)
    drawing = profile_figure(read_all(tmp_path))

    assert drawing.caption.endswith(" Of several settings are shown: MNIST, naive (lr 1e-06).")


def test_a_dot_beside_the_papers_mean_is_a_seed_with_all_classes(tmp_path):
    """The third seed has two of ten."""
    runs = [*specs(seeds=(0, 1)), *specs((0, 1), seeds=(2,))]
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.9 + 0.01 * spec.seed - 0.001 * spec.normal_class)
    figure = paper_forest(read_all(tmp_path)).figure
    dots = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", None, "")]
    assert sorted(len(line.get_xdata()) for line in dots)[-1] == 2


@pytest.mark.slow
def test_panels_of_one_data_set_say_what_they_differ_in(tmp_path):
    """Four classes, two of them trained for shorter, which are left out, and four that know one anomaly class."""
    for classes, changes in ((range(4), {}), (range(2), {"updates": 7}), (range(4), {"known_anomaly_classes": (9,)})):
        for backbone, seeds in (("naive", (0, 1)), ("unet", (0,))):
            runs = [run.replace(**changes) for run in specs(classes, seeds, gamma=0.05, backbone=backbone)]
            commit_all(ResultStore(tmp_path), runs, drawn)
    drawing = profile_figure(read_all(tmp_path))

    titles = {panel.get_title(loc="left") for panel in drawing.figure.axes if panel.axison}
    assert titles == {"MNIST, γ .05\nknown 9", "MNIST, γ .05\nknown all"}
    assert drawing.alt.count("naive: mean") == 2
    assert "MNIST, naive, γ .05 (known 9, updates 1200)" in drawing.caption
    assert "also differ" not in drawing.caption
