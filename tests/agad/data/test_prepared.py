"""Prepared data: opened, shared, and prepared again where the raw files changed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agad.data import prepared as prepared_module
from agad.data.cache import prepared_folders
from agad.data.checks import clock, raw, verify
from agad.data.checks.verify import matches_digest
from agad.data.prepared import in_memory, open_prepared, prepare_all
from agad.errors import DataError
from agad.spec import datasets
from agad.spec.run import RunOptions, RunSpec
from agad.train.control import Member
from agad.train.row import data_columns
from tests.helpers.opening import write_npz
from tests.helpers.raw_data import fill


@pytest.fixture
def places(places):
    """Folders of raw and prepared data, as keyword arguments; the raw data are one small npz, `npz:some`."""
    write_npz(places["data_root"] / "some.npz")
    return places


def listing(folder):
    return [path.name for path in folder.iterdir()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_opening_reads_only_what_is_prepared(places, monkeypatch):
    first = open_prepared("npz:some", 16, **places)
    monkeypatch.setattr(prepared_module, "write_prepared", None)
    monkeypatch.setattr(verify, "matches_digest", None)  # this process has verified the folder already
    second = open_prepared("npz:some", 16, **places)
    assert second.digest == first.digest
    assert second.folder == first.folder


@pytest.mark.parametrize("name", ["train_images", "test_images", "train_labels", "test_labels"])
def test_data_with_other_arrays_have_another_digest(places, name):
    """Rows and checkpoints are told apart by it; of the new images' duplicates nothing is known."""
    whole = open_prepared("npz:some", 16, **places)
    changed = dataclasses.replace(whole, **{name: 1 - getattr(whole, name)})
    assert changed.digest != whole.digest
    assert changed.identity != whole.identity
    assert changed.duplicates == {}
    assert dataclasses.replace(changed, notes=("a note",)).digest == changed.digest
    assert dataclasses.replace(whole, notes=("a note",), vectors=None).digest == whole.digest
    assert dataclasses.replace(whole, **{name: 1 - getattr(whole, name)}, digest="own").digest == "own"


@pytest.mark.parametrize("name", ["train_images", "test_images", "train_labels", "test_labels"])
def test_data_that_were_written_to_have_another_digest_in_a_run(places, name):
    """In a notebook, say; what has not been written to keeps its digest, and the prepared folder is untouched."""
    data = open_prepared("npz:some", 16, **places)
    first = data.digest
    member = Member(RunSpec(dataset="npz:some", normal_class=0, image_size=16), RunOptions(), data)
    assert member.open_data().digest == first
    getattr(data, name)[:] = 1 - getattr(data, name)
    assert member.open_data().digest not in ("", first)
    assert open_prepared("npz:some", 16, **places).digest == first


@pytest.mark.parametrize("write", [lambda images: images.data.fill_(7), lambda images: images.numpy().fill(7)])
def test_what_torch_does_not_count_is_seen_in_a_sample_of_the_images(places, write):
    """A run of the new images had the old digest."""
    data = open_prepared("npz:some", 16, **places)
    first = data.digest
    write(data.test_images)
    assert dataclasses.replace(data).digest not in ("", first)


def test_prepared_data_whose_classes_are_declared_in_another_order_are_refused(places, monkeypatch):
    """Prepared before that was asked, or before DATASETS was edited."""
    open_prepared("digits", 16, **places)
    turned = dataclasses.replace(datasets.DATASETS["digits"], class_names=tuple("1023456789"))
    monkeypatch.setattr("agad.data.class_names.DATASETS", {"digits": turned})
    with pytest.raises(DataError, match=r"digits: its prepared data have the classes 0, 1, .*; delete .*digits-16px"):
        open_prepared("digits", 16, **places)


