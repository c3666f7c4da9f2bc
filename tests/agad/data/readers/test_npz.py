"""npz:NAME: files of the MedMNIST kind, whole and damaged."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from agad.data.image import fit
from agad.data.prepared import open_prepared
from tests.helpers.opening import refuse
from tests.helpers.raw_data import (
    random_images,
)


def arrays(**changes):
    """A MedMNIST-style set of three classes, grey."""
    content = {
        "train_images": random_images(9, 28, 28),
        "train_labels": (np.arange(9, dtype=np.uint8) % 3)[:, None],
        "val_images": random_images(3, 28, 28),
        "val_labels": (np.arange(3, dtype=np.uint8) % 3)[:, None],
        "test_images": random_images(6, 28, 28),
        "test_labels": (np.arange(6, dtype=np.uint8) % 3)[:, None],
    }
    return {name: array for name, array in (content | changes).items() if array is not None}


def write_npz(places, **changes):
    content = arrays(**changes)
    np.savez_compressed(places["data_root"] / "own.npz", **content)
    return content


def test_npz_of_medmnist(places):
    content = write_npz(places)
    prepared = open_prepared("npz:own", 32, **places)
    assert prepared.channels == 1
    assert prepared.class_names == ("0", "1", "2")
    assert prepared.train_labels.tolist() == [0, 1, 2] * 3
    assert np.array_equal(prepared.test_images[5].numpy(), fit(content["test_images"][5], 32, 1))
    assert prepared.notes == ("3 validation images are not used",)


def test_npz_in_colour_with_flat_labels_and_no_validation_images(places):
    content = write_npz(
        places,
        train_images=random_images(9, 28, 28, 3),
        test_images=random_images(6, 28, 28, 3),
        train_labels=np.arange(9) % 3,
        val_images=None,
        val_labels=None,
    )
    prepared = open_prepared("npz:own", 64, **places)
    assert prepared.train_images.shape == (9, 3, 64, 64)
    assert prepared.notes == ()
    assert np.array_equal(prepared.train_images[8].numpy(), fit(content["train_images"][8], 64, 3))


def test_npz_with_one_channel_is_grey(places):
    write_npz(places, train_images=random_images(9, 28, 28, 1), test_images=random_images(6, 28, 28, 1))
    assert open_prepared("npz:own", 32, **places).train_images.shape == (9, 1, 32, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": None, "test_images": None}, r"lacks train_labels, test_images; it has: train_images, val_"),
        ({"train_images": random_images(9, 28, 28).astype(np.float32)}, "train_images is float32, not uint8"),
        ({"train_images": random_images(9, 28, 28, 28)}, r"train_images has shape \(9, 28, 28, 28\)"),
        ({"train_images": random_images(9, 784)}, r"train_images has shape \(9, 784\)"),
        ({"train_images": np.zeros((9, 0, 28), np.uint8)}, r"train_images has shape \(9, 0, 28\)"),
        ({"train_images": np.zeros((0, 28, 28), np.uint8), "train_labels": np.zeros(0, int)}, "train_images is empty"),
        ({"test_images": random_images(6, 28, 28, 3)}, "not both grey or both RGB"),
        ({"train_labels": np.arange(8)}, "9 train_images, but 8 train_labels"),
        ({"train_labels": np.zeros((9, 14), int)}, r"train_labels is int64 of shape \(9, 14\); it must be one integer"),
        ({"test_labels": np.zeros(6)}, "test_labels is float64"),
        ({"test_labels": np.arange(-1, 5)}, "test_labels has the negative label -1"),
        ({"test_labels": np.array([0, 1, 2, 0, 1, 1000])}, r"label 1000 is outside 0\.\.999"),
        ({"test_labels": np.array([0, 1, 2, 0, 1, None], dtype=object)}, "test_labels holds pickled Python objects"),
    ],
)
def test_npz_of_another_content_is_refused(changes, message, places):
    write_npz(places, **changes)
    refuse("npz:own", places, message)


def _with_byte(blob, place):
    """A zip with another byte in the last entry of its directory."""
    at = blob.rindex(b"PK\x01\x02") + place
    return blob[:at] + b"\x01" + blob[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: blob[: len(blob) // 2],
        lambda blob: b"",
        lambda blob: b"<html>not found</html>",
        lambda blob: blob[:300] + bytes(64) + blob[364:],
        lambda blob: blob[:-30],
        lambda blob: _with_byte(blob, 8),
        lambda blob: _with_byte(blob, 10),
    ],
    ids=["half", "empty", "a web page", "overwritten", "no directory", "password", "other compression"],
)
def test_a_damaged_npz_is_refused(damage, places):
    write_npz(places)
    path = places["data_root"] / "own.npz"
    path.write_bytes(damage(path.read_bytes()))
    refuse("npz:own", places, r"own\.npz cannot be read as npz, it is truncated or damaged \(.+\)$")


def test_a_plain_array_under_the_name_of_an_npz_is_refused(places):
    with (places["data_root"] / "own.npz").open("wb") as file:
        np.save(file, random_images(9, 28, 28))
    refuse("npz:own", places, r"own\.npz is not an npz file")


def test_a_folder_under_the_name_of_an_npz_is_refused(places):
    (places["data_root"] / "own.npz").mkdir()
    refuse("npz:own", places, r"own\.npz: Is a directory")


def test_an_npz_that_claims_more_than_there_is_is_refused(places):
    content = arrays(train_images=None)
    path = places["data_root"] / "own.npz"
    np.savez(path, **content)
    with zipfile.ZipFile(path, "a") as archive, archive.open("train_images.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
        np.lib.format.write_array_header_1_0(file, header)
    refuse("npz:own", places, "train_images claims 784,000,000,000,128 bytes, which the file cannot hold")
