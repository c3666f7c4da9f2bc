"""What is said of scored images in Python: what `agad score` notes, once a call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from agad.data.image import Seen
from agad.detector import ImageWarning
from agad.detector.content import save_content
from agad.detector.detector import load_detector
from agad.detector.files import notes_on, scored
from tests.helpers.own_detectors import SIZE, detector, noise

DEEP = noise(1)[0].astype(np.uint16) * 16
"""12 bits of 16."""
COLOUR = np.random.default_rng(1).integers(0, 256, (2 * SIZE, 3 * SIZE, 3), dtype=np.uint8)


def said(ask: Callable[..., Any], images: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ask(images)
    assert all(warning.category is ImageWarning and warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


def save(folder: Path) -> list[str]:
    """Files of all kinds of which the command notes something."""
    pages = [Image.fromarray(image) for image in noise(2)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    for name, image in (("a", DEEP), ("b", DEEP // 2), ("colour", COLOUR), ("tiny", noise(1, 4)[0])):
        Image.fromarray(image).save(folder / f"{name}.png")
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.mark.slow
@pytest.mark.parametrize("ask", ["score", "heatmap"])
def test_files_have_the_notes_of_the_command_once_each(ask: str, tmp_path: Path) -> None:
    """Nothing was said: of 16 bits with 12 the upper 8 leave 16 levels, and of two pages one is scored."""
    one, files, seen = detector(), save(tmp_path), Seen()
    rows = list(scored(one, files, 0.0, seen=seen))
    expected = [*seen.notes(), *notes_on(one, rows)]

    assert [note.split()[0] for note in expected] == ["1", "images", "1", "1", "2"]
    assert said(getattr(one, ask), files) == expected
    assert said(getattr(one, ask), files[:0]) == []


def test_images_of_pillow_s_and_arrays_have_them_too(tmp_path: Path) -> None:
    one = detector()
    save(tmp_path)
    (of_levels,) = said(one.score, Image.fromarray(DEEP // 16))
    assert "leaves 1 of 256" in of_levels
    (of_colour, of_shape) = said(one.score, COLOUR)
    assert "in colour" in of_colour
    assert "width:height" in of_shape
    with Image.open(tmp_path / "pages.tif") as pages:
        assert said(one.score, pages) == [
            "1 images of Pillow's stand at the first of several frames or pages, which alone is used"
        ]
        each = ImageSequence.all_frames(pages)
    assert said(one.score, each) == [], "whoever takes them apart knows of them"


@pytest.mark.slow
def test_images_like_those_of_training_have_none(tmp_path: Path) -> None:
    """Loading a detector scores images of its own, of which nothing is said either."""
    one = detector("knn", "RGB")
    save_content(tmp_path / "one.agad", one.content)
    with warnings.catch_warnings(action="error"):
        load_detector(tmp_path / "one.agad").score(np.zeros((SIZE, SIZE, 3), np.uint8))
        detector().score(noise(3))
