"""Images that were scaled for something else than 8 bits, and test sets of repeated images, are noted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from agad.data.checks.levels import Levels, note_on_levels
from agad.data.prepared import open_facts
from tests.helpers.opening import write_npz

FEW = "FEW LEVELS: training images use the levels 0 to {0} of 0 to 255, test images 0 to {0}; if 255 is not"
OTHER = "SCALED OTHERWISE: training images of class {} use the levels 0 to {} of 0 to 255, test images 0 to {}; scale"


def notes(places, train=255, test=255, copies=1):
    """Those of random images of so many levels, whose test images are there so often."""
    path = places["data_root"] / "own.npz"
    arrays = write_npz(path, train=40, test=40, size=16)
    for part, high in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = (arrays[f"{part}_images"] * ((high + 0.99) / 256)).astype(np.uint8)
        arrays[f"{part}_images"][0, 0, 0] = high
    arrays["test_images"] = arrays["test_images"][np.arange(40) // (2 * copies) * (2 * copies) + np.arange(40) % 2]
    np.savez(path, **arrays)
    return open_facts("npz:own", 8, **places).notes


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (1, 1, FEW.format(1)),
        (15, 15, FEW.format(15)),
        (100, 100, FEW.format(100)),
        (255, 1, OTHER.format("0", 255, 1)),
        (15, 255, OTHER.format("0", 15, 255)),
    ],
)
def test_few_levels_and_other_ones_in_one_part_are_noted(train, test, said, places):
    """Pixels of 0 and 1 are black, and nothing but the AUROC showed it."""
    (note,) = notes(places, train, test)
    assert note.startswith(said)


@pytest.mark.parametrize(("train", "test"), [(255, 255), (180, 255), (140, 200)])
def test_of_most_levels_nothing_is_said(train, test, places):
    assert notes(places, train, test) == ()


def test_a_test_set_of_few_different_images_is_noted(places):
    (note,) = notes(places, copies=10)
    assert note.startswith("36 of 40 test images repeat another, pixel for pixel: 4 are different")


def levels(low: int, high: int, count: int = 10) -> Levels:
    return Levels(low, high, count)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ({0: levels(93, 205)}, {0: levels(95, 203), 1: levels(0, 250)}, None),
        ({0: levels(93, 205, 90), 1: levels(93, 180, 2)}, {0: levels(95, 203), 1: levels(0, 250, 50)}, None),
        ({0: levels(93, 205)}, {1: levels(0, 250)}, None),
        ({0: levels(0, 205)}, {1: levels(0, 1)}, "SCALED OTHERWISE: training images use the levels 0 to 205 of"),
        ({0: levels(0, 1)}, {0: levels(0, 240), 1: levels(0, 1)}, "SCALED OTHERWISE: training images of class good"),
        ({0: levels(0, 200)}, {0: levels(0, 1), 1: levels(0, 240)}, "SCALED OTHERWISE: training images of class good"),
        ({0: levels(0, 255, 500)}, {0: levels(90, 200, 1), 1: levels(0, 255, 300)}, None),
        ({0: levels(90, 200, 1), 1: levels(0, 255, 500)}, {0: levels(0, 255, 500)}, None),
        ({0: levels(0, 255, 500)}, {0: levels(90, 200, 4)}, None),
        ({0: levels(0, 255, 500)}, {0: levels(90, 200, 5)}, "SCALED OTHERWISE: training images of class good"),
        (
            {0: levels(0, 15)},
            {0: levels(0, 15), 1: levels(0, 14)},
            "FEW LEVELS: training images use the levels 0 to 15",
        ),
    ],
)
def test_the_levels_of_anomalies_are_no_sign_of_another_scale(train, test, said):
    """Dark and bright defects of things that are grey; the images of one class in both parts are compared."""
    note = note_on_levels(train, test, ("good", "spot"))
    assert note is None if said is None else note is not None and note.startswith(said)


def test_a_folder_whose_defects_are_dark_and_bright_has_no_note(places):
    """Where the same class differs there is one."""

    def fill(folder: str, count: int, low: int, high: int) -> None:
        (places["data_root"] / "own" / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.random.default_rng([number, *folder.encode()]).integers(low, high, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(places["data_root"] / "own" / folder / f"{number}.png")

    fill("train/good", 20, 93, 206)
    fill("test/good", 8, 93, 206)
    fill("test/spot", 8, 0, 251)
    assert open_facts("folder:own", 8, **places).notes == ()
    fill("test/good", 8, 0, 251)
    (note,) = open_facts("folder:own", 8, **places).notes
    assert note.startswith("SCALED OTHERWISE: training images of class good use the levels 93 to 205 of 0 to 255")
