"""folder:NAME: trees of images of the user's own, links and damaged images in them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from agad.data.prepared import open_prepared
from agad.data.split import one_class_split
from agad.spec.run import RunSpec
from tests.helpers.opening import fitted, is_picture, refuse
from tests.helpers.raw_data import (
    fill,
    picture,
)


@pytest.fixture
def screws(places):
    """A tree with train/ and test/ of two classes, grey."""
    top = places["data_root"] / "screws"
    fill(top / "train" / "good", 6, 0)
    fill(top / "train" / "bent", 3, 100)
    fill(top / "test" / "good", 2, 200)
    fill(top / "test" / "bent", 2, 300)
    return top


def test_a_folder_with_train_and_test(places, screws):
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.class_names == ("bent", "good")
    assert prepared.train_counts == (3, 6)
    assert prepared.test_counts == (2, 2)
    assert prepared.channels == 1
    numbers = [100, 101, 102, 0, 1, 2, 3, 4, 5]
    assert all(is_picture(*pair) for pair in zip(prepared.train_images, numbers, strict=True))
    assert prepared.notes == ()
    split = one_class_split(prepared, RunSpec(dataset="folder:screws", normal_class=1, gamma=0.2))
    assert split.normal.tolist() == [3, 4, 5, 6, 7, 8]
    assert len(split.anomaly) == 1
    assert split.anomaly[0] < 3


def test_one_coloured_image_makes_the_set_rgb(places, screws):
    picture(400, "RGB").save(screws / "test" / "good" / "zz.png")
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.channels == 3
    assert np.array_equal(prepared.test_images[-1].numpy(), fitted(400, "RGB"))
    assert np.array_equal(prepared.train_images[0].numpy(), np.repeat(fitted(100), 3, axis=0))


def test_a_kind_of_anomaly_may_be_in_the_test_set_alone(places, screws):
    """The layout of MVTec AD: train/good, and test/ with kinds of defects."""
    shutil.rmtree(screws / "train" / "bent")
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (0, 6)
    split = one_class_split(prepared, RunSpec(dataset="folder:screws", normal_class=1))
    assert split.test_label.tolist() == [1, 1, 0, 0]


def test_one_tree_is_split_by_a_fixed_draw(places):
    top = places["data_root"] / "own"
    fill(top / "a", 11, 0)
    fill(top / "b", 2, 100)
    prepared = open_prepared("folder:own", 32, **places)
    assert prepared.train_counts == (9, 1)
    assert prepared.test_counts == (2, 1)
    # Which ones is pinned: rows of different times are compared.
    tested = [n for n in range(11) if any(is_picture(image, n) for image in prepared.test_images)]
    assert tested == [3, 6]
    trained = [n for n in range(11) if any(is_picture(image, n) for image in prepared.train_images)]
    assert sorted(tested + trained) == list(range(11))
    # Another name of the set, and another class beside, move no image.
    shutil.copytree(top, places["data_root"] / "renamed")
    fill(places["data_root"] / "renamed" / "c", 5, 200)
    again = open_prepared("folder:renamed", 32, **places)
    assert np.array_equal(again.test_images[:3].numpy(), prepared.test_images.numpy())


def test_images_in_deeper_folders_belong_to_their_class(places, screws):
    fill(screws / "train" / "good" / "monday" / "early", 2, 50)
    assert open_prepared("folder:screws", 32, **places).train_counts == (3, 8)


def test_other_files_are_counted_and_hidden_ones_passed_over(places, screws):
    (screws / "train" / "good" / "Thumbs.db").write_bytes(b"x")
    (screws / "train" / "good" / "readme.txt").write_text("x")
    (screws / "train" / "good" / "._00000.png").write_bytes(b"x")
    (screws / "train" / ".ipynb_checkpoints").mkdir()
    (screws / "test" / "__MACOSX").mkdir()
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (3, 6)
    assert prepared.notes == ("2 files that are no images are ignored (1 .db, 1 .txt)",)


def test_a_class_without_test_images_is_noted(places, screws):
    fill(screws / "train" / "rusty", 2, 500)
    assert open_prepared("folder:screws", 32, **places).notes == ("class rusty has no test images",)


def test_links_are_followed_within_the_data_root_only(places, screws, tmp_path):
    fill(tmp_path / "elsewhere", 2, 600)
    fill(places["data_root"] / "pool", 1, 700)
    good = screws / "train" / "good"
    (good / "zz0.png").symlink_to(tmp_path / "elsewhere" / "00600.png")
    (good / "zz1.png").symlink_to(places["data_root"] / "pool" / "00700.png")
    (good / "zz2.png").symlink_to(tmp_path / "nowhere.png")
    (good / "again").symlink_to(good, target_is_directory=True)
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.train_counts == (3, 7)
    assert is_picture(prepared.train_images[-1], 700)
    assert prepared.notes == (
        "2 links that lead out of the tree are not followed",
        "1 links are broken: what they lead to is not there",
    )


def test_the_data_set_itself_may_be_a_link(places, screws, tmp_path):
    screws.rename(tmp_path / "elsewhere")
    screws.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert open_prepared("folder:screws", 32, **places).train_counts == (3, 6)


def test_a_new_file_or_another_content_is_prepared_again(places, screws):
    folders = [open_prepared("folder:screws", 32, **places).folder]
    fill(screws / "train" / "good", 1, 50)
    folders.append(open_prepared("folder:screws", 32, **places).folder)
    picture(51).save(screws / "train" / "good" / "00050.png")
    folders.append(open_prepared("folder:screws", 32, **places).folder)
    assert len(set(folders)) == 3


def test_what_is_no_such_tree_is_refused(places, screws):
    (screws / "train" / "rusty").mkdir()
    refuse("folder:screws", places, r"train/rusty has no images$")
    (screws / "train" / "rusty" / "a.png").symlink_to("/")
    refuse("folder:screws", places, r"train/rusty has no images \(1 links lead out of the tree")
    shutil.rmtree(screws / "test")
    refuse("folder:screws", places, "screws has no test folder beside the other")
    shutil.rmtree(screws / "train")
    refuse("folder:screws", places, "screws has 0 class folders; at least two are needed")
    fill(screws / "a", 3, 0)
    refuse("folder:screws", places, "screws has 1 class folders; at least two are needed")
    fill(screws / "b", 1, 10)
    refuse("folder:screws", places, "b has one image: too few")
    refuse(
        "folder:nails",
        places,
        r"put nails/train/CLASS/ and nails/test/CLASS/, or nails/CLASS/, below .*data \(--data\)",
    )
    (screws / "train").mkdir()
    (screws / "test").mkdir()
    refuse("folder:screws", places, "train has no class folders")


def test_damaged_images_are_named_and_counted_and_the_others_kept(places, screws):
    good = screws / "train" / "good"
    (good / "00001.png").write_bytes((good / "00001.png").read_bytes()[:60])
    (good / "00003.png").write_bytes(b"")
    (screws / "test" / "bent" / "00301.png").write_text("<html>not found</html>")
    prepared = open_prepared("folder:screws", 32, **places)
    assert [name for name, _ in prepared.damaged] == [
        "train/good/00001.png",
        "train/good/00003.png",
        "test/bent/00301.png",
    ]
    assert prepared.train_counts == (3, 4)
    assert prepared.test_counts == (1, 2)
    numbers = [100, 101, 102, 0, 2, 4, 5]
    assert all(is_picture(*pair) for pair in zip(prepared.train_images, numbers, strict=True))
    (note,) = prepared.notes
    assert note.startswith("3 damaged images left out (2 not an image, 1 ")
    assert note.endswith("): train/good/00001.png, train/good/00003.png, test/bent/00301.png")


def test_a_class_of_damaged_images_alone_is_refused(places, screws):
    for path in (screws / "train" / "bent").iterdir():
        path.write_bytes(b"\xff\xd8\xff")
    refuse(
        "folder:screws",
        places,
        r"every train image of class bent is damaged; the first: train/bent/00100\.png \(not an",
    )


def test_a_line_break_in_a_name_breaks_no_message(places, screws):
    (screws / "train" / "good" / "a\nb.png").write_bytes(b"")
    assert open_prepared("folder:screws", 32, **places).damaged[0][0] == r"train/good/a\nb.png"
