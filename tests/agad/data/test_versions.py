"""Prepared data of other code, beside the raw files or without them."""

from __future__ import annotations

import json
import os

import pytest

from agad.data import prepared
from agad.data.find import code_of
from agad.data.prepared import open_facts
from agad.data.readers import folder as reader
from tests.helpers.raw_data import fill


@pytest.fixture
def parts(places):
    """Two classes."""
    for number, name in enumerate(("bad", "good")):
        fill(places["data_root"] / "parts" / name, 5, 20 * number)
    return places["data_root"] / "parts"


@pytest.fixture
def other_code(monkeypatch):
    """What is prepared now is of other code; a call gives back that of today."""
    monkeypatch.setattr(prepared, "code_of", lambda _: "other")
    return monkeypatch.undo


def test_data_of_other_code_are_prepared_again_with_the_same_digest(places, parts, other_code):
    """They may have other notes and classes; of two preparations that of today serves where the files are gone."""
    before = open_facts("folder:parts", 16, **places)
    other_code()
    after = open_facts("folder:parts", 16, **places)
    assert after.folder != before.folder
    assert after.digest == before.digest
    parts.rename(parts.with_name("gone"))
    assert open_facts("folder:parts", 16, **places).folder == after.folder


def test_a_folder_of_other_code_serves_alone_and_is_said_to_be_one(places, parts, other_code):
    open_facts("folder:parts", 16, **places)
    other_code()
    parts.rename(parts.with_name("gone"))
    assert "other code prepared them" in open_facts("folder:parts", 16, **places).served[1]


def test_of_several_with_the_same_arrays_the_newest_serves(places, parts, monkeypatch):
    """Two versions of code that prepare the same: no user has to delete one of them."""
    made = []
    for code in ("b", "a"):
        monkeypatch.setattr(prepared, "code_of", lambda _, code=code: code)
        made.append(open_facts("folder:parts", 16, **places).folder)
    monkeypatch.undo()
    parts.rename(parts.with_name("gone"))
    for number, folder in enumerate(made):
        os.utime(folder / "meta.json", (number, number))
    assert open_facts("folder:parts", 16, **places).folder == made[1]


def test_other_rules_for_classes_make_other_data_of_the_same_files(places, parts, monkeypatch):
    """`imagesTr` and `imagesTs` were classes, and were served as such from the cache."""
    for split in ("imagesTr", "imagesTs"):
        for number, name in enumerate(("a", "b")):
            fill(places["data_root"] / "scans" / split / name, 3, 10 * number + len(split) + ord(split[-1]))
    monkeypatch.setattr(reader, "split_parts", lambda _: {})
    before = open_facts("folder:scans", 16, **places)
    assert before.class_names == ("imagesTr", "imagesTs")
    monkeypatch.undo()
    assert open_facts("folder:scans", 16, **places).class_names == ("a", "b")


def test_the_code_is_in_the_description(places, parts):
    meta = json.loads((open_facts("folder:parts", 16, **places).folder / "meta.json").read_text())
    assert meta["code"] == code_of("folder:parts") != code_of("npz:parts")
