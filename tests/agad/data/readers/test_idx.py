"""MNIST and Fashion-MNIST: idx files, whole and damaged."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torchvision

from agad.data.image import fit
from agad.data.prepared import open_prepared
from agad.spec.datasets import DATASETS
from tests.helpers.opening import refuse
from tests.helpers.raw_data import (
    write_idx,
)


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
    *other, note = open_prepared("mnist", 32, **places).notes
    assert len(other) == 2
    assert all("are not the published files, and hold other images or labels" in sentence for sentence in other)
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


def test_compressed_idx_files_are_named_with_what_to_do(places):
    raw, _ = write_idx(places["data_root"])
    path = raw / "t10k-labels-idx1-ubyte"
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed)
    refuse("mnist", places, "t10k-labels-idx1-ubyte is compressed by gzip")
    path.unlink()
    path.with_name(f"{path.name}.gz").write_bytes(packed)
    refuse("mnist", places, r"is there as t10k-labels-idx1-ubyte\.gz only: unpack it")
