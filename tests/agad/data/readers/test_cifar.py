"""CIFAR-10 and CIFAR-100: batches, whole and damaged, and cifar10.npz."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from agad.data.prepared import open_prepared
from agad.spec.datasets import DATASETS
from tests.helpers.opening import refuse
from tests.helpers.raw_data import (
    random_images,
    write_cifar10,
    write_cifar100,
)


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
