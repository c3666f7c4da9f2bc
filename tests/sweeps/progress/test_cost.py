"""Relative costs: what the time that is left is reckoned with."""

from __future__ import annotations

import pytest

from sweeps.progress.cost import relative_cost, seconds_left
from tests.helpers.rows import spec

AGAD = spec(updates=100, batch_size=256)


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        ({}, 100),
        ({"backbone": "unetpp"}, 500),
        ({"batch_size": 64}, 25),
        ({"image_size": 64}, 400),
        ({"adversarial_context": "off"}, 60),
        ({"method": "ganomaly"}, 80),
        ({"method": "classifier", "gamma": 0.05, "encoder": "netd"}, 13),
        ({"method": "classifier", "gamma": 0.05, "encoder": "lenet_small"}, 2),
    ],
)
def test_cost_in_updates_of_the_naive_generator(changes: dict[str, object], cost: float) -> None:
    assert relative_cost(AGAD.replace(**changes)) == pytest.approx(cost)


def test_what_trains_nothing_costs_a_few_updates() -> None:
    timing = AGAD.replace(updates=1200, batch_size=256, task="inference", curve=(50, 100, 200, 400, 800, 1200))

    assert relative_cost(timing) == 5


def test_a_method_without_updates_costs_its_fit_and_pretraining_counts() -> None:
    """Otherwise the time that the floor's runs leave would be 0 of 0."""
    assert relative_cost(spec(method="knn", updates=0, batch_size=256, min_anomalies=32, curve=())) == 2.9
    trained = spec(method="deep_sad", updates=100, batch_size=256, encoder="lenet_large")
    assert relative_cost(trained.replace(pretrain_updates=300)) == pytest.approx(4 * relative_cost(trained))


def test_scoring_counts_where_an_image_passes_many_times() -> None:
    """GeoTrans scores 16,000 images under each transformation, a third of an update's cost for as many images."""
    trained = spec(method="geotrans", updates=100, batch_size=256, encoder="wrn_10_4")
    for transformations, passes in (("geo72", 72), ("rot4", 4)):
        updates = 100 + passes * 16_000 / 256 / 3
        assert relative_cost(trained.replace(transformations=transformations)) == pytest.approx(1.7 * updates)
        smaller = trained.replace(transformations=transformations, batch_size=64, updates=400)
        assert relative_cost(smaller) == pytest.approx(1.7 * updates)


def test_a_search_of_the_test_images_costs_by_its_steps_at_each_point_of_the_curve() -> None:
    """Otherwise a dry run would promise AnoGAN's test set, the longest part, for nothing."""
    found = spec(method="anogan", updates=100, batch_size=256, min_anomalies=32, curve=(), search_steps=500)
    training = relative_cost(found.replace(search_steps=1)) - 10
    assert training == pytest.approx(50)
    assert relative_cost(found) == pytest.approx(training + 500 * 10)
    assert relative_cost(found.replace(curve=(50,))) == pytest.approx(training + 2 * 500 * 10)


def test_time_left_is_by_cost() -> None:
    assert seconds_left([AGAD.replace(backbone="unetpp")], {AGAD: 10.0}) == pytest.approx(50)
    assert seconds_left([AGAD], {}) is None


def test_a_vector_from_a_file_is_not_longer_for_larger_images() -> None:
    known = {"method": "knn", "updates": 0, "batch_size": 256, "min_anomalies": 32, "curve": ()}
    for features, cost in (("pixels", 4 * 2.9), ("file:own", 2.9)):
        assert relative_cost(spec(**known, image_size=64, features=features)) == pytest.approx(cost)
