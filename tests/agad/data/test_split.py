"""The one-class split: counts, draws and who may play which role."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from agad.data.prepared import in_memory
from agad.data.split import one_class_split
from agad.errors import SpecError
from agad.spec.counts import check_counts
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec, anomaly_count
from tests.conftest import ROOT


def labelled(train_counts, test_counts=None, dataset="digits", order="sorted"):
    """A prepared set with these counts per class, whose pixels are never read."""
    test_counts = [2] * len(train_counts) if test_counts is None else test_counts
    train, test = (np.repeat(np.arange(len(c)), c).astype(np.int64) for c in (train_counts, test_counts))
    if order == "mixed":
        train = np.random.default_rng(0).permutation(train)
    blank = torch.zeros((), dtype=torch.uint8)
    sets = [(blank.expand(len(labels), 1, 32, 32), labels) for labels in (train, test)]
    return in_memory(dataset, *sets, tuple(map(str, range(len(train_counts)))), digest="0" * 64)


DIGITS = labelled(DATASETS["digits"].train_counts, order="mixed")


def split(spec, prepared=DIGITS):
    return one_class_split(prepared, spec)


def test_every_normal_is_used_and_anomalies_are_of_other_classes():
    result = split(RunSpec(normal_class=3, gamma=0.2))
    assert result.normal.dtype == result.anomaly.dtype == result.test_class.dtype == result.test_label.dtype == np.int64
    assert result.normal.tolist() == [i for i, label in enumerate(DIGITS.train_labels) if label == 3]
    assert 3 not in DIGITS.train_labels[result.anomaly]
    assert len(set(result.anomaly.tolist())) == len(result.anomaly) == 36  # 147 / 4, rounded down
    assert result.drawn_anomaly_classes == (0, 1, 2, 4, 5, 6, 7, 8, 9)


def test_no_index_has_two_roles():
    for protocol, target in (("one_vs_rest", "normal_class"), ("leave_one_out", "abnormal_class")):
        result = split(RunSpec(protocol=protocol, gamma=0.05, **{target: 3}))
        assert len(result.anomaly) > 0
        assert not set(result.normal.tolist()) & set(result.anomaly.tolist())


def test_the_whole_test_set_is_labelled():
    result = split(RunSpec(normal_class=3))
    assert result.test_class.tolist() == DIGITS.test_labels.tolist()
    assert result.test_label.tolist() == [int(label != 3) for label in DIGITS.test_labels]


def test_leave_one_out_turns_the_roles_around():
    result = split(RunSpec(protocol="leave_one_out", abnormal_class=3, gamma=0.05))
    assert set(DIGITS.train_labels[result.anomaly]) == {3}
    assert set(DIGITS.train_labels[result.normal]) == set(range(10)) - {3}
    assert result.test_label.tolist() == [int(label == 3) for label in DIGITS.test_labels]
    assert len(result.anomaly) == (1442 - 147) * 5 // 95


def test_no_anomalies_at_gamma_0():
    result = split(RunSpec(normal_class=3))
    assert len(result.anomaly) == 0
    assert result.drawn_anomaly_classes == ()


@pytest.mark.parametrize(
    ("normals", "expected"),
    [
        (5000, [50, 154, 263, 555, 1250]),
        (2500, [25, 77, 131, 277, 625]),
        (6000, [60, 185, 315, 666, 1500]),
    ],
)
def test_counts_of_the_paper(normals, expected):
    """CIFAR-10, CIFAR-100's coarse classes and Fashion-MNIST: the counts that gamma = a / (n + a) means."""
    prepared = labelled([normals, normals])
    gammas = (0.01, 0.03, 0.05, 0.1, 0.2)
    counts = [len(split(RunSpec(normal_class=0, gamma=g), prepared).anomaly) for g in gammas]
    assert counts == expected


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_counts_of_every_benchmark_class(dataset):
    """For each class the largest a with a / (n + a) <= gamma, in integers."""
    facts = DATASETS[dataset]
    for normal_class, n in enumerate(facts.train_counts):
        for percent in (1, 3, 5, 10, 20):
            a = anomaly_count(percent / 100, n)
            assert a * 100 <= percent * (n + a)
            assert (a + 1) * 100 > percent * (n + a + 1)
            check_counts(RunSpec(dataset=dataset, normal_class=normal_class, gamma=percent / 100))


