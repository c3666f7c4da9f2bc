"""Facts of data sets: collected from the readers' files, in one order, without importing them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from agad.errors import SpecError
from agad.spec import datasets
from tests.conftest import ROOT

_ENTRY = {"title": "A", "class_names": ["x", "y"], "train_counts": None, "channels": 1, "layout": "a.npz"}


def test_lists_have_one_order():
    names = "digits, mnist, fashion_mnist, cifar10, cifar100, alzheimer, chest_xray, lung_histopathology, retinal_oct"
    assert datasets.legal_names() == f"{names}, npz:NAME, folder:NAME, normals:NAME"


def test_every_data_set_has_a_name_and_a_count_for_each_class():
    for facts in datasets.DATASETS.values():
        assert facts.train_counts is not None
        assert len(facts.class_names) == len(facts.train_counts) > 1
        assert facts.channels in {1, 3}


def test_the_documentation_lists_every_data_set_and_every_key():
    text = (ROOT / "docs" / "data.md").read_text()
    keys = {field.name for field in dataclasses.fields(datasets.DatasetFacts)} - {"reader"}
    names = (*datasets.DATASETS, *(f"{prefix}NAME" for prefix in datasets.PREFIXES))
    assert [name for name in (*names, *keys) if f"\n| `{name}` |" not in text] == []


@pytest.mark.parametrize("name", ["npz:own", "folder:own-1.0", "normals:own"])
def test_names_of_the_user_s_own_data_sets(name):
    facts = datasets.facts_of(name)
    assert isinstance(facts, datasets.PrefixFacts)
    assert facts.reader == name.partition(":")[0]
    assert datasets.title(name) == name


@pytest.mark.parametrize("name", ["", "mnits", "npz", "npz:", "npz:../own", "folder:a/b", "other:own", "mnist:own"])
def test_other_names_are_not_known(name):
    assert not datasets.is_known(name)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"one": {"a": _ENTRY}, "two": {"a": _ENTRY}}, r"two\.py: DATASETS\['a'\] is .*in one\.py"),
        ({"one": {"a": {"title": "A"}}}, r"one\.py: DATASETS\['a'\] lacks class_names, train_counts, channels, layout"),
        ({"one": {"a": {**_ENTRY, "colour": 1}}}, r"one\.py: DATASETS\['a'\] has no entry 'colour'"),
        ({"one": {"a": {**_ENTRY, "channels": "1"}}}, r"one\.py: DATASETS\['a'\]: channels='1' is not of type int"),
        (
            {"one": {"a": {**_ENTRY, "train_counts": [1]}}},
            r"one\.py: .*: 1 train_counts for 2 class_names",
        ),
    ],
    ids=["twice", "incomplete", "unknown key", "wrong type", "counts of other classes"],
)
def test_a_reader_s_mistake_is_named_in_one_line(files, message, tmp_path, monkeypatch):
    for name, literal in files.items():
        (tmp_path / f"{name}.py").write_text(f"DATASETS = {literal}\n")
    monkeypatch.setattr(datasets, "_READERS", tmp_path)
    with pytest.raises(SpecError, match=message) as caught:
        len(datasets._Declared("DATASETS", datasets.DatasetFacts))
    assert "\n" not in str(caught.value)


def test_a_new_data_set_comes_last_and_by_name(tmp_path, monkeypatch):
    entries = {"b": _ENTRY, "a": _ENTRY, "z": {**_ENTRY, "order": 5}}
    (tmp_path / "one.py").write_text(f"DATASETS = {entries}\n")
    monkeypatch.setattr(datasets, "_READERS", tmp_path)
    assert list(datasets._Declared("DATASETS", datasets.DatasetFacts)) == ["z", "a", "b"]


@pytest.mark.slow
def test_facts_and_counts_load_no_heavy_library():
    heavy = ("torch", "torchvision", "PIL", "sklearn", "agad.data.readers.idx")
    code = f"import sys, json, agad.spec.counts; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []
