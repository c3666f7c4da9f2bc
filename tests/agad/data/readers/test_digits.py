"""digits, from scikit-learn to the split."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from agad.data.image import fit
from agad.data.prepared import open_prepared
from agad.data.split import one_class_split
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_prepared("digits", 32, cache=tmp_path_factory.mktemp("digits"))


@pytest.mark.slow
def test_digits_have_the_counts_that_plans_rely_on(digits):
    assert digits.train_counts == DATASETS["digits"].train_counts
    assert sum(digits.train_counts) + sum(digits.test_counts) == 1797
    assert digits.channels == 1
    assert digits.train_images.shape == (1442, 1, 32, 32)
    assert digits.test_images.shape == (355, 1, 32, 32)
    assert digits.train_images.dtype == digits.test_images.dtype == torch.uint8
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64


def test_of_each_digit_every_fifth_is_a_test_image(digits):
    raw = load_digits()
    for label in range(10):
        images = np.rint(raw.images[raw.target == label] * 255 / 16).astype(np.uint8)
        expected = [fit(image, 32, 1) for image in images[4::5]]
        assert np.array_equal(digits.test_images[digits.test_labels == label].numpy(), expected)
        kept = [fit(image, 32, 1) for index, image in enumerate(images) if index % 5 != 4]
        assert np.array_equal(digits.train_images[digits.train_labels == label].numpy(), kept)


def test_digits_never_change_silently(digits):
    """Pinned over Pillow and scikit-learn of any version: rows of different times are compared by this digest."""
    assert digits.digest == "a547ddfb94b34c4ca1553fee2831c3f3cc2b1a8674df423fd5f7ddd7e6fcf340"


def test_digits_can_be_split(digits):
    split = one_class_split(digits, RunSpec(normal_class=0, gamma=0.2))
    assert len(split.normal) == 143
    assert len(split.anomaly) == 35
    assert (split.test_label == 0).sum() == 35


def test_no_digit_is_both_trained_and_tested_on(digits):
    train = {image.tobytes() for image in digits.train_images.numpy()}
    assert not any(image.tobytes() in train for image in digits.test_images.numpy())
    assert digits.duplicates == {"test_in_train": 0, "within_train": 0, "within_test": 0, "across_classes": 0}