def test_arrays_under_the_name_of_a_known_data_set_are_told_apart_from_it():
    """Any images given as MNIST stood beside the paper's number for it, without a word."""
    images, labels = torch.zeros(4, 1, 16, 16, dtype=torch.uint8), np.array([0, 0, 1, 1])
    of_own, known = (in_memory(name, (images, labels), (images, labels), ("0", "1")) for name in ("npz:own", "mnist"))
    assert of_own.notes == ()
    assert known.notes == ("these arrays were given in memory under the name of MNIST; its files were not read",)
    spec = RunSpec(dataset="mnist", normal_class=0, image_size=16)
    assert data_columns(known, spec)["data_notes"] == list(known.notes)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("test_images", lambda images: images / 255, "test_images are torch.float32"),
        ("train_images", lambda images: images.numpy(), "train_images are uint8"),
        ("train_images", lambda images: images[0], "torch.uint8 of shape"),
        ("test_images", lambda images: images[:, :, :8], "are 1x8x16, the data set's are 1x16x16"),
        ("test_images", lambda images: images.repeat(1, 3, 1, 1), "are 3x16x16"),
        ("test_images", lambda images: images[:1], "a whole number for each of 1 images"),
        ("train_labels", lambda labels: labels[1:], "train_labels are int64"),
        ("train_labels", lambda labels: labels / 1, "train_labels are float64"),
        ("test_labels", lambda labels: labels.tolist(), "give an array of numpy's"),
        ("test_labels", lambda labels: labels + 2, "lie outside 0..1"),
        ("test_labels", lambda labels: labels - 1, "lie outside 0..1"),
    ],
)
def test_arrays_that_are_no_images_and_classes_are_refused(places, name, change, said):
    """Floats in [0, 1] had been scaled as if they were pixels: nearly black images, and an AUROC of them."""
    data = open_prepared("npz:some", 16, **places)
    with pytest.raises(DataError, match=said) as error:
        dataclasses.replace(data, **{name: change(getattr(data, name))})
    assert "\n" not in str(error.value)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_prepared_data_is_found(places, data):
    """Of a prepared folder no byte can change unseen: it is prepared again, or gives the same data as before."""
    shutil.rmtree(places["cache"], ignore_errors=True)
    first = open_prepared("npz:some", 16, **places)
    before = contents(first.folder)
    name = data.draw(st.sampled_from(sorted(before)))
    position = data.draw(st.integers(0, len(before[name]) - 1))
    flipped = bytearray(before[name])
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    (first.folder / name).write_bytes(flipped)
    again = open_prepared("npz:some", 16, **places)
    assert (again.digest, again.class_names, again.notes) == (first.digest, first.class_names, first.notes)
    assert matches_digest(again.folder, {"digest": first.digest})
    assert np.array_equal(again.train_images.numpy(), np.load(again.folder / "train_images.npy"))


def damage(folder):
    path = folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def test_damaged_prepared_data_are_prepared_again_with_a_word(places, caplog):
    first = open_prepared("npz:some", 16, **places)
    damage(first.folder)
    assert open_prepared("npz:some", 16, **places).folder == first.folder
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "images and labels do not give their digest; they are prepared again"
    ]


def test_damaged_prepared_data_without_raw_data_are_refused(places):
    folder = open_prepared("npz:some", 16, **places).folder
    damage(folder)
    (places["data_root"] / "some.npz").unlink()
    with pytest.raises(DataError, match=r"are damaged: .*; give the raw data by --data and delete that folder"):
        open_prepared("npz:some", 16, **places)


def test_a_folder_of_an_older_version_is_verified_and_said_to_be_one(places):
    """Older folders have no checksum of meta.json; they serve where the raw data are absent, and are verified too."""
    folder = open_prepared("npz:some", 16, **places).folder
    meta = json.loads((folder / "meta.json").read_text())
    del meta["checksum"], meta["duplicates"]["across_classes"]
    meta["preparation_version"] = 1
    (folder / "meta.json").write_text(json.dumps(meta))
    (places["data_root"] / "some.npz").unlink()
    served = open_prepared("npz:some", 16, **places).served
    assert [sentence.partition(" ")[0] for sentence in served] == ["the", "other"]
    damage(folder)
    with pytest.raises(DataError, match="are damaged"):
        open_prepared("npz:some", 16, **places)


def test_other_content_under_the_same_names_sizes_and_times_is_other_data(places, tmp_path):
    """Two data roots that only the pixels tell apart, as copying tools leave them."""
    digests = set()
    for number in (0, 1):
        root = tmp_path / f"root{number}"
        for name in ("good", "bad"):
            fill(root / "parts" / name, 3, 100 * number + len(name), suffix=".bmp")
            for index, path in enumerate(sorted((root / "parts" / name).iterdir())):
                os.utime(path.rename(path.with_name(f"{index}.bmp")), (1, 1))
        digests.add(open_prepared("folder:parts", 16, data_root=root, cache=places["cache"]).digest)
    assert len(digests) == 2


def test_raw_data_are_read_again_only_after_a_change(places, monkeypatch):
    monkeypatch.setattr(clock, "kind_of", lambda _: 0xEF53)  # ext4, wherever the tests run
    monkeypatch.setattr(raw, "_SETTLED_SECONDS", -60)
    first = open_prepared("npz:some", 16, **places)
    monkeypatch.setattr(raw, "_file_digest", None)
    assert open_prepared("npz:some", 16, **places).folder == first.folder


def test_the_digest_is_of_the_arrays_alone(places, tmp_path):
    first = open_prepared("npz:some", 16, **places)
    shutil.copy(tmp_path / "data" / "some.npz", tmp_path / "data" / "copy.npz")
    assert open_prepared("npz:copy", 16, **places).digest == first.digest
    assert open_prepared("npz:some", 32, **places).digest != first.digest
    arrays = dict(np.load(tmp_path / "data" / "some.npz"))
    arrays["test_labels"] = arrays["test_labels"][::-1]
    np.savez(tmp_path / "data" / "copy.npz", **arrays)
    assert open_prepared("npz:copy", 16, **places).digest != first.digest


