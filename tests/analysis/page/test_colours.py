"""What the page and its figures are drawn in can be read by everybody: contrasts, and colours told apart."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from analysis.figures.drawing import COLOURS, FAINT, PAPER_COLOUR
from tests.conftest import ROOT

CSS = (ROOT / "analysis" / "page" / "page.css").read_text()
ROOTS = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
LIGHT, DARK, PRINT = (dict(re.findall(r"--(\w+): (#\w+)", block)) for block in ROOTS)
SCHEMES = {"light": LIGHT, "dark": DARK, "print": LIGHT | PRINT}


def linear(colour: str) -> np.ndarray:
    text = colour.lstrip("#")
    text = text if len(text) == 6 else "".join(2 * c for c in text)
    channels = np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG 2.1's ratio."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_a_contrast_of_at_least_4_5(scheme):
    colours = SCHEMES[scheme]
    for name in ("ink", "quiet", "paper", "gap", "link"):
        for ground in ("ground", "stripe"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_have_a_contrast_of_at_least_3(scheme):
    """One drawing serves light, dark and print: each of its colours must be seen on all of them."""
    colours = SCHEMES[scheme]
    for colour in (*COLOURS, FAINT, PAPER_COLOUR, colours["edge"], colours["ink"]):
        assert contrast(colour, colours["ground"]) >= 3, colour


RGB_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
VISIONS = {
    "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    "all cones": np.eye(3),
}
"""Viénot, Brettel and Mollon 1999."""


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ rgb / [0.9505, 1, 1.089], 1e-4, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_of_series_are_told_apart(vision):
    """A distance of 20 in CIELAB between any two; 10 is what neighbours in a legend need at the least."""
    seen = np.linalg.inv(RGB_TO_LMS) @ VISIONS[vision] @ RGB_TO_LMS
    places = [lab(np.clip(seen @ linear(colour), 0, 1)) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2)) > 20
