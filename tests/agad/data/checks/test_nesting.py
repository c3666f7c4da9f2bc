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
        (["fold1/a", "fold1/b", "fold2/a", "fold2/c", "fold3/d", "fold3/e"], SAME.format("a")),
        (["a/train", "b/train"], SAME.format("train")),
        (["train/c1/ok", "train/c1/nok", "train/c2/ok", "train/c2/nok", "test/c1", "test/c2"], SAME.format("nok, ok")),
        (["color/healthy", "color/rust", "grey/healthy", "grey/rust"], SAME.format("healthy, rust")),
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
        (["site1/2020", "site2/2020", "site2/2021"], ("site1", "site2")),
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


CALLED = r"own/.* hold folders that are called as classes are \({}\): if these are the classes, call the folders above"


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["cam1/Good", "cam1/Bad", "cam2/good", "cam2/bad"], SAME.format("Bad, Good")),
        (["nut/OK", "nut/NG", "bolt/ok", "bolt/ng"], SAME.format("ng, ok")),
        (["split1/Caf\u00e9", "split1/B", "split2/cafe\u0301", "split2/b"], SAME.format("B, Caf\u00e9")),
        (["fold1/A", "fold1/b", "fold2/a", "fold2/c"], SAME.format("A")),
        (["cam1/x/Good", "cam1/x/bad", "cam2/X/good", "cam2/X/bad"], SAME.format("Good, bad")),
        (["nut/ok", "nut/ng", "bolt/good", "bolt/bad"], CALLED.format("bad, good; ng, ok")),
        (["nut/ok", "nut/NotOk", "bolt/good", "bolt/bad", "screw"], CALLED.format("bad, good; NotOk, ok")),
        (["nut/ok", "nut/dent", "bolt/Good", "bolt/hole"], CALLED.format("Good, hole; dent, ok")),
        (["nut/all/ok", "nut/all/ng", "bolt/x/good", "bolt/x/bad"], CALLED.format("bad, good; ng, ok")),
        (
            ["train/nut/ok", "train/nut/ng", "train/bolt/good", "train/bolt/bad", "test/nut", "test/bolt"],
            CALLED.format("bad, good; ng, ok"),
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_classes_inside_of_others_are_refused_however_they_are_spelled(folders, said, places):
    """`cam1` and `cam2` were compared as classes where one has `Good` and the other `good`, or `ok`."""
    made(places, folders)
    refuse("folder:own", places, said)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["cam1/good", "cam2/bad"], "cam1 holds folders that are called as classes are (good), and so do 1 others; "),
        (["nut/OK", "nut/NG", "screw"], "nut holds folders that are called as classes are (NG, OK); "),
        (["a", "b/dent", "b/broken"], "b holds folders that are called as classes are (broken, dent); "),
        (["ok/good", "ok/bad", "nok/Normal", "nok/broken"], None),
        (["test/good", "test/cut/ok", "test/cut/ng", "train/good"], None),
        (["a/monday", "b/Tuesday"], None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_folders_that_are_called_as_classes_are_inside_of_some_are_noted(folders, said, places):
    """Where those above are called so, or one alone has such, nobody knows: they are taken."""
    made(places, folders)
    notes = open_facts("folder:own", 16, **places).notes
    assert list(notes) == (
        [f"the class folder {said}they are taken together: if these are the classes, move them up"] if said else []
    )


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (["Good", "Bad"], ["good", "bad"], "train has Bad, Good, test has bad, good; call the folders of a class by"),
        (["ok", "nok"], ["good", "bad"], "train has nok, ok, test has bad, good; "),
        (["normal"], ["good", "bad"], "train has normal, test has bad, good; "),
        (["Good"], ["good", "bad"], "train has Good, test has bad, good; "),
        (["bottle"], ["bottle ", "cut"], "train has bottle, test has bottle , cut; "),
        (["a", "b"], ["c", "d"], "train has a, b, test has c, d; "),
    ],
)
def test_parts_whose_classes_have_other_names_are_refused(train, test, said, places):
    """They were classes without test images, and others without training images."""
    made(places, [f"{part}/{name}" for part, names in (("train", train), ("test", test)) for name in names])
    refuse("folder:own", places, f"no class of train has test images: {said}")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (["good"], ["good", "bad"]),
        (["good"], ["cut", "hole"]),
        (["good", "bad"], ["good"]),
        (["good", "Bad"], ["good", "bad"]),
    ],
)
def test_parts_with_a_class_in_common_or_with_anomalies_alone_to_test_are_taken(train, test, places):
    made(places, [f"{part}/{name}" for part, names in (("train", train), ("test", test)) for name in names])
    assert {*open_facts("folder:own", 16, **places).class_names} == {*train, *test}


def test_languages_that_are_taken_for_a_split_are_named(places):
    """They may be classes; `imagesTr` may not, and `train` needs no word."""
    made(places, ["tr", "te"])
    refuse(
        "folder:own", places, r"own/tr has no class folders \(tr and te are taken for train and test\): call them tr"
    )
    for name, new in (("tr", "imagesTr"), ("te", "imagesTs")):
        (places["data_root"] / "own" / name).rename(places["data_root"] / "own" / new)
    refuse(
        "folder:own", places, r"imagesTr has no class folders \(imagesTr and imagesTs are taken for train and test\)$"
    )


def crossed(outer, inner):
    return [f"{one}/{other}" for one in outer for other in inner]


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (crossed(["benign", "malignant"], ["40X", "100X", "200X"]), []),
        (crossed(["ok", "nok"], ["2024-05-01", "2024-05-02"]), []),
        (crossed(["cataract", "normal"], ["left", "right"]), []),
        ([*crossed(["train/good", "test/good", "test/bad"], ["cam1", "cam2"])], []),
        (crossed(["real", "fake"], ["p/000", "p/001"]), ["fake and real hold folders of the same names (000, 001)"]),
        (
            crossed(["type1", "type2"], ["left", "right"]),
            ["type1 and type2 hold folders of the same names (left, right)"],
        ),
        (crossed(["0", "1"], ["left", "right"]), ["0 and 1 hold folders of the same names (left, right)"]),
        (
            [*crossed(["a", "b"], ["part1", "part2"]), "c", "d"],
            ["a and b hold folders of the same names (part1, part2)"],
        ),
        ([*crossed(["a1", "a2"], ["x", "y"]), "c"], ["a1 and a2 hold folders of the same names (x, y)"]),
        (
            crossed(["train/c1", "train/c2", "test/c1", "test/c2"], "ab"),
            ["c1 and c2 hold folders of the same names (a, b)"],
        ),
        (crossed(["normal", "rust"], ["good", "bad"]), ["normal and rust hold folders of the same names (bad, good)"]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_groups_inside_of_classes_are_taken_and_noted_where_they_may_be_the_classes(folders, said, places):
    """By magnification, day, eye or video: such folders have the same names in each class."""
    made(places, folders)
    notes = open_facts("folder:own", 16, **places).notes
    nested = "the class folders {}, which are taken together: if these are the classes, move them up"
    assert list(notes) == [nested.format(names) for names in said]
