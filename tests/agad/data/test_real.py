"""The real data, where `$AGAD_DATA` names a folder that holds them: counts and pixels that are known of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from agad.data.find import find_source
from agad.data.prepared import open_prepared
from agad.data.source import SourceAbsentError
from agad.spec.datasets import DATASETS


@pytest.fixture
def prepare(tmp_path):
    """Prepares a data set from $AGAD_DATA, or skips with the reason."""

    def prepare_real(dataset, image_size):
        root = os.environ.get("AGAD_DATA")
        if not root:
            pytest.skip("$AGAD_DATA does not name a folder of real data")
        try:
            find_source(dataset, Path(root))
        except SourceAbsentError as error:
            pytest.skip(str(error))
        return open_prepared(dataset, image_size, data_root=root, cache=tmp_path)

    return prepare_real


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10", "cifar100", "alzheimer"])  # seconds each
def test_the_published_counts(dataset, prepare):
    prepared = prepare(dataset, 32)
    assert prepared.train_counts == DATASETS[dataset].train_counts
    assert prepared.channels == DATASETS[dataset].channels
    assert prepared.damaged == ()


@pytest.mark.parametrize(("dataset", "mean", "sd"), [("mnist", 0.1307, 0.3081), ("fashion_mnist", 0.28604, 0.35302)])
def test_the_pixels_are_the_published_ones(dataset, mean, sd, prepare):
    """At 28x28, where nothing is resized, mean and SD of the training pixels are those that everybody normalises by."""
    pixels = prepare(dataset, 28).train_images.numpy().astype(np.float64) / 255
    assert pixels.mean() == pytest.approx(mean, abs=5e-5)
    assert pixels.std() == pytest.approx(sd, abs=5e-5)


def test_alzheimer_s_test_counts_are_the_paper_s(prepare):
    assert prepare("alzheimer", 128).test_counts == (640, 448, 179, 12)
