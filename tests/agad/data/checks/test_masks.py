"""Folders that hold masks by their names, or are classes in spite of these."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.data.names import called_like_masks, mask_folders
from agad.data.prepared import open_facts
from tests.helpers.opening import refuse
from tests.helpers.raw_data import fill, picture

LEFT = "the folder {} (3 images) is left out: by its name it holds masks"
TAKEN = (
    "the folder {} is called as masks are, and its images are used: if they are masks, or made of other images, move "
    "them out of the data set"
)


def opened(places, folders):
    """A tree of `folders`, each with the number that its three files' names begin from; images differ."""
    for number, (folder, first) in enumerate(folders.items()):
        path = places["data_root"] / "own" / folder
        path.mkdir(parents=True)
        for index in range(3):
            picture(10 * number + index).save(path / f"{first + index}.png")
    return open_facts("folder:own", 16, **places)


@pytest.mark.parametrize(
    ("folders", "classes", "said"),
    [
        (
            {"train/good": 0, "test/good": 0, "test/cut": 0, "test/cut_mask": 0},
            ("cut", "good"),
            LEFT.format("test/cut_mask"),
        ),
        ({"good": 0, "bad": 0, "bad_gt": 0}, ("bad", "good"), LEFT.format("bad_gt")),
        ({"good": 0, "bad": 0, "bad_label": 50}, ("bad", "bad_label", "good"), TAKEN.format("bad_label")),
        ({"good/a": 0, "good/a_mask": 0, "bad": 0}, ("bad", "good"), None),
        (
            {"train/original": 0, "test/original": 3, "test/torn_label": 50},
            ("original", "torn_label"),
            TAKEN.format("test/torn_label"),
        ),
        (
            {"train/original": 0, "test/original": 0, "test/torn_label": 0, "test/cut": 0},
            ("cut", "original", "torn_label"),
            TAKEN.format("test/torn_label"),
        ),
        ({"original": 0, "no label": 0}, ("no label", "original"), None),
        ({"original": 0, "missing_label": 0}, ("missing_label", "original"), None),
        ({"images": 0, "label": 50, "x": 0}, ("images", "x"), LEFT.format("label")),
        ({"good": 0, "bad": 0, "mask_bad": 0}, ("bad", "good"), LEFT.format("mask_bad")),
        ({"good": 0, "bad": 0, "gt-bad": 0}, ("bad", "good"), LEFT.format("gt-bad")),
        ({"good": 0, "bad": 0, "Ground_Truth_Bad": 0, "gt": 0}, ("bad", "good"), LEFT.format("Ground_Truth_Bad")),
        ({"good": 0, "bad": 0, "mask_bad": 50}, ("bad", "good", "mask_bad"), TAKEN.format("mask_bad")),
        ({"images_good": 0, "images_bad": 0, "masks_bad": 0}, ("images_bad", "images_good"), LEFT.format("masks_bad")),
        ({"good_img": 0, "bad_img": 0, "bad_gt": 0}, ("bad_img", "good_img"), LEFT.format("bad_gt")),
        ({"good/a": 0, "good/gt_a": 0, "bad": 0}, ("bad", "good"), None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_masks_are_told_from_classes_that_are_called_so(folders, classes, said, places):
    """By another folder's name and files of its names; equal numbers in all folders say nothing."""
    found = opened(places, folders)
    assert found.class_names == classes
    assert said is None or said in found.notes
    masks = ("mask", "gt", "Truth")
    assert sum(found.test_counts) + sum(found.train_counts) == 3 * len(folders) - 3 * sum(
        name == "label" or (any(word in name for word in masks) and name not in classes) for name in folders
    )


@pytest.mark.parametrize(
    ("classes", "masks"), [(["x/images", "y"], "x/targets"), (["images", "y"], "targets"), (["bad", "y"], "gt_bad")]
)
@pytest.mark.parametrize("word", ["target", "mask", ""])
def test_files_of_folders_of_masks_may_have_other_words_than_the_images(classes, masks, word, places):
    """`targets/target_0` beside `images/img_0` was a class, or doubled the images of one."""
    for number, (folder, own) in enumerate(((classes[0], "img"), (masks, word), (classes[1], "a"))):
        path = places["data_root"] / "own" / folder
        path.mkdir(parents=True)
        for index in range(3):
            picture(10 * number + index).save(path / f"{own}_{index}.png")
    found = open_facts("folder:own", 16, **places)
    assert found.class_names == tuple(name.split("/")[0] for name in classes)
    assert sum(found.test_counts) + sum(found.train_counts) == 6
    assert f"{masks} (3 images)" in str(found.notes) or "3 images are left out as masks" in str(found.notes)


def test_targets_that_are_no_masks_are_classes(places):
    """By the names of their files: a shooting range has both."""
    found = opened(places, {"images": 0, "targets": 50})
    assert found.class_names == ("images", "targets")
    assert TAKEN.format("targets") in found.notes


def test_folders_that_leave_one_class_are_named(places):
    with pytest.raises(Exception, match=r"own has 1 class folders \(torn_label left out as masks\); at least two are"):
        opened(places, {"original": 0, "torn_label": 0})


def test_files_left_out_as_masks_and_two_of_one_name_are_named(places):
    """In classes of people who wear masks, or of image and mask that differ in their suffixes alone."""
    own = places["data_root"] / "own"
    for number, name in enumerate(("with", "without")):
        fill(own / name, 3, 10 * number)
    picture(50).save(own / "with" / "mask_00001.png")
    picture(51).save(own / "without" / "00010.bmp")
    assert open_facts("folder:own", 16, **places).notes == (
        "1 images are left out as masks, by the names of their folders or files (the first: with/mask_00001.png)",
        "1 images are named like another beside them but for the suffix, and all are used (the first: "
        "without/00010.png): if they are masks or copies, move them out",
    )


def test_texts_beside_images_are_no_class(places):
    """YOLO's labels."""
    fill(places["data_root"] / "own" / "images", 3, 0)
    (places["data_root"] / "own" / "image_labels").mkdir()
    (places["data_root"] / "own" / "image_labels" / "0.txt").touch()
    refuse("folder:own", places, r"own has 1 class folders \(image_labels left out as masks\)")


@pytest.mark.parametrize("part", ["", "test/"])
@pytest.mark.parametrize(
    "masks",
    [
        *("masks2", "masks (1)", "masks copy", "masks_old", "masks_binary", "mask_1", "mask_png", "segmentation_png"),
        *("ground_truth_2", "Ground Truth (1)", "msk", "bad_msk", "bad_masks_2", "bad mask copy", "gt_v2"),
    ],
)
def test_folders_of_masks_may_have_a_version_behind_their_name(part, masks, places):
    """They were classes, in silence."""
    trained = {"train/good": 50} if part else {}
    found = opened(places, {**trained, f"{part}good": 0, f"{part}bad": 0, f"{part}{masks}": 0})
    assert found.class_names == ("bad", "good")
    assert LEFT.format(part + masks) in found.notes


@pytest.mark.parametrize(
    ("folders", "noted"),
    [
        (["good", "bad", "labels"], "labels"),
        (["good", "bad", "heatmaps"], "heatmaps"),
        (["good", "bad", "predictions"], "predictions"),
        (["good", "bad", "anomaly_maps"], "anomaly_maps"),
        (["good", "bad", "preview"], "preview"),
        (["good", "bad", "mask_old_man"], "mask_old_man"),
        (["good", "bad", "mask_1", "mask_2"], "mask_1"),
        (["mask", "no_mask"], None),
        (["mask", "nomask", "helmet"], None),
        (["with_mask", "without_mask", "incorrect_mask"], None),
        (["good_label", "bad_label"], None),
        (["label_1", "label_2", "label_3", "other"], None),
        (["cat", "dog", "seagull", "maskray", "Labrador", "gtr"], None),
        (["mask1", "mask2", "mask3"], None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_classes_that_are_called_as_masks_are_noted(folders, noted, places):
    """But for classes about masks or labels, and numbered ones."""
    found = opened(places, {name: 20 * number for number, name in enumerate(folders)})
    assert {*found.class_names} == {*folders}
    called = [note for note in found.notes if "called as masks are" in note]
    assert len(called) == (noted is not None)
    assert all(f"the folder {noted} is called" in note for note in called)


@pytest.mark.parametrize("inner", ["defects", "crop", "thumbs", "x/y"])
def test_folders_with_the_names_of_images_above_them_are_noted(inner, places):
    """`bad/crop/0.png` beside `bad/0.png` doubled the class, in silence; other names there say nothing."""
    found = opened(places, {"good": 0, "good/monday": 50, "bad": 0, f"bad/{inner}": 0})
    (note,) = found.notes
    assert note.startswith(f"the folder bad/{inner} ")
    assert sum(found.train_counts) + sum(found.test_counts) == 12


@given(
    st.sampled_from(["masks", "ground_truth", "GroundTruth", "segmentation", "bad masks", "annotations", "msk"]),
    st.lists(st.sampled_from(["_2", " (1)", " copy", "_old", "_png", "_binary", "-v2", " - Kopie"]), max_size=3),
)
def test_any_versions_of_folders_of_masks_are_known(name, versions):
    assert mask_folders(["good", "bad", called := name + "".join(versions)]) == {called}


@given(st.lists(st.sampled_from(["no", "mask", "masks", "label", "1", "2", "good", "preview", "copy"]), max_size=4))
def test_any_folders_called_like_masks_are_some_of_those_given(words):
    names = [*{"_".join(words[: end + 1]) for end in range(len(words))}, "é", ""]
    assert {*called_like_masks(names)} <= {*names} - {"é", ""}
