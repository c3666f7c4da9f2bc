"""A data set with the vectors of a file: what is read when, and what stands for both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from agad.data.features.attach import with_features
from agad.errors import DataError
from agad.spec.run import RunSpec
from tests.helpers.features import projected, write_features
from tests.helpers.science import made_up

DATA = made_up()


def spec(features: str = "file:own") -> RunSpec:
    return RunSpec(dataset="npz:made_up", image_size=16, normal_class=0, method="knn", updates=0, features=features)


def test_pixels_need_no_file_and_change_nothing(tmp_path: Path) -> None:
    assert with_features(DATA, spec("pixels"), None) is DATA
    assert DATA.identity == DATA.digest


def test_what_is_there_is_not_read_again_and_goes_with_its_runs_alone(tmp_path: Path) -> None:
    """A run on pixels has the identity that it has always had, though its data come with vectors."""
    path = write_features(tmp_path, DATA, train_labels=None)
    attached = with_features(DATA, spec(), tmp_path)
    path.unlink()

    assert with_features(attached, spec(), tmp_path) is attached
    plain = with_features(attached, spec("gcn"), tmp_path)
    assert (plain.vectors, plain.notes, plain.identity) == (None, DATA.notes, DATA.digest)


def test_another_file_is_read_for_another_name(tmp_path: Path) -> None:
    for seed, name in enumerate(("own", "other")):
        write_features(tmp_path, DATA, name, seed)
    one = with_features(DATA, spec(), tmp_path)
    other = with_features(one, spec("file:other"), tmp_path)

    assert one.vectors is not None
    assert other.vectors is not None
    np.testing.assert_array_equal(other.vectors.rows, np.concatenate([
        projected(DATA.train_images, 1), projected(DATA.test_images, 1),
    ]))  # fmt: skip
    assert len({DATA.identity, one.identity, other.identity}) == 3
    assert {DATA.digest, one.digest, other.digest} == {DATA.digest}


def test_the_digest_is_of_numbers_and_not_of_the_file(tmp_path: Path) -> None:
    """Saved again, compressed or as float64, the vectors are the same ones; a number changed, they are others."""
    vectors = {"train": projected(DATA.train_images), "test": projected(DATA.test_images)}
    digests = []
    for changes in ({}, {name: array.astype(np.float64) for name, array in vectors.items()}, {"train_labels": None}):
        write_features(tmp_path, DATA, **changes)
        digests.append(with_features(DATA, spec(), tmp_path).identity)
    for part, array in vectors.items():
        changed = array.copy()
        changed[-1, -1] += 1
        write_features(tmp_path, DATA, **{part: changed})
        digests.append(with_features(DATA, spec(), tmp_path).identity)

    assert len(set(digests[:3])) == 1
    assert len(set(digests)) == 3


def test_without_labels_a_note_says_that_the_order_was_not_compared(tmp_path: Path) -> None:
    write_features(tmp_path, DATA)
    assert with_features(DATA, spec(), tmp_path).notes == DATA.notes
    write_features(tmp_path, DATA, test_labels=None)
    assert "the order of its vectors is checked by repeated" in with_features(DATA, spec(), tmp_path).notes[-1]


def test_vectors_of_images_that_were_replaced_are_refused(tmp_path: Path) -> None:
    """Labels and counts are the same; a file that says not of what it was made has a note."""
    write_features(tmp_path, DATA)
    replaced = dataclasses.replace(DATA, train_images=255 - DATA.train_images)
    advice = r"compute the vectors of what open_prepared\('npz:made_up', 16\) gives"
    with pytest.raises(DataError, match=f"vectors are of other images, or of another image size; {advice}"):
        with_features(replaced, spec(), tmp_path)
    write_features(tmp_path, DATA, data_digest=None)
    (*before, note) = with_features(replaced, spec(), tmp_path).notes
    assert tuple(before) == replaced.notes
    assert note.startswith("features=file:own: it has no data_digest, so that its vectors may be of other images")


def test_vectors_in_another_order_are_refused(tmp_path: Path) -> None:
    """By labels, or without them where images repeat."""
    shuffled = np.random.default_rng(0).permutation(len(DATA.train_labels))
    vectors = projected(DATA.train_images)[shuffled]
    write_features(tmp_path, DATA, train=vectors, train_labels=DATA.train_labels[shuffled])
    with pytest.raises(DataError, match=r"train_labels are not those .* what open_prepared\('npz:made_up', 16\) gives"):
        with_features(DATA, spec(), tmp_path)
    images = DATA.train_images.clone()
    images[30:] = images[:30]
    twice = dataclasses.replace(DATA, train_images=images)
    write_features(tmp_path, twice, train=projected(images)[shuffled], train_labels=None)
    with pytest.raises(DataError, match=r"images have the pixels of another and a different vector"):
        with_features(twice, spec(), tmp_path)


def test_images_that_were_left_out_are_said(tmp_path: Path) -> None:
    """Whoever computed a vector of each file, the damaged too, learns why there are fewer images."""
    write_features(tmp_path, DATA, train=np.ones((61, 5)))
    damaged = dataclasses.replace(DATA, damaged=(("train/a.png", "truncated"),))
    with pytest.raises(DataError, match=r"61 vectors, but there are 60 .* \(1 damaged images are left out there\)$"):
        with_features(damaged, spec(), tmp_path)


def test_a_missing_file_or_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=rf"features=file:own: there is no file {tmp_path}/features/npz-made_up/own\.npz"
    ):
        with_features(DATA, spec(), tmp_path)
    with pytest.raises(
        DataError, match="features=file:own needs the folder with features/npz:made_up: give it by --data"
    ):
        with_features(DATA, spec(), None)
