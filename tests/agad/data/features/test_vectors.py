"""Vectors by pixels: each image's own, whatever it comes with, and none for an image that is none of the data set's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agad.data.features.attach import with_features
from agad.data.features.vectors import Vectors, rows_by_pixels
from agad.errors import DataError
from agad.tensors.pool import ImagePool
from tests.helpers.features import LENGTH, projected, write_features
from tests.helpers.science import CPU, made_up, small

DATA = made_up(size=16, channels=3)
SPEC = small(method="knn", updates=0, gamma=0, batch_size=256, min_anomalies=32, features="file:own")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    root = tmp_path_factory.mktemp("data")
    write_features(root, DATA)
    vectors = with_features(DATA, SPEC, root).vectors
    assert vectors is not None
    return vectors


@pytest.mark.slow
@given(chosen=st.lists(st.integers(0, 59), min_size=1, max_size=20), precision=st.sampled_from(["fp32", "bf16"]))
def test_an_image_s_vector_is_its_own_in_any_batch(found: Vectors, chosen: list[int], precision: str) -> None:
    """In any order, subset and repetition, and in the layout of either precision."""
    pool = ImagePool(DATA.train_images, np.array(chosen), CPU, precision)
    vectors = found.of(pool.take(torch.arange(len(chosen))))

    assert vectors.shape == (len(chosen), LENGTH)
    np.testing.assert_array_equal(vectors, projected(DATA.train_images)[chosen])


def test_every_value_of_a_pixel_is_found_again() -> None:
    """Vectors see [-1, 1] and know images by their 256 values."""
    images = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    rows = torch.arange(256.0)[:, None]
    vectors = Vectors("file:own", Path(), rows, rows_by_pixels(Path(), images.numpy(), rows, ""), "")

    assert vectors.of(ImagePool(images, np.arange(256), CPU).take(torch.arange(256))).flatten().tolist() == [
        *range(256)
    ]


def test_an_image_that_is_none_of_the_data_set_s_has_no_vector(found: Vectors) -> None:
    strange = made_up(size=16, channels=3).train_images[:1].clone()
    strange[0, 0, 0, 0] ^= 1
    with pytest.raises(DataError, match=r"own\.npz has no vector of an image: it is none of the data set's$"):
        found.of(strange / 127.5 - 1)


@pytest.mark.parametrize(("apart", "is_refused"), [(0.0, False), (0.004, False), (0.02, True), (2.0, True)])
def test_equal_images_have_equal_vectors_within_rounding(apart: float, is_refused: bool) -> None:
    """The first one's counts. A hundredth of its length is more than any rounding."""
    images = np.array([3, 5, 3], np.uint8).reshape(3, 1, 1, 1)
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, apart]])
    if is_refused:
        with pytest.raises(
            DataError, match=r"a\.npz: 1 images have the pixels of another and a different .*; do this$"
        ):
            rows_by_pixels(Path("a.npz"), images, rows, "do this")
    else:
        assert list(rows_by_pixels(Path("a.npz"), images, rows, "").values()) == [0, 1]


def test_vectors_that_are_all_zero_are_equal() -> None:
    assert list(rows_by_pixels(Path(), np.zeros((2, 1, 1, 1), np.uint8), torch.zeros(2, 3), "").values()) == [0]
