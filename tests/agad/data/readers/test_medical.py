"""The four medical archives, as they unpack and half unpacked."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from agad.data.image import decode, fit
from agad.data.prepared import open_prepared
from agad.data.readers.medical import ARCHIVES
from agad.spec.datasets import DATASETS
from tests.helpers.opening import is_picture, refuse
from tests.helpers.raw_data import (
    fill,
    unpack,
    unpack_lung,
)

SPLIT = [name for name, archive in ARCHIVES.items() if archive.test_parts]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", SPLIT)
def test_the_archives_with_a_split(dataset, places):
    unpack(dataset, places["data_root"] / dataset)
    prepared = open_prepared(dataset, 128, **places)
    classes = len(ARCHIVES[dataset].folders)
    merged = 3 if "val" in ARCHIVES[dataset].test_parts else 2
    assert prepared.train_images.shape[1:] == (1, 128, 128)
    assert prepared.train_counts == tuple(range(3, 3 + classes))
    assert prepared.test_counts == tuple(merged + (merged - 1) * c for c in range(classes))
    assert prepared.class_names == DATASETS[dataset].class_names
    assert is_picture(prepared.train_images[0], 0)
    assert is_picture(prepared.train_images[3], 1000)  # class 1 comes after class 0, whatever the folders' names


def test_test_and_val_are_merged_as_the_paper_does(places):
    unpack("chest_xray", places["data_root"] / "chest_xray")
    prepared = open_prepared("chest_xray", 128, **places)
    numbers = [100, 101, 200, 1100, 1101, 1102, 1200, 1201]
    assert all(is_picture(*pair) for pair in zip(prepared.test_images, numbers, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "inner"),
    [
        ("alzheimer", "Alzheimer_s Dataset"),
        ("alzheimer", "alzheimer/Alzheimer_s Dataset"),
        ("chest_xray", "chest_xray/chest_xray"),
        ("chest_xray", "ZhangLabData/CellData/chest_xray"),
        ("retinal_oct", "OCT2017 "),
        ("retinal_oct", "retinal_oct/OCT2017 "),
        ("retinal_oct", "ZhangLabData/CellData/OCT"),
    ],
)
def test_the_wrappers_of_the_archives(dataset, inner, places):
    unpack(dataset, places["data_root"] / inner)
    (places["data_root"] / inner).parent.joinpath("__MACOSX").mkdir()
    assert open_prepared(dataset, 128, **places).train_counts[0] == 3


def test_two_sets_in_one_archive_are_told_apart(places):
    """Kermany's archive holds the X-rays and the OCT images, and a folder NORMAL in each."""
    unpack("chest_xray", places["data_root"] / "ZhangLabData" / "CellData" / "chest_xray")
    unpack("retinal_oct", places["data_root"] / "ZhangLabData" / "CellData" / "OCT")
    assert len(open_prepared("chest_xray", 32, **places).train_counts) == 2
    assert len(open_prepared("retinal_oct", 32, **places).train_counts) == 4


def test_names_in_another_case_are_found(places):
    unpack("chest_xray", places["data_root"] / "chest_xray")
    top = places["data_root"] / "chest_xray"
    (top / "train").rename(top / "Train")
    (top / "test" / "NORMAL").rename(top / "test" / "normal ")
    assert open_prepared("chest_xray", 32, **places).test_counts == (3, 5)


def test_an_edition_without_val_is_noted(places):
    unpack("chest_xray", places["data_root"] / "chest_xray", sizes=(3, 2))
    notes = open_prepared("chest_xray", 32, **places).notes
    assert "there is no val folder, which the paper counts among the test images" in notes


def test_images_beside_the_folders_of_classes_are_counted(places):
    unpack("chest_xray", places["data_root"] / "chest_xray")
    fill(places["data_root"] / "chest_xray" / "train", 3, 900)
    said = "3 images beside the folders of classes are of no class, and not used"
    assert said in open_prepared("chest_xray", 32, **places).notes


@pytest.mark.slow
def test_the_last_500_by_name_of_each_lung_class_are_test_images(places):
    top = places["data_root"] / "lung_colon_image_set" / "lung_image_sets"
    top.parent.mkdir()
    unpack_lung(top, 503)
    prepared = open_prepared("lung_histopathology", 16, **places)
    assert prepared.train_counts == (3, 3, 3)
    assert prepared.test_counts == (500, 500, 500)
    assert prepared.channels == 3
    assert prepared.duplicates["test_in_train"] == 0
    # By name 1, 10 and 100 come first.
    for image, (folder, number) in zip(
        prepared.train_images,
        [(folder, number) for folder in ("lung_n", "lung_aca", "lung_scc") for number in (1, 10, 100)],
        strict=True,
    ):
        stored = decode(str(top / folder / f"{folder.replace('_', '')}{number}.jpeg"), "")
        assert np.array_equal(image.numpy(), fit(stored, 16, 3))


def test_a_lung_class_that_is_too_small_is_refused(places):
    unpack_lung(places["data_root"] / "lung_histopathology", 2)
    refuse("lung_histopathology", places, "lung_n has 2 images; the last 500 by name are test images")


def test_a_tree_half_unpacked_is_refused(places):
    unpack("retinal_oct", places["data_root"] / "retinal_oct")
    shutil.rmtree(places["data_root"] / "retinal_oct" / "train" / "DME")
    refuse("retinal_oct", places, "retinal_oct/train has no folder DME")
    shutil.rmtree(places["data_root"] / "retinal_oct" / "test")
    (places["data_root"] / "retinal_oct" / "train" / "DME").mkdir()
    refuse("retinal_oct", places, "train/DME has no images")
    fill(places["data_root"] / "retinal_oct" / "train" / "DME", 1, 0)
    refuse("retinal_oct", places, "retinal_oct has no folder test")


@pytest.mark.parametrize("dataset", ARCHIVES)
def test_a_missing_archive_says_what_to_put_where(dataset, places):
    top = ARCHIVES[dataset].tops[0]
    refuse(
        dataset,
        places,
        rf"{dataset} is not there .*; put {top}/.*{ARCHIVES[dataset].folders[-1]}}}/ \(.*\) below .*data",
    )


def test_counts_of_another_edition_are_noted(places):
    unpack("alzheimer", places["data_root"] / "alzheimer")
    (note,) = open_prepared("alzheimer", 32, **places).notes
    assert note == "training images per class are 3, 4, 5, 6; Alzheimer's has 2560, 1792, 717, 52"
