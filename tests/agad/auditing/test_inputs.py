"""The test set of an audit: its order, and its images among those for training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agad import audit
from agad.auditing.inputs import TestSet, is_ordered, leaked, training_findings
from agad.auditing.result import FINE, UNKNOWN, WARNING, WRONG
from tests.helpers.detectors import LABELS, brightness, images


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_leaked_images_are_those_with_the_pixels_of_one_for_training(test: list[int], train: list[int]):
    found = leaked(*(torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2) for values in (test, train)))

    assert found.tolist() == [value in train for value in test]


@pytest.mark.parametrize(("count", "severity"), [(0, FINE), (1, WARNING), (20, WRONG)])
def test_test_images_in_training_are_counted_by_label_and_by_what_the_auroc_is_without_them(count, severity):
    test = images(200)
    train = torch.cat([images(30) + 9, test[:count]])
    found = audit(brightness, test, np.repeat([0, 1], 100), train_images=train, shuffles=1)
    finding = found.finding("test_in_training")

    assert finding.severity == severity
    if count:
        assert f"{count} of 200 test images are training images, pixel for pixel: {count} normal, 0" in finding.sentence
        assert "Without them the AUROC is" in finding.sentence


@pytest.mark.parametrize("train", [images(20).double(), images(20)[:, :, :2], ["a"] * 20])
def test_images_of_another_kind_are_not_compared(train):
    assert training_findings(TestSet.of(images(), LABELS), train)[1].severity == UNKNOWN


def test_a_set_ordered_by_label_is_told_from_a_shuffled_one():
    shuffled = np.random.default_rng(0).permutation(LABELS)

    assert is_ordered(LABELS)
    assert is_ordered(np.tile(np.repeat([0, 1], 100), 3))
    assert not is_ordered(shuffled)
    assert not is_ordered(np.array([0, 0, 1, 1]))  # of so few images nothing can be told