def test_the_arrays_are_mapped_and_writing_to_them_changes_no_file(places):
    prepared = open_prepared("npz:some", 16, **places)
    before = contents(prepared.folder)
    with Path("/proc/self/maps").open() as maps:
        assert any("train_images.npy" in line for line in maps)
    prepared.train_images.fill_(7)
    assert contents(prepared.folder) == before
    assert open_prepared("npz:some", 16, **places).train_images.float().std() > 0


def test_changed_raw_data_are_prepared_again(places, tmp_path):
    first = open_prepared("npz:some", 16, **places)
    write_npz(tmp_path / "data" / "some.npz", train=8)
    second = open_prepared("npz:some", 16, **places)
    assert second.folder != first.folder
    assert len(second.train_labels) == 8
    assert len(first.train_labels) == len(first.train_images) == 6


def test_without_raw_data_the_only_prepared_folder_is_used(places, tmp_path):
    first = open_prepared("npz:some", 16, **places)
    (tmp_path / "data" / "some.npz").unlink()
    for data_root in (tmp_path / "data", tmp_path / "nowhere", None):
        assert open_prepared("npz:some", 16, data_root=data_root, cache=places["cache"]).digest == first.digest
    with pytest.raises(DataError, match=r"put some\.npz below"):
        open_prepared("npz:some", 32, **places)


def test_what_served_without_raw_data_is_said_and_stands_in_the_rows(places, caplog):
    """A mistyped folder of data gave an AUROC of what was prepared long ago, in silence."""
    open_prepared("npz:some", 16, **places)
    note = "the images were prepared earlier: there were no raw files to compare them with"
    for _ in range(2):
        opened = open_prepared("npz:some", 16, data_root=places["data_root"] / "no", cache=places["cache"])
        assert opened.served == (note,)
    said = f"npz:some: its raw data are not in {places['data_root'] / 'no'}; {note}"
    assert [record.getMessage() for record in caplog.records] == [said], "once in a process"
    spec = RunSpec(dataset="npz:some", image_size=16, normal_class=0)
    assert data_columns(opened, spec)["data_notes"] == [note, *opened.notes]
    assert data_columns(open_prepared("npz:some", 16, **places), spec)["data_notes"] == list(opened.notes)


def test_without_raw_data_several_prepared_folders_are_an_error(places, tmp_path):
    open_prepared("npz:some", 16, **places)
    write_npz(tmp_path / "data" / "some.npz", train=8)
    open_prepared("npz:some", 16, **places)
    (tmp_path / "data" / "some.npz").unlink()
    with pytest.raises(DataError, match="several preparations") as caught:
        open_prepared("npz:some", 16, **places)
    assert "\n" not in str(caught.value)


def test_meta_says_what_is_there(places):
    folder = open_prepared("npz:some", 16, **places).folder
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["train_counts"] == [3, 3]
    assert meta["test_counts"] == [2, 2]
    assert meta["file_sizes"].keys() == contents(folder).keys() - {"meta.json"}


def test_exact_duplicates_are_counted(places, tmp_path):
    arrays = write_npz(tmp_path / "data" / "some.npz")
    arrays["test_images"][1] = arrays["test_images"][3] = arrays["train_images"][5]
    arrays["train_images"][2] = arrays["train_images"][0]
    np.savez(tmp_path / "data" / "some.npz", **arrays)
    prepared = open_prepared("npz:some", 16, **places)
    assert prepared.duplicates == {"test_in_train": 2, "within_train": 1, "within_test": 1, "across_classes": 0}
    assert prepared.notes == (
        "2 of 4 test images have the same pixels as a training image; the first: test image 1 = train image 5",
        "1 of 4 test images repeat another, pixel for pixel: 3 are different, but intervals take all for images of "
        "their own",
    )


def test_raw_data_that_change_while_they_are_read_are_not_kept(places, tmp_path, monkeypatch):
    inner = prepared_module.write_prepared

    def prepare_while_downloading(*arguments, **named):
        inner(*arguments, **named)
        write_npz(tmp_path / "data" / "some.npz", train=8)

    monkeypatch.setattr(prepared_module, "write_prepared", prepare_while_downloading)
    with pytest.raises(DataError, match="changed while they were being read"):
        open_prepared("npz:some", 16, **places)
    assert listing(places["cache"]) == []


@pytest.mark.slow
def test_prepare_all_prepares_what_it_can_and_names_what_it_cannot(places):
    lines = prepare_all([("npz:some", 16), ("digits", 32), ("npz:some", 16)], download=False, **places)
    assert sum("digest" in line for line in lines) == 2
    assert lines[1] == "  classes (training+test): 0 0 3+2, 1 1 3+2"
    assert lines[0].startswith("npz:some 16x16: 6 training and 4 test images, digest ")
    shutil.rmtree(places["cache"])
    with pytest.raises(DataError, match=r"^1 data sets could not be prepared: npz:none is not there"):
        prepare_all([("npz:none", 16), ("digits", 32)], download=False, **places)
    assert len(prepared_folders(places["cache"], "digits", 32)) == 1
