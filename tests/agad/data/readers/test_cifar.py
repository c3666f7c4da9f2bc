"""CIFAR-10 and CIFAR-100: batches, whole and damaged, and cifar10.npz."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from agad.data.prepared import open_prepared
from agad.data.readers.cifar import UNPUBLISHED
from agad.spec.datasets import DATASETS
from tests.helpers.opening import refuse
from tests.helpers.raw_data import (
    random_images,
    write_cifar10,
    write_cifar100,
)


@pytest.fixture(autouse=True)
def _unpublished(monkeypatch):
    """The batches of these tests are small, and so are none of the published files."""
    monkeypatch.setenv(UNPUBLISHED, "1")


def test_batches_that_are_not_the_published_ones_are_refused_unless_asked_for(places, monkeypatch):
    """A pickle of an unknown writer is not opened; the message says why, and what to do."""
    write_cifar10(places["data_root"])
    monkeypatch.delenv(UNPUBLISHED)
    refuse("cifar10", places, rf"data_batch_1 is not the published file .*npz:NAME.*{UNPUBLISHED}=1 to read it")


def test_an_array_whose_pickle_forges_its_type_is_refused(places):
    """Numpy is never given the state of a pickled array or type: a type with objects in it ends as one line."""
    write_cifar100(places["data_root"], train={"data": np.zeros((40, 3072), dtype=[("a", "u1")])})
    refuse("cifar100", places, "an array in it is not of uint8")
    write_cifar100(places["data_root"], train={"data": np.zeros((40, 384), dtype="f8")})
    refuse("cifar100", places, "an array in it is not of uint8")


def test_a_batch_that_was_pickled_again_is_named_as_that(places):
    write_cifar100(places["data_root"])
    batch = {"data": random_images(40, 3072), "coarse_labels": [np.int64(i % 20) for i in range(40)]}
    (places["data_root"] / "cifar-100-python" / "train").write_bytes(pickle.dumps(batch))
    refuse("cifar100", places, r"which the published files do not: it was pickled again; as docs/data\.md says")


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
    assert prepared.duplicates == {"test_in_train": 1, "within_train": 0, "within_test": 0, "across_classes": 2}
    same = "have the same pixels as"
    assert f"1 of 20 test images {same} a training image; the first: test image 4 = train image 9" in prepared.notes
    contradiction = f"2 images {same} one of another class; the first: train image 9 = test image 4"
    assert f"LABELS CONTRADICT: {contradiction}" in prepared.notes


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
    refuse("cifar100", places, r"cifar-100-python/test cannot be read as a CIFAR batch, it is truncated or changed")


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
