"""Overlays: clear where there is no error, one scale of colours for all images."""

from __future__ import annotations

import numpy as np
import pytest

from agad.detector.pictures.heatmap import LONGEST, overlay, shown, smoothed
from tests.helpers.own_detectors import noise


def test_without_an_error_the_overlay_is_the_image() -> None:
    image = noise(1, 200)[0]

    assert np.array_equal(np.asarray(overlay(image, np.zeros((16, 16), np.float32), 1.0).convert("L")), image)


def test_colours_go_from_yellow_to_red_at_the_scale() -> None:
    heat = np.repeat(np.array([[0.0, 0.5, 1.0, 9.0]], np.float32), 4, axis=0)
    row = np.asarray(overlay(np.zeros((400, 400), np.uint8), heat, 1.0))[200]
    clear, yellow, red, above = (row[place].tolist() for place in (10, 150, 250, 390))

    assert clear == [0, 0, 0]
    assert yellow[0] > 100
    assert yellow[1] > 100
    assert red[0] > 180
    assert red[1] < 30
    assert above == pytest.approx(red, abs=30)


def test_a_flat_map_stays_as_it_is_when_smoothed() -> None:
    flat = np.full((2, 8, 8), 0.3, np.float32)

    assert smoothed(flat, 2) == pytest.approx(flat)


@pytest.mark.parametrize(("shape", "size"), [((2000, 1000), (256, 512)), ((4, 8), (128, 64)), ((1, 5000), (512, 1))])
def test_images_are_shown_at_a_size_for_people(shape: tuple[int, int], size: tuple[int, int]) -> None:
    assert shown(np.zeros(shape, np.uint8)).size == size
    assert max(size) <= LONGEST
