"""folder:NAME: trees of images of the user's own, links and damaged images in them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

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


def test_notes_are_those_of_the_tree_as_it_is(places, screws):
    """What is left out is no file that the images depend on, and may come and go after they were prepared."""
    before = open_prepared("folder:screws", 32, **places)
    photo = screws / "test" / "good" / "photo.heic"
    photo.write_bytes(b"x")
    (said,) = open_prepared("folder:screws", 32, **places).notes
    assert ".heic" in said
    photo.unlink()
    after = open_prepared("folder:screws", 32, **places)
    assert (before.notes, after.notes) == ((), ())
    assert before.digest == after.digest


def test_images_beside_the_folders_of_classes_are_counted(places, screws):
    """At the top and in each part: they are of no class, and may have been meant to be of one."""
    for folder in (screws, screws / "train", screws / "test"):
        fill(folder, 2, 500)
    (screws / "train" / "folder.png").mkdir()
    (screws / "train" / "folder.png" / "a.png").write_bytes((screws / "train" / "00500.png").read_bytes())
    fill(places["data_root"] / "flat" / "a", 5, 0)
    fill(places["data_root"] / "flat" / "b", 5, 10)
    fill(places["data_root"] / "flat", 3, 20)
    said = "images beside the folders of classes are of no class, and not used"

    assert f"6 {said}" in open_prepared("folder:screws", 32, **places).notes
    assert f"3 {said}" in open_prepared("folder:flat", 32, **places).notes


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


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "tst"),
        ("train_set", "val"),
        ("imagesTr", "imagesTs"),
        ("tr", "te"),
        ("learn", "holdout"),
    ],
)
def test_parts_of_a_split_in_other_spellings(train, test, places):
    """The split is taken, never its folders for classes."""
    top = places["data_root"] / "brain"
    for part, first in ((train, 0), (test, 50)):
        fill(top / part / "glioma", 2, first)
        fill(top / part / "notumor", 3, first + 20)
    prepared = open_prepared("folder:brain", 32, **places)
    assert prepared.class_names == ("glioma", "notumor")
    assert (prepared.train_counts, prepared.test_counts) == ((2, 3), (2, 3))
    assert any("there is no test folder" in note for note in prepared.notes) == (test == "val")


def test_what_looks_like_a_split_and_is_none_that_is_known_is_refused(places, screws):
    (screws / "test").rename(screws / "test_old")
    refuse("folder:screws", places, "test_old looks like a part of a split, but is not called train, test or")
    shutil.rmtree(screws)
    for name in ("good", "bad"):
        fill(screws / name / "train", 2, 0)
        fill(screws / name / "test", 2, 10)
    refuse("folder:screws", places, r"bad has folders test and train; a split comes first")


def test_a_split_or_classes_in_a_folder_of_their_own_are_refused_with_where_they_are(places):
    fill(places["data_root"] / "wrap" / "wrap" / "wrap" / "train" / "good", 2, 0)
    refuse(
        "folder:wrap", places, r"holds one folder alone; .* begin in .*/wrap/wrap/wrap \(train\): move its folders up"
    )


def test_masks_are_left_out_with_a_note(places):
    top = places["data_root"] / "covid"
    for index, name in enumerate(("COVID", "Normal")):
        fill(top / name / "images", 4, 100 * index)
        fill(top / name / "masks", 4, 100 * index + 50)
    fill(top / "mask_dir", 2, 500)
    picture(600).save(top / "Normal" / "images" / "00100_mask.png")
    prepared = open_prepared("folder:covid", 32, **places)
    assert prepared.class_names == ("COVID", "Normal")
    assert [a + b for a, b in zip(prepared.train_counts, prepared.test_counts, strict=True)] == [4, 4]
    assert prepared.notes == (
        "11 images are left out as masks, by the names of their folders or files (the first: COVID/masks/00050.png)",
        "the folder mask_dir (2 images) is left out: by its name it holds masks",
    )


def test_masks_beside_images_are_left_out_whatever_they_are_called(places):
    """In a folder beside `images`, or of such a name and with the names of the images above it."""
    top = places["data_root"] / "own"
    for folder in ("a/images", "a/Lung_Mask", "a/overlay", "b", "b/seg", "label"):
        fill(top / folder, 4, 10 * len(folder) if folder not in {"b", "b/seg"} else 0)
    for path in (top / "b" / "seg").iterdir():
        picture(int(path.stem) + 900).save(path.with_stem(f"{path.stem}_seg"))
        path.unlink()
    opened = open_prepared("folder:own", 32, **places)
    assert opened.class_names == ("a", "b", "label")
    assert [a + b for a, b in zip(opened.train_counts, opened.test_counts, strict=True)] == [4, 4, 4]
    said = "12 images are left out as masks, by the names of their folders or files (the first: a/Lung_Mask/00110.png)"
    assert opened.notes[0] == said
    (doubted,) = opened.notes[1:]
    assert doubted.startswith("the folder label is called as masks are, and its images are used: ")


def test_a_folder_named_otherwise_with_the_names_of_images_beside_it_is_noted(places):
    """Nobody knows whether these are masks; other names beside `images` say nothing."""
    top = places["data_root"] / "own"
    for name, first in (("a", 0), ("b", 100)):
        fill(top / name / "images", 4, first)
        fill(top / name / "more", 4, first + 50)
    assert open_prepared("folder:own", 32, **places).notes == ()
    for path in (top / "a" / "images").iterdir():
        (top / "a" / "depth").mkdir(exist_ok=True)
        picture(int(path.stem) + 500).save(top / "a" / "depth" / path.name)
    (note,) = open_prepared("folder:own", 32, **places).notes
    assert note.startswith("the folder a/depth has files of the same names as images beside it, and its")


def test_one_image_under_two_labels_is_a_strong_note(places, screws):
    """A class that links to another is the same: every image has two labels."""
    shutil.copy(screws / "train" / "good" / "00001.png", screws / "train" / "bent" / "copy.png")
    prepared = open_prepared("folder:screws", 32, **places)
    assert prepared.duplicates["across_classes"] == 2
    (note,) = prepared.notes
    assert note.startswith("LABELS CONTRADICT: 2 images have the same pixels as one of another class; the first: ")
    (screws / "train" / "loose").symlink_to("good")
    assert open_prepared("folder:screws", 32, **places).duplicates["across_classes"] == 13


def test_numeric_classes_are_in_the_order_of_their_numbers(places):
    for number in (0, 1, 2, 10):
        fill(places["data_root"] / "numbers" / str(number), 2, 10 * number)
    assert open_prepared("folder:numbers", 32, **places).class_names == ("0", "1", "2", "10")


def test_files_of_unread_kinds_are_named(places, screws):
    for path in (screws / "train" / "bent").iterdir():
        path.rename(path.with_suffix(".dcm"))
    refuse("folder:screws", places, r"train/bent has no images \(it has 3 \.dcm files; convert them to one of \.bmp")


def test_a_broken_link_and_a_name_with_a_blank_are_named(places):
    (places["data_root"] / "gone").symlink_to("/nowhere")
    refuse("folder:gone", places, r"gone is a link to /nowhere, which is not there")
    refuse("folder:my screws", places, r"'my screws' must begin with a letter or digit .*; rename the file or folder")


def test_levels_of_16_bits_that_leave_few_grey_levels_are_noted(places, screws):
    for index, path in enumerate((screws / "train" / "good").iterdir()):
        Image.fromarray((np.arange(63, dtype=np.uint16).reshape(7, 9) + index) * 60).save(path)
    notes = open_prepared("folder:screws", 32, **places).notes
    assert (
        "images of 16 bits use the levels 0 to 4020 of 0 to 65535; their upper 8 bits are taken, which leaves 16"
        in (notes[0])
    )


def test_further_images_in_a_file_are_said(places, screws):
    """Each file counts as one image, and the others in it are not used."""
    files = list((screws / "train" / "good").iterdir())
    for path in files[:2]:
        picture(0).save(path.with_suffix(".tif"), save_all=True, append_images=[picture(1), picture(2)])
    notes = open_prepared("folder:screws", 32, **places).notes

    assert "2 files hold several images (frames or pages): of each the first alone is used" in notes


def test_hidden_images_are_said(places, screws):
    """A name that begins with a dot is an accident, but for the companions that macOS makes of other files."""
    picture(0).save(screws / "train" / "good" / ".forgotten.png")
    (screws / "train" / "good" / "._00000.png").write_bytes(b"AppleDouble")
    (screws / "train" / "good" / ".DS_Store").touch()
    opened = open_prepared("folder:screws", 32, **places)

    assert "1 images whose names, or those of their folders, begin with a dot are not used" in opened.notes


def test_classes_that_look_alike_are_said(places):
    """`cafe` with an accent in two encodings prints as the same word twice."""
    for number, name in enumerate(("caf\u00e9", "cafe\u0301", "other")):
        fill(places["data_root"] / "own" / name, 6, 100 * number)
    notes = open_prepared("folder:own", 32, **places).notes

    assert notes == (r"classes that look alike, are they one? 'cafe\u0301', 'caf\xe9'",)
