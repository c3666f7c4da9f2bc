"""What is scored: one number for each image that a user means, or one clear line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from agad.detector.inputs import each_pixels
from agad.errors import DataError, SpecError
from tests.helpers.own_detectors import SIZE, detector, noise


def test_a_tensor_is_an_array_and_a_column_is_its_paths(tmp_path) -> None:
    Image.fromarray(noise(1)[0]).save(tmp_path / "a.png")
    column = pd.Series([str(tmp_path / "a.png")] * 2)

    for images, count in ((torch.from_numpy(noise(1)), 1), (torch.from_numpy(noise(1)[0]), 1), (column, 2)):
        found = list(each_pixels(images))
        assert len(found) == count
        assert all(np.array_equal(one, noise(1)[0]) for one in found)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_an_image_with_channels_is_not_many_narrow_ones(channels: int) -> None:
    """As of a PNG with transparency, of which the first of H scores would be that of its first line."""
    with pytest.raises(DataError, match=rf"has {channels} channels"):
        list(each_pixels(np.zeros((SIZE, SIZE, channels), np.uint8)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ma.array(noise(1)[0], mask=noise(1)[0] > 9), "have a mask"),
        (torch.zeros(SIZE, SIZE), "are float32"),
        (torch.zeros(3, dtype=torch.uint8), "no image"),
        (b"a.png", "no image"),
    ],
)
def test_what_is_no_image_is_one_line(images: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(each_pixels(images))


@pytest.mark.parametrize("smoothing", [-1.0, float("nan"), float("inf"), 1e9])
def test_a_smoothing_that_is_none_is_refused(smoothing: float) -> None:
    with pytest.raises(SpecError, match="no number of pixels"):
        detector().heatmap(noise(1), smoothing=smoothing)
