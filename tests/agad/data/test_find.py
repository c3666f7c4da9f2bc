"""Data sets by name: downloads, and names that no reader serves."""

from __future__ import annotations

import importlib
import inspect
import urllib.error

import pytest
import torchvision

from agad.data.prepared import open_prepared
from agad.errors import DataError
from agad.spec.datasets import DATASETS, PREFIXES
from tests.conftest import ROOT
from tests.helpers.opening import refuse
from tests.helpers.raw_data import (
    write_idx,
)


def test_nothing_is_downloaded_unasked(places, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "MNIST", None)
    refuse("mnist", places, "mnist is not there")


def test_a_download_is_torchvisions(places, monkeypatch):
    asked = []

    def download(root, **options):
        asked.append((root, options))
        write_idx(root)

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    assert len(open_prepared("mnist", 32, download=True, **places).train_labels) == 20
    assert len(open_prepared("mnist", 32, download=True, **places).train_labels) == 20
    assert asked == [(places["data_root"], {"download": True})]


def test_a_download_that_fails_is_one_line(places, monkeypatch):
    def download(root, **options):
        raise urllib.error.URLError("no\nnetwork")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", download)
    with pytest.raises(DataError, match=r"cifar100 could not be downloaded to .*no network") as caught:
        open_prepared("cifar100", 32, download=True, **places)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_refused_with_the_legal_ones(places):
    with pytest.raises(DataError, match=r"unknown dataset 'mnits'; choose from: digits, .*npz:NAME, folder:NAME"):
        open_prepared("mnits", 32, **places)
    with pytest.raises(DataError, match="unknown dataset"):
        open_prepared("npz:../some", 32, **places)


def test_every_reader_serves_data_sets_and_can_find_them():
    stems = {path.stem for path in (ROOT / "agad" / "data" / "readers").glob("[!_]*.py")}
    assert {facts.reader for facts in (*DATASETS.values(), *PREFIXES.values())} == stems
    for stem in stems:
        finder = importlib.import_module(f"agad.data.readers.{stem}").find
        assert len(inspect.signature(finder).parameters) == 2
