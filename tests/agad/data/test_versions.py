"""Prepared data of an older version, beside the raw files or without them."""

from __future__ import annotations

import json

import pytest

from agad.data import cache
from agad.data.prepared import open_facts
from agad.data.readers import folder as reader
from tests.helpers.raw_data import fill


@pytest.fixture
def parts(places):
    """Two classes."""
    for number, name in enumerate(("bad", "good")):
        fill(places["data_root"] / "parts" / name, 5, 20 * number)
    return places["data_root"] / "parts"


def test_data_of_older_checks_are_prepared_anew_with_the_same_digest(places, parts, monkeypatch):
    """They have no notes of what is checked since; of two preparations the newer serves where the files are gone."""
    monkeypatch.setattr(cache, "CHECKS_VERSION", 0)
    before = open_facts("folder:parts", 16, **places)
    monkeypatch.undo()
    after = open_facts("folder:parts", 16, **places)
    assert after.folder != before.folder
    assert after.digest == before.digest
    parts.rename(parts.with_name("gone"))
    assert open_facts("folder:parts", 16, **places).folder == after.folder


def test_an_older_folder_serves_alone_and_is_said_to_be_one(places, parts, monkeypatch):
    monkeypatch.setattr(cache, "CHECKS_VERSION", 0)
    open_facts("folder:parts", 16, **places)
    monkeypatch.undo()
    parts.rename(parts.with_name("gone"))
    assert "an older version prepared it" in open_facts("folder:parts", 16, **places).served[1]


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


def test_the_version_is_in_the_description(places, parts):
    meta = json.loads((open_facts("folder:parts", 16, **places).folder / "meta.json").read_text())
    assert meta["checks_version"] == cache.CHECKS_VERSION
