"""Reconstructions: which rows stand beside each other, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.figures import reconstructions
from tests.helpers.analysis_rows import ok_row


def with_images(spec, error):
    """A row whose two normal images come back exactly, and whose anomalous one is off by `error`."""
    x = np.full((3, 1, 32, 32), 100, np.uint8)
    x_hat = x + np.array([0, 0, error], np.uint8)[:, None, None, None]
    values = {"recon_index": [5, 7, 2], "recon_label": [0, 0, 1], "recon_shape": [1, 32, 32]}
    return ok_row(spec, 0.9, **values, recon_x=x.tobytes(), recon_x_hat=x_hat.tobytes())


def test_figure_2_has_ganomaly_and_agad_without_and_with_anomalies(tmp_path):
    of_class = RunSpec(dataset="fashion_mnist", protocol="leave_one_out", abnormal_class=9)
    store = ResultStore(tmp_path)
    store.commit(with_images(of_class.replace(method="ganomaly"), 10))
    for gamma, error in ((0.0, 20), (0.1, 30)):
        store.commit(with_images(of_class.replace(backbone="unetpp", gamma=gamma), error))
    cells = read_all(tmp_path)
    (group,) = reconstructions.groups(cells)
    assert list(group.run_ids) == ["GANomaly", "AGAD unetpp, γ .00", "AGAD unetpp, γ .10"]
    saved = reconstructions.read(tmp_path, group.run_ids.values())
    (drawing,) = reconstructions.drawings(cells, saved)
    assert drawing.name == "reconstructions-leave_one_out"
    assert "Fashion-MNIST, anomalous: Ankle boot" in drawing.caption
    assert "GANomaly 0 and 10; AGAD unetpp, γ .00 0 and 20; AGAD unetpp, γ .10 0 and 30" in drawing.alt


def test_large_images_are_halved_by_their_means():
    image = np.zeros((1, 1, 128, 128), np.uint8)
    image[..., 0::2, :] = 200
    strip = reconstructions.strip(image, 1)
    assert strip.shape[0] == 64 + 2  # a transparent pixel on each side
    assert set(strip[1:65, 1:65, 0].flat) == {100}


def drawing_of(place, *errors):
    """The figure of some specs and the errors of their anomalous images."""
    store = ResultStore(place)
    for spec, error in errors:
        store.commit(with_images(spec, error))
    cells = read_all(place)
    run_ids = [run_id for group in reconstructions.groups(cells) for run_id in group.run_ids.values()]
    (drawing,) = reconstructions.drawings(cells, reconstructions.read(place, run_ids))
    return drawing


SLOW, FAST = ({"lr": lr} for lr in (1e-6, 0.01))
AGAD = RunSpec(dataset="digits", normal_class=0)
GANOMALY = AGAD.replace(method="ganomaly")


@pytest.mark.slow
def test_lines_are_of_the_settings_that_methods_share_and_named(tmp_path):
    """Both with two rates each: one rate is shown of both."""
    slow, fast = ([spec.replace(**rate) for spec in (GANOMALY, AGAD)] for rate in (SLOW, FAST))
    drawing = drawing_of(tmp_path, *zip((*slow, *fast), (10, 20, 30, 40), strict=True))

    assert drawing.alt.endswith("GANomaly 0 and 30; AGAD naive, γ .00 0 and 40.")
    assert drawing.caption.endswith(
        "Of several settings are shown: Digits (8x8), GANomaly (lr 0.01); Digits (8x8), naive (lr 0.01)."
    )


@pytest.mark.slow
def test_the_setting_of_several_is_that_of_the_other_method(tmp_path):
    drawing = drawing_of(
        tmp_path, (AGAD.replace(**FAST), 10), (AGAD.replace(**SLOW), 20), (GANOMALY.replace(**SLOW), 30)
    )

    assert drawing.alt.endswith("GANomaly 0 and 30; AGAD naive, γ .00 0 and 20.")
    assert drawing.caption.endswith(" Of several settings are shown: Digits (8x8), naive (lr 1e-06).")


@pytest.mark.slow
def test_shares_of_anomalies_are_of_one_setting(tmp_path):
    """Of one rate there is no row with anomalies, so both shares are of the other."""
    some = AGAD.replace(gamma=0.1)
    drawing = drawing_of(tmp_path, (AGAD.replace(**FAST), 10), (AGAD.replace(**SLOW), 20), (some.replace(**SLOW), 30))

    assert drawing.alt.endswith("AGAD naive, γ .00 0 and 20; AGAD naive, γ .10 0 and 30.")
    assert "also differ" not in drawing.caption


@pytest.mark.slow
def test_lines_of_other_settings_are_said_to_be(tmp_path):
    drawing = drawing_of(tmp_path, (GANOMALY.replace(**FAST), 10), (AGAD.replace(**SLOW), 20))

    assert drawing.caption.endswith("normal: 0. The lines also differ in lr (0.01, 1e-06).")


@pytest.mark.slow
def test_of_runs_that_know_one_class_each_the_first_is_shown(tmp_path):
    known = [AGAD.replace(gamma=0.05, known_anomaly_classes=(of,)) for of in (1, 2, 3)]
    drawing = drawing_of(tmp_path, *zip(known, (10, 20, 30), strict=True))

    assert drawing.alt.endswith("AGAD naive, γ .05 0 and 10.")
