"""The sources that are files of arrays: idx, CIFAR's batches and npz, whole and damaged."""

from __future__ import annotations

import pickle
import urllib.error
import zipfile

import numpy as np
import pytest
import torchvision

from agad.data.image import fit
from agad.data.prepared import open_prepared
from agad.errors import DataError
from agad.spec.datasets import DATASETS
from tests.helpers.raw_data import random_images, write_cifar10, write_cifar100, write_idx


@pytest.fixture
def places(tmp_path):
    (tmp_path / "data").mkdir()
    return {"data_root": tmp_path / "data", "cache": tmp_path / "cache"}


def refuse(dataset, places, message):
    """Opening is refused with `message`, in one line, and nothing is left in the cache."""
    with pytest.raises(DataError, match=message) as caught:
        open_prepared(dataset, 32, **places)
    assert "\n" not in str(caught.value)
    assert not places["cache"].exists() or not list(places["cache"].iterdir())


# -- idx: MNIST and Fashion-MNIST --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dataset", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_idx_files_are_read_as_torchvision_reads_them(dataset, folder, places):
    _, arrays = write_idx(places["data_root"], folder)
    prepared = open_prepared(dataset, 32, **places)
    assert prepared.train_images.shape == (20, 1, 32, 32)
    assert prepared.class_names == DATASETS[dataset].class_names
    assert prepared.train_labels.tolist() == arrays["train"][1].tolist()
    assert np.array_equal(prepared.test_images[3].numpy(), fit(arrays["t10k"][0][3], 32, 1))
    theirs = getattr(torchvision.datasets, folder)(places["data_root"], train=False)
    assert np.array_equal(theirs.data.numpy(), arrays["t10k"][0])


def test_other_counts_than_the_published_ones_are_noted(places):
    write_idx(places["data_root"])
    (note,) = open_prepared("mnist", 32, **places).notes
    assert note == (
        "training images per class are 2, 2, 2, 2, 2, 2, 2, 2, 2, 2; "
        "MNIST has 5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949"
    )


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("train-images-idx3-ubyte", lambda b: b[:-1], "has 15695 bytes, its header says 15696: truncated or damaged"),
        ("train-images-idx3-ubyte", lambda b: b + b"x", "has 15697 bytes, its header says 15696"),
        ("train-images-idx3-ubyte", lambda b: b[:7], "is not an idx file of bytes in 3 dimensions"),
        ("train-images-idx3-ubyte", lambda _: b"<html>not found</html>", "is not an idx file"),
        ("t10k-labels-idx1-ubyte", lambda _: b"", "is not an idx file of bytes in 1 dimensions"),
        (
            "t10k-labels-idx1-ubyte",
            lambda b: b[:7] + b"\x09" + b[8:-1],
            "10 images, t10k-labels-idx1-ubyte has 9 labels",
        ),
        ("t10k-labels-idx1-ubyte", lambda b: b[:-1] + b"\x0a", r"label 10 is outside 0\.\.9"),
    ],
)
def test_damaged_idx_files_are_refused(name, damage, message, places):
    raw, _ = write_idx(places["data_root"])
    (raw / name).write_bytes(damage((raw / name).read_bytes()))
    refuse("mnist", places, message)


def test_a_missing_idx_file_is_named_with_what_to_do(places):
    raw, _ = write_idx(places["data_root"])
    (raw / "t10k-labels-idx1-ubyte").unlink()
    refuse(
        "mnist", places, r"mnist is not there \(.*t10k-labels-idx1-ubyte: No such file .*put torchvision's MNIST/raw.*"
    )
    refuse("mnist", places, "download it by --prepare-data")


# -- CIFAR-10 and CIFAR-100 --------------------------------------------------------------------------------------------


def test_cifar10_is_read_from_torchvisions_batches(places):
    train, test = write_cifar10(places["data_root"])
    prepared = open_prepared("cifar10", 32, **places)
    # No filter at 32x32: the very bytes of the file, planes first.
    assert np.array_equal(prepared.train_images.numpy().reshape(20, 3072), train)
    assert np.array_equal(prepared.test_images.numpy().reshape(10, 3072), test)
    assert prepared.train_labels.tolist() == [i % 10 for i in range(20)]
    assert prepared.class_names[8] == "ship"


def test_files_that_are_not_the_published_ones_are_noted(places):
    write_cifar10(places["data_root"])
    notes = open_prepared("cifar10", 32, **places).notes
    assert sum("is not the published file" in note for note in notes) == 6


def test_cifar10_is_read_from_npz_where_there_are_no_batches(places):
    images, labels = random_images(20, 32, 32, 3), np.arange(20) % 10
    arrays = {"train_images": images, "train_labels": labels, "test_images": images[::-1], "test_labels": labels[::-1]}
    np.savez(places["data_root"] / "cifar10.npz", **arrays)
    prepared = open_prepared("cifar10", 32, **places)
    assert np.array_equal(prepared.train_images.numpy(), images.transpose(0, 3, 1, 2))
    assert prepared.class_names == DATASETS["cifar10"].class_names
    train, _ = write_cifar10(places["data_root"])
    assert np.array_equal(open_prepared("cifar10", 32, **places).train_images.numpy().reshape(20, 3072), train)


