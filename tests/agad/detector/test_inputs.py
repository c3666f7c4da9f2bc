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


@pytest.mark.parametrize("first", [2, 3, 4])
@pytest.mark.parametrize("how", [np.array, torch.tensor, lambda array: [array], lambda array: [torch.tensor(array)]])
def test_channels_first_are_not_grey_images_of_a_detector_in_colour(how, first: int) -> None:
    """As torchvision reads an image: it had a score for each channel."""
    array = np.zeros((first, SIZE, SIZE), np.uint8)
    for ask in (detector("knn", "RGB").score, detector("agad", "RGB").heatmap):
        with pytest.raises(DataError, match=rf"one image with channels first or {first} grey ones; give") as raised:
            ask(how(array))
        assert "\n" not in str(raised.value)
    assert len(detector("knn").score(how(array))) == first, "a grey detector takes no channels"


@pytest.mark.filterwarnings("ignore::agad.detector.ImageWarning")
@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((SIZE, SIZE), 1),
        ((SIZE, SIZE, 3), 1),
        ((3, SIZE, 3), 1),
        ((1, SIZE, SIZE), 1),
        ((5, SIZE, SIZE), 5),
        ((3, SIZE, SIZE, 1), 3),
        ((3, SIZE, SIZE, 3), 3),
    ],
)
def test_what_means_one_thing_only_is_taken_by_a_detector_in_colour(shape: tuple[int, ...], count: int) -> None:
    assert len(detector("knn", "RGB").score(np.zeros(shape, np.uint8))) == count


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ma.array(noise(1)[0], mask=noise(1)[0] > 9), "have a mask"),
        (torch.zeros(SIZE, SIZE), "are float32; give uint8, 0 to 255 .255 times as much where they go from 0 to 1"),
        (np.zeros((SIZE, SIZE), np.int16), "are int16; give uint8, 0 to 255 .of 16 bits the upper 8, x >> 8"),
        (np.zeros((SIZE, SIZE), np.uint16), "are uint16; .* astype alone keeps the lower 8"),
        (np.zeros((SIZE, SIZE), bool), "are bool; give uint8, 0 to 255: the detector"),
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