def test_draws_are_nested_in_gamma():
    draws = [split(RunSpec(normal_class=3, gamma=g)).anomaly.tolist() for g in (0.01, 0.05, 0.2, 0.5)]
    for small, large in itertools.pairwise(draws):
        assert 0 < len(small) < len(large)
        assert large[: len(small)] == small


def test_the_draw_depends_on_seed_class_and_known_classes_only():
    spec = RunSpec(normal_class=3, gamma=0.2)
    base = split(spec).anomaly.tolist()
    for change in (
        {"backbone": "unetpp"},
        {"image_size": 64},
        {"batch_norm": "advprop_freeze"},
        {"lambda_adcon": 0.0},
        {"updates": 7},
        {"known_anomaly_classes": (0, 1, 2, 4, 5, 6, 7, 8, 9)},  # all others, as by default
    ):
        assert split(spec.replace(**change)).anomaly.tolist() == base, change
    for change in ({"seed": 1}, {"normal_class": 4}, {"known_anomaly_classes": (0, 1, 2, 4, 5, 6, 7, 8)}):
        assert split(spec.replace(**change)).anomaly.tolist()[:5] != base[:5], change


def test_the_draw_is_pinned():
    """Rows of different times and libraries are only comparable if this never changes."""
    assert split(RunSpec(normal_class=3, gamma=0.05), labelled([100] * 10)).anomaly.tolist() == [658, 158, 35, 847, 899]


@pytest.mark.slow
def test_another_process_draws_the_same():
    code = (
        "import json; from tests.agad.data.test_split import split; from agad.spec.run import RunSpec;"
        "print(json.dumps(split(RunSpec(normal_class=3, gamma=.2, known_anomaly_draw=2)).anomaly.tolist()))"
    )
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(there.stdout) == split(RunSpec(normal_class=3, gamma=0.2, known_anomaly_draw=2)).anomaly.tolist()


@pytest.mark.slow
def test_every_image_of_the_pool_is_equally_likely():
    """Uniform over images, not over classes: a class nine times as large gives nine times as many anomalies."""
    prepared = labelled([1000, 100, 900])
    drawn = [split(RunSpec(normal_class=0, gamma=0.05, seed=seed), prepared).anomaly for seed in range(200)]
    small = np.mean(np.concatenate(drawn) < 1100)
    assert len(np.concatenate(drawn)) == 200 * 52
    assert abs(small - 0.1) < 4 * np.sqrt(0.1 * 0.9 / (200 * 52))


def test_known_classes_are_the_only_ones_drawn_from():
    result = split(RunSpec(normal_class=3, gamma=0.2, known_anomaly_classes=(7, 1)))
    assert set(DIGITS.train_labels[result.anomaly]) == {1, 7}
    assert result.drawn_anomaly_classes == (1, 7)


def test_k_classes_are_drawn_afresh_for_each_seed():
    spec = RunSpec(normal_class=3, gamma=0.2, known_anomaly_draw=2)
    draws = [split(spec.replace(seed=seed)).drawn_anomaly_classes for seed in range(60)]
    assert {len(set(d)) for d in draws} == {2}
    assert set().union(*draws) == set(range(10)) - {3}
    assert split(spec.replace(gamma=0.05)).drawn_anomaly_classes == draws[0]
    assert set(DIGITS.train_labels[split(spec).anomaly]) == set(draws[0])


@pytest.mark.parametrize(
    ("spec", "train_counts", "message"),
    [
        (RunSpec(normal_class=0, gamma=0.5), [10, 4, 5], "asks for 10 anomalies; class 1, 2 has 9 training images"),
        (RunSpec(normal_class=0, gamma=0.01), [50, 50], "gives no anomaly at all"),
        (RunSpec(normal_class=5), [3, 3, 3], r"class 5 does not exist in digits; the classes are 0\.\.2"),
        (RunSpec(normal_class=0, gamma=0.5, known_anomaly_classes=(7,)), [3, 3], "class 7 does not exist"),
        (RunSpec(normal_class=1), [3, 0, 3], "no training image of the normal class 1"),
        (RunSpec(normal_class=0, gamma=0.2, known_anomaly_draw=4), [9, 9, 9], "more than the 2 classes to draw from"),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(spec, train_counts, message):
    with pytest.raises(SpecError, match=message) as caught:
        split(spec, labelled(train_counts))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("test_counts", "missing"), [([0, 4], "normal"), ([4, 0], "anomalous")])
def test_a_test_set_of_one_kind_is_refused(test_counts, missing):
    with pytest.raises(SpecError, match=f"no {missing} image"):
        split(RunSpec(normal_class=0), labelled([5, 5], test_counts))