def test_cifar10_npz_with_an_eleventh_class_is_refused(places):
    images, labels = random_images(11, 32, 32, 3), np.arange(11)
    arrays = {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}
    np.savez(places["data_root"] / "cifar10.npz", **arrays)
    refuse("cifar10", places, r"label 10 is outside 0\.\.9")


def test_cifar100_has_its_coarse_classes_and_its_duplicates_counted(places):
    train, _ = write_cifar100(places["data_root"])
    prepared = open_prepared("cifar100", 32, **places)
    assert np.array_equal(prepared.train_images.numpy().reshape(40, 3072), train)
    assert prepared.train_labels.tolist() == [i % 20 for i in range(40)]
    assert len(prepared.class_names) == 20
    assert prepared.class_names[14] == "people"
    assert prepared.duplicates == {"test_in_train": 1, "within_train": 0, "within_test": 0}
    assert "1 test images have the same pixels as a training image" in prepared.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": random_images(40, 3071)}, r"`data` is not \(N, 3072\) of uint8"),
        ({"data": "text"}, r"`data` is not \(N, 3072\) of uint8"),
        ({"coarse_labels": [0] * 39}, "40 images, but 39 labels"),
        ({"coarse_labels": [20] * 40}, r"a label is outside 0\.\.19"),
        ({"coarse_labels": [-1] * 40}, r"a label is outside 0\.\.19"),
        ({"coarse_labels": None}, "`coarse_labels` is not a list of integers"),
    ],
)
def test_cifar_batches_of_other_content_are_refused(change, message, places):
    write_cifar100(places["data_root"], train=change)
    refuse("cifar100", places, message)


@pytest.mark.parametrize("length", [0, 1, 500, -1])
def test_truncated_cifar_batches_are_refused(length, places):
    write_cifar100(places["data_root"])
    path = places["data_root"] / "cifar-100-python" / "test"
    path.write_bytes(path.read_bytes()[:length])
    refuse("cifar100", places, r"cifar-100-python/test cannot be read as a CIFAR batch, it is truncated or damaged")


def test_a_pickle_that_would_run_code_is_refused(places, tmp_path):
    class Harm:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'harm')!r}, 'w')",)

    write_cifar100(places["data_root"])
    (places["data_root"] / "cifar-100-python" / "test").write_bytes(pickle.dumps(Harm()))
    refuse("cifar100", places, r"it names builtins\.exec")
    assert not (tmp_path / "harm").exists()


def test_missing_cifar_says_what_to_put_where(places):
    refuse("cifar10", places, r"put torchvision's cifar-10-batches-py or cifar10\.npz below .*data \(--data\)")
    refuse("cifar100", places, r"put torchvision's cifar-100-python below")


# -- npz ---------------------------------------------------------------------------------------------------------------


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
        ({"test_labels": np.array([0, 1, 2, 0, 1, None], dtype=object)}, "cannot be read as npz"),
    ],
)
def test_npz_of_another_content_is_refused(changes, message, places):
    write_npz(places, **changes)
    refuse("npz:own", places, message)


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: blob[: len(blob) // 2],
        lambda blob: b"",
        lambda blob: b"<html>not found</html>",
        lambda blob: blob[:300] + bytes(64) + blob[364:],
        lambda blob: blob[:-30],
    ],
    ids=["half", "empty", "a web page", "overwritten", "no directory"],
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
    refuse("npz:own", places, r"own\.npz cannot be read as npz")


# -- downloads ---------------------------------------------------------------------------------------------------------


def test_nothing_is_downloaded_unasked(places, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "MNIST", None)
    refuse("mnist", places, "mnist is not there")


def test_a_download_is_torchvisions(places, monkeypatch):
    asked = []

    def download(root, **options):
        asked.append((root, options))
        write_idx(root)

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    assert len(open_prepared("mnist", 32, download=True, **places).train_labels) == 20
    assert len(open_prepared("mnist", 32, download=True, **places).train_labels) == 20
    assert asked == [(places["data_root"], {"download": True})]


def test_a_download_that_fails_is_one_line(places, monkeypatch):
    def download(root, **options):
        raise urllib.error.URLError("no\nnetwork")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", download)
    with pytest.raises(DataError, match=r"cifar100 could not be downloaded to .*no network") as caught:
        open_prepared("cifar100", 32, download=True, **places)
    assert "\n" not in str(caught.value)


def test_an_npz_that_claims_more_than_there_is_is_refused(places):
    content = arrays(train_images=None)
    path = places["data_root"] / "own.npz"
    np.savez(path, **content)
    with zipfile.ZipFile(path, "a") as archive, archive.open("train_images.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
        np.lib.format.write_array_header_1_0(file, header)
    refuse("npz:own", places, r"own\.npz cannot be read as npz")
