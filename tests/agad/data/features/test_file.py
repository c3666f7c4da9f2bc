"""Files of vectors: what is read, and one line for whatever is wrong with one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agad.data.features.file import FeaturesFile, bytes_of, path_of, read_features
from agad.errors import DataError

LABELS = {"train": np.array([0, 1, 0, 1]), "test": np.array([1, 0])}
DIGEST = "0123456789ab" + 52 * "c"
VECTORS = {"train": np.arange(12, dtype=np.float32).reshape(4, 3), "test": np.ones((2, 3), np.float32)}


def read(path: Path) -> FeaturesFile:
    return read_features(path, LABELS, DIGEST, "do this")


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "own.npz"
    np.savez(path, **{name: array for name, array in {**VECTORS, **changes}.items() if array is not None})
    return path


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_floats_become_float32(dtype: str, order: Any, tmp_path: Path) -> None:
    """Whatever the file's bytes and order in memory: the digest is of numbers."""
    path = written(tmp_path, train=np.asarray(VECTORS["train"], dtype, order=order))
    found = read(path)

    assert found.train.dtype == np.float32
    assert found.train.flags.c_contiguous
    np.testing.assert_array_equal(found.train, VECTORS["train"])
    np.testing.assert_array_equal(found.test, VECTORS["test"])


@pytest.mark.parametrize("labels", [{}, {"train_labels": LABELS["train"]}])
def test_labels_count_where_both_parts_have_them(labels: dict[str, Any], tmp_path: Path) -> None:
    assert not read(written(tmp_path, **labels)).has_labels
    both = {f"{part}_labels": found for part, found in LABELS.items()}
    assert read(written(tmp_path, **both)).has_labels


@pytest.mark.parametrize("digest", [DIGEST, [DIGEST], [64 * "e", DIGEST], DIGEST.encode()])
def test_a_file_may_name_the_data_of_several_sizes(digest: Any, tmp_path: Path) -> None:
    assert not read(written(tmp_path)).has_data_digest
    assert read(written(tmp_path, data_digest=digest)).has_data_digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": None}, "lacks train; it has: test"),
        ({"train": np.ones((3, 3))}, "train has 3 vectors, but there are 4 train images; do this"),
        ({"test": np.ones((3, 3))}, "test has 3 vectors, but there are 2 test images; do this"),
        ({"train": np.ones((4, 0))}, r"train has shape \(4, 0\); it must be \(images, numbers of a vector\)"),
        ({"train": np.ones(4)}, r"train has shape \(4,\); it must be"),
        ({"train": np.float32(4)}, r"train has shape \(0,\); it must be"),
        ({"train": np.ones((4, 3, 1))}, r"train has shape \(4, 3, 1\); it must be"),
        ({"train": np.ones((4, 2))}, "vectors of train have 2 numbers, those of test 3"),
        ({"train": np.ones((4, 3), np.int64)}, "train is int64; vectors are float16, float32 or float64"),
        ({"train": np.ones((4, 3), np.complex64)}, "train is complex64; vectors are"),
        ({"test": np.array([["a"] * 3] * 2)}, "test is <U1; vectors are"),
        ({"test": np.array([[None] * 3] * 2)}, "test holds pickled Python objects, which are not read"),
        ({"train": np.full((4, 3), np.nan)}, "train has numbers that are not finite, or beyond 1e"),
        ({"test": np.full((2, 3), -np.inf)}, "test has numbers that are not finite, or beyond"),
        ({"test": np.full((2, 3), 1e300)}, "test has numbers that are not finite, or beyond"),
        ({"test": np.full((2, 3), -1e16)}, "test has numbers that are not finite, or beyond"),
        (
            {"train_labels": np.array([1, 0, 1, 0])},
            "train_labels are not those of the train images, in their order; do",
        ),
        (
            {"test_labels": np.array([[1], [0]])},
            "test_labels are not those of the test images, in their order; do this",
        ),
        (
            {"data_digest": 64 * "e"},
            "its data_digest is eeeeeeeeeeee, that of the images is 0123456789ab: its vectors are of other images, "
            "or of another image size; do this",
        ),
        ({"data_digest": [64 * "e", 64 * "f"]}, "its data_digest is eeeeeeeeeeee, ffffffffffff, that of"),
        ({"data_digest": []}, "its data_digest is empty, that of"),
        ({"data_digest": np.array([None])}, "data_digest holds pickled Python objects"),
    ],
)
def test_what_is_no_vector_of_each_image_is_refused_in_one_line(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(DataError, match=rf"own\.npz:? {message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_what_the_file_cannot_hold_is_not_read(tmp_path: Path) -> None:
    """By the header, before memory is taken: four vectors of a trillion numbers."""
    path = written(tmp_path, train=None)
    with zipfile.ZipFile(path, "a") as archive, archive.open("train.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (4, 10**12)})
    with pytest.raises(DataError, match="train claims 16,000,000,000,128 bytes, which the file cannot hold"):
        read(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*own\.npz"):
        read(tmp_path / "own.npz")


def _bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **VECTORS)
    return buffer.getvalue()


WHOLE = _bytes()


@pytest.mark.slow
@example(place=WHOLE.rindex(b"PK\1\2") + 8, value=1, kept=0)  # a password
@example(place=WHOLE.rindex(b"PK\1\2") + 10, value=1, kept=0)  # another compression
@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255), kept=st.integers(0, len(WHOLE)))
def test_no_damage_ends_in_anything_but_one_line_or_the_same_vectors(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, kept: int
) -> None:
    """Any byte changed, or the file cut anywhere: numbers are those that were written, or there are none."""
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    for content in (WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :], WHOLE[:kept]):
        path.write_bytes(content)
        assert bytes_of(path) >= 0
        try:
            found = read(path)
        except DataError as error:
            said = str(error)
            assert "\n" not in said
        else:
            np.testing.assert_array_equal(found.train, VECTORS["train"])
            np.testing.assert_array_equal(found.test, VECTORS["test"])


def test_bytes_are_those_of_the_vectors_uncompressed(tmp_path: Path) -> None:
    vectors = np.zeros((1000, 100), np.float32)
    np.savez_compressed(tmp_path / "own.npz", train=vectors, test=vectors, train_labels=np.zeros(10**6))

    assert 800_000 <= bytes_of(tmp_path / "own.npz") < 801_000
    assert bytes_of(tmp_path / "absent.npz") == 0


def test_each_data_set_has_a_file_of_its_own(tmp_path: Path) -> None:
    """One name is one method in all data sets; MNIST and Fashion-MNIST have as many images as each other."""
    assert path_of(tmp_path, "mnist", "file:a") == tmp_path / "features" / "mnist" / "a.npz"
    assert path_of(tmp_path, "npz:own", "file:a") == tmp_path / "features" / "npz-own" / "a.npz"
