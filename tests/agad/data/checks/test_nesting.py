"""Trees whose class folders are no classes, and such as only look so."""

from __future__ import annotations

import pytest

from agad.data.prepared import open_facts
from tests.helpers.opening import refuse
from tests.helpers.raw_data import fill


def made(places, folders):
    for number, folder in enumerate(folders):
        fill(places["data_root"] / "own" / folder, 3, 10 * number)


SAME = r"own/.* hold folders of the same names \({}\): if these are the classes, call the folders above them train"


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["split1/a", "split1/b", "split2/a", "split2/b"], SAME.format("a, b")),
        (["query/a", "query/b", "gallery/a", "gallery/b", "docs"], SAME.format("a, b")),
        (["cam1/good", "cam1/bad", "cam2/good", "cam2/bad"], SAME.format("bad, good")),
        (["cam1/good", "cam1/dent", "cam2/good", "cam2/hole"], SAME.format("good")),
        (["cam1/images/a", "cam1/images/b", "cam2/images/a", "cam2/images/b"], SAME.format("a, b")),
        (["cam1/x/a", "cam1/x/b", "cam2/x/a", "cam2/x/b"], SAME.format("a, b")),
        (["a/train", "b/train"], SAME.format("train")),
        (["train/c1/a", "train/c1/b", "train/c2/a", "train/c2/b", "test/c1", "test/c2"], SAME.format("a, b")),
        (["a/train", "a/val", "b/train", "b/val"], "own/a has folders train and val; a split comes first"),
        (["a/Tr", "a/Ts", "b/Tr", "b/Ts"], "own/a has folders Tr and Ts; a split comes first"),
        (["w/train/a", "w/train/b", "w/val/a", "w/val/b", "docs"], "own/w has folders train and val; a split"),
        (["train/train/a", "train/train/b", "test/test/a", "test/test/b"], "train/train is called like a part of a"),
        (["train/train", "test/test"], "train/train is called like a part of a split, inside of one: move what is in"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_what_are_no_classes_is_refused(folders, said, places):
    """Its parts, cameras or folds would be compared as classes."""
    made(places, folders)
    refuse("folder:own", places, said)


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["a/monday", "a/tuesday", "b/monday", "b/friday"], ("a", "b")),
        (["a/p1", "a/p2", "b/p3", "b/p4"], ("a", "b")),
        (["a", "b/dent", "b/hole"], ("a", "b")),
        (["a/images", "a/masks", "b/images", "b/masks"], ("a", "b")),
        (["train/bus", "train/train", "test/bus", "test/train"], ("bus", "train")),
        (["de", "fr", "te", "tr"], ("de", "fr", "te", "tr")),
        (["train/a", "train/b", "test/a", "test/b", "masks/train", "masks/test"], ("a", "b")),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_what_are_classes_is_taken(folders, classes, places):
    made(places, folders)
    assert open_facts("folder:own", 16, **places).class_names == classes
