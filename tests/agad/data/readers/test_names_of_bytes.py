"""Names of folders and files that are no UTF-8, as on disks of older systems."""

from __future__ import annotations

import os

import pytest

from agad.data.find import find_source
from agad.data.prepared import open_prepared
from agad.detector.source import dataset_at
from agad.errors import DataError
from tests.helpers.opening import refuse
from tests.helpers.raw_data import fill

BAD = os.fsdecode(b"schlecht\xe4")
MESSAGE = r"^the name of the class folder schlecht\\xe4 is not UTF-8: rename the folder$"


@pytest.mark.parametrize("parts", [[""], ["train", "test"]])
def test_a_class_is_refused_when_its_folder_is_found(places, parts):
    """No row can hold its name, and a row is written after the training."""
    top = places["data_root"] / "own"
    for part in parts:
        fill(top / part / "good", 4, 0)
    fill(top / parts[-1] / BAD, 4, 100)

    refuse("folder:own", places, MESSAGE)
    with pytest.raises(DataError, match=MESSAGE):
        dataset_at(top)


def test_a_folder_of_normals_alone_is_refused(places):
    fill(places["data_root"] / "own" / BAD, 4, 0)

    with pytest.raises(DataError, match=MESSAGE):
        find_source("normals:own", places["data_root"])


def test_names_of_files_are_taken(places):
    """They stand in notes, which rows hold."""
    top = places["data_root"] / "own"
    for number, name in enumerate(("good", "bad")):
        fill(top / name, 4, 100 * number)
    (top / "good" / os.fsdecode(b"a\xe4.png")).write_bytes(b"")
    (top / "good" / os.fsdecode(b"a.t\xe4t")).touch()
    notes = open_prepared("folder:own", 32, **places).notes

    assert r"1 files that are no images are ignored (1 .t\udce4t)" in notes
    assert all(note.isprintable() for note in notes)
