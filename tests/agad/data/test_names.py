"""What names of folders and files say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agad.data.names import (
    is_called_anomalous,
    is_called_normal,
    is_like_split,
    look_alikes,
    mask_folders,
    natural,
    split_part,
    split_parts,
)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "train",
            ["train", "Training", "TRN", "train_set", "TrainingData", "trainset", "Train Images", "train ", "learn"],
        ),
        ("test", ["test", "Testing", "tst", "TEST-SET", "testdata", "holdout", "hold_out"]),
        ("validation", ["val", "valid", "Validation", "eval", "dev", "Val_Set"]),
        (None, ["good", "trainer", "testicle", "2", "train2", "old_test", "contest", "validated", "tr", "imagesTs"]),
    ],
)
def test_parts_of_a_split_in_their_usual_spellings(part, names):
    assert {name: split_part(name) for name in names} == dict.fromkeys(names, part)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["imagesTr", "imagesTs", "labelsTr"], {"imagesTr": "train", "imagesTs": "test"}),
        (["tr", "te"], {"tr": "train", "te": "test"}),
        (["Tr", "Ts", "val"], {"Tr": "train", "Ts": "test", "val": "validation"}),
        (["train", "te"], {"train": "train", "te": "test"}),
        (["de", "fr", "te", "tr"], {}),  # languages
        (["fr", "tr"], {}),
        (["tr"], {}),
        (["train", "docs"], {"train": "train"}),
    ],
)
def test_short_words_are_parts_of_a_split_beside_their_counterpart_alone(names, parts):
    assert split_parts(names) == parts


def test_what_only_looks_like_a_part_of_a_split():
    """These would become classes in silence: they are refused by the reader."""
    assert all(map(is_like_split, ["train2", "test_old", "2_Train", "train_positive", "Test-A"]))
    assert not any(map(is_like_split, ["train", "Testing", "good", "trainer", "contest", "0"]))


def test_folders_of_masks_and_classes_that_are_called_so():
    masks = ["masks", "Masks", "mask_dir", "ground_truth", "GroundTruth", "gt", "lesion_masks", "Segmentation"]
    assert mask_folders(masks) == {*masks}
    assert not mask_folders(["mask", "no_mask", "with_mask", "without_mask", "with_masks"])
    assert mask_folders(["mask", "good", "bad"]) == {"mask"}


def test_beside_a_folder_of_images_more_folders_are_masks():
    """Of `COVID/{images,lung masks}` and `Normal/{images,Lung_Mask}` one was a class of masks."""
    beside = ["Lung_Mask", "label", "Labels", "seg", "overlay", "heatmaps", "heat maps", "Ground Truth", "ROI"]
    assert mask_folders([*beside, "images", "depth", "masked", "2"]) == {*beside}
    assert mask_folders(["label", "overlay", "Lung_Mask", "good"]) == set()


def test_names_of_anomalies_and_their_denials():
    bad = [
        "bad",
        "BAD",
        "bad_parts",
        "Anomalies",
        "defect",
        "Defective Images",
        "broken",
        "not_ok",
        "not good",
        "abnormal",
    ]
    assert all(map(is_called_anomalous, bad))
    fine = [
        "good",
        "ok",
        "no_defects",
        "defect-free",
        "without anomaly",
        "monday",
        "badge",
        "unbroken",
        "normal",
        "",
        "1",
    ]
    assert not any(map(is_called_anomalous, fine))
    assert not any(map(is_called_normal, bad))


def test_numbers_in_names_are_in_the_order_of_their_values():
    names = ["10", "2", "1", "0", "class10", "class9", "a"]
    assert sorted(names, key=natural) == ["0", "1", "2", "10", "a", "class9", "class10"]


@pytest.mark.slow
@given(st.lists(st.text(max_size=8)))
def test_any_names_have_one_order(names):
    """A total order: no names fail to compare, and the order does not depend on where they stood."""
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


def test_names_that_look_alike_are_found():
    """Two folders for one class: a composed é beside a combining one, another case, a blank too many."""
    assert look_alikes(["café", "cafe\u0301", "good", "Good ", "bad", "cafe"]) == [
        ["café", "cafe\u0301"],
        ["good", "Good "],
    ]
    assert look_alikes(["1", "01", "a_b", "ab"]) == []
