"""folder:NAME: links in the place of classes, hidden folders, and folders without images."""

from __future__ import annotations

import pytest

from agad.data.prepared import open_facts
from tests.helpers.opening import refuse
from tests.helpers.raw_data import fill, picture

BROKEN = "1 links are broken: what they lead to is not there"


@pytest.fixture
def flat(places):
    """A tree of two classes that is not split."""
    top = places["data_root"] / "own"
    for number, name in enumerate(("good", "bad")):
        fill(top / name, 5, 10 * number)
    return top


@pytest.fixture
def split(places):
    """A tree of train/ and test/."""
    top = places["data_root"] / "own"
    for number, name in enumerate(("train/good", "test/good", "test/bad")):
        fill(top / name, 5, 10 * number)
    return top


@pytest.mark.parametrize("target", ["/gone/scratch", "scratch", "../gone"])
def test_a_broken_link_in_the_place_of_a_class_is_refused(target, flat, places):
    """Else the class would be missing, in silence."""
    (flat / "scratch").symlink_to(target)
    refuse("folder:own", places, f"own/scratch is a link to {target}, which is not there: mend the link, or remove it$")


@pytest.mark.parametrize("name", ["test/scratch", "train/scratch", "val"])
def test_a_broken_link_in_a_split_is_refused(name, split, places):
    (split / name).symlink_to("/gone")
    refuse("folder:own", places, f"own/{name} is a link to /gone, which is not there")


@pytest.mark.parametrize("name", ["gt", "docs", "readme.txt", "test/masks", "test/x.png"])
def test_other_broken_links_are_counted(name, split, places):
    """Beside train and test, and those that are called as files or masks are."""
    (split / name).symlink_to("/gone")
    assert open_facts("folder:own", 16, **places).notes == (BROKEN,)


def test_a_part_that_is_a_broken_link_is_named(split, places):
    (split / "test").rename(split.parent / "elsewhere")
    (split / "test").symlink_to("/gone")
    refuse("folder:own", places, "own/test is a link to /gone, which is not there")


def test_a_class_folder_may_be_a_link_to_anywhere(flat, places, tmp_path):
    """As documented; links inside of it stay within the data root, as in any class."""
    fill(tmp_path / "pool", 5, 50)
    (tmp_path / "pool" / "more.png").symlink_to(tmp_path / "pool2.png")
    picture(90).save(tmp_path / "pool2.png")
    (flat / "scratch").symlink_to(tmp_path / "pool")
    found = open_facts("folder:own", 16, **places)
    assert found.class_names == ("bad", "good", "scratch")
    assert sum(found.train_counts) + sum(found.test_counts) == 15
    assert found.notes == ("1 links that lead out of the tree are not followed",)


@pytest.mark.parametrize("name", [".cache", "bad/.hid", "bad/.hid/deep", ".trash/bad"])
def test_images_in_hidden_folders_are_counted(name, flat, places):
    fill(flat / name, 3, 50)
    (flat / name / "._00050.png").write_bytes(b"AppleDouble")
    said = "3 images whose names, or those of their folders, begin with a dot are not used"
    assert open_facts("folder:own", 16, **places).notes == (said,)


def test_hidden_images_beside_classes_are_counted(split, places):
    for number, folder in enumerate((split, split / "test")):
        picture(50 + number).save(folder / ".a.png")
    said = "2 images whose names, or those of their folders, begin with a dot are not used"
    assert open_facts("folder:own", 16, **places).notes == (said,)


@pytest.mark.parametrize("record", ["{}", "", '{"a.csv": [1, 2]}'])
def test_a_record_of_agad_excuses_no_empty_class(record, flat, places):
    """It was left out, in silence, as a folder of which agad wrote all images."""
    (flat / "scratch").mkdir()
    (flat / "scratch" / ".agad-files.json").write_text(record)
    refuse("folder:own", places, "own/scratch has no images$")
