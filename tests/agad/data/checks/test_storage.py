"""Classes that size and colours of their files tell are named; images of many sizes alone are no reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from agad.data.checks.storage import Shape, told_by_storage
from agad.data.prepared import open_prepared
from tests.helpers.raw_data import fill

NAMES = ("good", "bad", "worse")
GREY, COLOUR, LARGE = (20, 20), (20, 20, 3), (48, 32)


def counted(*classes: dict[Shape, int]) -> Counter[tuple[Shape, int]]:
    return Counter({(shape, label): count for label, of in enumerate(classes) for shape, count in of.items()})


@pytest.mark.parametrize(
    "classes",
    [
        ({GREY: 30}, {COLOUR: 10}),
        ({GREY: 30}, {LARGE: 2}),
        ({GREY: 27, COLOUR: 3}, {COLOUR: 10}),
        ({GREY: 30}, {GREY: 28, COLOUR: 2}, {COLOUR: 30}),
    ],
)
def test_a_class_that_is_stored_otherwise_is_named(classes: tuple[dict[Shape, int], ...]) -> None:
    note = told_by_storage(counted(*classes), NAMES[: len(classes)])

    assert note is not None
    assert note.startswith("STORED OTHERWISE: size and colours of the files alone tell class ")


def test_a_name_of_several_lines_makes_no_note_of_its_own() -> None:
    note = told_by_storage(counted({LARGE: 30}, {COLOUR: 10}), ("a\nnote: b", "bad"))

    assert note is not None
    assert "\n" not in note


def test_the_note_says_how() -> None:
    note = told_by_storage(counted({LARGE: 30}, {COLOUR: 9, GREY: 1}), NAMES[:2])

    assert note is not None
    assert note.split("; ")[0].endswith(
        "class good from the others with an AUROC of 1.00, and a detector may learn them"
    )
    assert note.endswith("most often it has 32x48 in grey (30 of 30), the others 20x20 in colour (9 of 10)")


def test_sizes_that_tell_nothing_are_no_reason() -> None:
    """One size; each image its own; sizes drawn alike for all classes, few or many."""
    draw = np.random.default_rng(0)
    own = [Counter({(100 + number, 50 + label): 1 for number in range(200)}) for label in range(2)]
    assert told_by_storage(counted({GREY: 30}, {GREY: 10}), NAMES[:2]) is None
    assert told_by_storage(counted(*own), NAMES[:2]) is None
    for sizes in (2, 10, 60):
        alike = [Counter((20, int(width)) for width in draw.integers(20, 20 + sizes, 80)) for _ in NAMES]
        assert told_by_storage(counted(*alike), NAMES) is None


def test_a_class_without_images_is_told_by_nothing() -> None:
    assert told_by_storage(counted({GREY: 3, COLOUR: 3}, {}), NAMES[:2]) is None


@pytest.mark.parametrize(("mode", "noted"), [("L", False), ("RGB", True)])
def test_a_folder_of_grey_normals_and_coloured_anomalies_is_noted(mode: str, noted: bool, tmp_path: Path) -> None:
    fill(tmp_path / "own" / "train" / "good", 6, 0)
    fill(tmp_path / "own" / "test" / "good", 3, 100)
    fill(tmp_path / "own" / "test" / "bad", 3, 200, mode)
    notes = open_prepared("folder:own", 16, data_root=tmp_path, cache=tmp_path / "cache").notes

    assert [note.startswith("STORED OTHERWISE") for note in notes if "STORED" in note] == [True] * noted
