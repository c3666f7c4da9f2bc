"""Preparation and its cache: written once, whole or not at all, shared, and never silently different."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from agad.data import prepared as prepared_module
from agad.data.cache import cache_root, new_folder, prepared_folders, read_meta
from agad.data.prepared import open_prepared, prepare_all
from agad.data.resize import fit
from agad.data.split import one_class_split
from agad.errors import DataError
from agad.spec.datasets import DATASETS
from agad.spec.run import RunSpec
from tests.conftest import ROOT


def write_npz(path, *, train=6, test=4, size=5, classes=2):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, size, size), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.int64)[:, None] % classes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return arrays


@pytest.fixture
def places(tmp_path):
    """Where raw and prepared data are, as keyword arguments; the raw data are one small npz, `npz:some`."""
    write_npz(tmp_path / "data" / "some.npz")
    return {"data_root": tmp_path / "data", "cache": tmp_path / "cache"}


def listing(folder):
    return [path.name for path in folder.iterdir()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# -- digits, from the library to the split -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return open_prepared("digits", 32, cache=tmp_path_factory.mktemp("digits"))


def test_digits_have_the_counts_that_plans_rely_on(digits):
    assert digits.train_counts == DATASETS["digits"].train_counts
    assert sum(digits.train_counts) + sum(digits.test_counts) == 1797
    assert digits.channels == 1
    assert digits.train_images.shape == (1442, 1, 32, 32)
    assert digits.test_images.shape == (355, 1, 32, 32)
    assert digits.train_images.dtype == digits.test_images.dtype == torch.uint8
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64


def test_of_each_digit_every_fifth_is_a_test_image(digits):
    raw = load_digits()
    for label in range(10):
        images = np.rint(raw.images[raw.target == label] * 255 / 16).astype(np.uint8)
        expected = [fit(image, 32, 1) for image in images[4::5]]
        assert np.array_equal(digits.test_images[digits.test_labels == label].numpy(), expected)
        kept = [fit(image, 32, 1) for index, image in enumerate(images) if index % 5 != 4]
        assert np.array_equal(digits.train_images[digits.train_labels == label].numpy(), kept)


def test_digits_never_change_silently(digits):
    """Pinned over Pillow and scikit-learn of any version: rows of different times are compared by this digest."""
    assert digits.digest == "a547ddfb94b34c4ca1553fee2831c3f3cc2b1a8674df423fd5f7ddd7e6fcf340"


def test_digits_can_be_split(digits):
    split = one_class_split(digits, RunSpec(normal_class=0, gamma=0.2))
    assert len(split.normal) == 143
    assert len(split.anomaly) == 35
    assert (split.test_label == 0).sum() == 35


def test_no_digit_is_both_trained_and_tested_on(digits):
    train = {image.tobytes() for image in digits.train_images.numpy()}
    assert not any(image.tobytes() in train for image in digits.test_images.numpy())
    assert digits.duplicates == {"test_in_train": 0, "within_train": 0, "within_test": 0}


# -- resizing ----------------------------------------------------------------------------------------------------------


def test_resizing_from_28_to_32_is_pinned():
    """MNIST's way. Another library, or Pillow's with another filter, would give other bytes."""
    image = (np.arange(784) * 37 % 256).astype(np.uint8).reshape(28, 28)
    fitted = fit(image, 32, 1)
    assert hashlib.sha256(fitted.tobytes()).hexdigest()[:16] == "184bcdbc498f7e28"
    reference = torch.nn.functional.interpolate(torch.from_numpy(image)[None, None].float(), (32, 32), mode="bilinear")
    assert np.abs(fitted[0] - reference[0, 0].numpy()).max() <= 1  # the same filter in floating point, but for rounding


def test_shrinking_averages_over_all_pixels():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200  # without averaging, either all or none of the bright columns would be hit
    assert np.abs(fit(stripes, 16, 1)[0, :, 2:-2].astype(int) - 100).max() <= 1


def test_an_image_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(fit(image, 32, 3), image.transpose(2, 0, 1))


def test_colour_and_grey_are_converted():
    colour = np.zeros((4, 6, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    assert fit(colour, 16, 1).tolist() == [[[76] * 16] * 16]  # red's luma, .299 * 255
    assert fit(np.full((4, 6), 9, np.uint8), 16, 3).tolist() == [[[9] * 16] * 16] * 3


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_a_second_opening_reads_only_what_is_prepared(places, monkeypatch):
    first = open_prepared("npz:some", 16, **places)
    # Neither the raw data are read nor the arrays hashed: the arrays' bytes may change without anyone noticing.
    monkeypatch.setattr(prepared_module, "prepare", None)
    path = first.folder / "train_images.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    second = open_prepared("npz:some", 16, **places)
    assert second.digest == first.digest
    assert second.folder == first.folder


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


def test_changed_raw_data_are_prepared_anew(places, tmp_path):
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


def test_without_raw_data_several_prepared_folders_are_an_error(places, tmp_path):
    open_prepared("npz:some", 16, **places)
    write_npz(tmp_path / "data" / "some.npz", train=8)
    open_prepared("npz:some", 16, **places)
    (tmp_path / "data" / "some.npz").unlink()
    with pytest.raises(DataError, match="several preparations") as caught:
        open_prepared("npz:some", 16, **places)
    assert "\n" not in str(caught.value)


def test_names_that_begin_alike_are_kept_apart(places, tmp_path):
    shutil.copy(tmp_path / "data" / "some.npz", tmp_path / "data" / "some-16px-0123456789ab.npz")
    open_prepared("npz:some-16px-0123456789ab", 16, **places)
    assert prepared_folders(places["cache"], "npz:some", 16) == []


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("AGAD_CACHE", str(tmp_path / "named"))
    assert cache_root(tmp_path / "given") == tmp_path / "given"
    assert cache_root(None) == tmp_path / "named"
    monkeypatch.delenv("AGAD_CACHE")
    assert cache_root(None) == tmp_path / "xdg" / "agad"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root(None) == tmp_path / "home" / ".cache" / "agad"


@pytest.mark.parametrize("fault", ["shortened", "missing", "meta cut", "meta gone", "meta not an object", "a file"])
def test_a_torn_folder_is_rebuilt(places, fault):
    folder = open_prepared("npz:some", 16, **places).folder
    whole = contents(folder)
    if fault == "shortened":
        (folder / "test_images.npy").write_bytes(whole["test_images.npy"][:-1])
    elif fault == "missing":
        (folder / "train_labels.npy").unlink()
    elif fault == "meta cut":
        (folder / "meta.json").write_bytes(whole["meta.json"][:-20])
    elif fault == "meta gone":
        (folder / "meta.json").unlink()
    elif fault == "meta not an object":
        (folder / "meta.json").write_text("[]")
    else:
        shutil.rmtree(folder)
        folder.write_text("not a folder")
    open_prepared("npz:some", 16, **places)
    assert contents(folder) == whole
    assert listing(folder.parent) == [folder.name]


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
    assert prepared.duplicates == {"test_in_train": 2, "within_train": 1, "within_test": 1}
    assert prepared.notes == ("2 test images have the same pixels as a training image",)


# -- several at once, and ends in the middle ---------------------------------------------------------------------------


def test_of_two_writers_the_first_to_finish_stays(tmp_path):
    target = tmp_path / "cache" / "set-32px-0123456789ab"

    def fill(folder, text):
        (folder / "data").write_text(text)
        (folder / "meta.json").write_text(json.dumps({"file_sizes": {"data": len(text)}}))

    with new_folder(target) as slow:
        fill(slow, "slow")
        with new_folder(target) as fast:
            fill(fast, "fast")
            assert read_meta(target) is None  # nothing is seen before it is whole
        assert (target / "data").read_text() == "fast"
    assert (target / "data").read_text() == "fast"
    assert listing(target.parent) == [target.name]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    def fail_halfway():
        with new_folder(tmp_path / "set") as folder:
            (folder / "data").write_text("half")
            raise DataError("no good")

    with pytest.raises(DataError, match="no good"):
        fail_halfway()
    assert listing(tmp_path) == []


_OPEN = """
import sys, pathlib, time
from agad.data import prepared
go = pathlib.Path(sys.argv[3])
inner = prepared.prepare
def wait_then_prepare(*arguments):
    go.with_suffix(f".{sys.argv[4]}").touch()
    while not go.exists():
        time.sleep(0.01)
    inner(*arguments)
prepared.prepare = wait_then_prepare
print(prepared.open_prepared("npz:some", 16, data_root=sys.argv[1], cache=sys.argv[2]).digest)
"""


def start_preparing(places, go, name):
    command = [sys.executable, "-c", _OPEN, places["data_root"], places["cache"], go, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(path, processes):
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


@pytest.mark.slow
def test_processes_that_prepare_at_once_and_one_that_is_killed(places, tmp_path):
    """Three begin the same preparation; one is killed in it; the others end with the same data, and the cache whole."""
    go = tmp_path / "go"
    processes = [start_preparing(places, go, name) for name in "abc"]
    try:
        for name in "abc":
            wait_for(go.with_suffix(f".{name}"), processes)
        processes[2].send_signal(signal.SIGKILL)
        processes[2].wait()
        go.touch()
        outputs = [process.communicate(timeout=600)[0].strip() for process in processes[:2]]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    assert outputs[0] == outputs[1]
    (folder,) = prepared_folders(places["cache"], "npz:some", 16)
    left = [path for path in places["cache"].iterdir() if path != folder]
    assert len(left) == 1  # what the killed one had begun: hidden, harmless
    assert left[0].name.startswith(".")
    assert open_prepared("npz:some", 16, **places).digest == outputs[0]
    # ... and removed by the next preparation once it is old.
    os.utime(left[0], (0, 0))
    shutil.rmtree(folder)
    open_prepared("npz:some", 16, **places)
    assert listing(places["cache"]) == [folder.name]


def test_raw_data_that_change_while_they_are_read_are_not_kept(places, tmp_path, monkeypatch):
    inner = prepared_module.prepare

    def prepare_while_downloading(*arguments):
        inner(*arguments)
        write_npz(tmp_path / "data" / "some.npz", train=8)

    monkeypatch.setattr(prepared_module, "prepare", prepare_while_downloading)
    with pytest.raises(DataError, match="changed while they were being read"):
        open_prepared("npz:some", 16, **places)
    assert listing(places["cache"]) == []


# -- places that cannot be written -------------------------------------------------------------------------------------


def test_a_cache_that_cannot_be_written_is_one_line(places, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write the cache of prepared data .*--cache") as caught:
        open_prepared("npz:some", 16, data_root=places["data_root"], cache=tmp_path / "file" / "cache")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing(places):
    """A limit on the size of files stands in for the disk: the write fails in the middle of an array."""
    code = (
        "import resource, sys\n"
        "from agad.data.prepared import open_prepared\n"
        "from agad.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: open_prepared('npz:some', 16, data_root=sys.argv[1], cache=sys.argv[2])\n"
        "except DataError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, places["data_root"], places["cache"]]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert out.startswith("cannot write the cache of prepared data")
    assert out.count("\n") == 1
    assert listing(places["cache"]) == []


# -- several sets ------------------------------------------------------------------------------------------------------


def test_prepare_all_prepares_what_it_can_and_names_what_it_cannot(places):
    lines = prepare_all([("npz:some", 16), ("digits", 32), ("npz:some", 16)], download=False, **places)
    assert len(lines) == 2
    assert lines[0].startswith("npz:some 16x16: 6 training and 4 test images, digest ")
    shutil.rmtree(places["cache"])
    with pytest.raises(DataError, match=r"^1 data sets could not be prepared: npz:none is not there"):
        prepare_all([("npz:none", 16), ("digits", 32)], download=False, **places)
    assert len(prepared_folders(places["cache"], "digits", 32)) == 1


def test_an_unknown_name_is_refused_with_the_legal_ones(places):
    with pytest.raises(DataError, match=r"unknown dataset 'mnits'; choose from: digits, .*npz:NAME, folder:NAME"):
        open_prepared("mnits", 32, **places)
    with pytest.raises(DataError, match="unknown dataset"):
        open_prepared("npz:../some", 32, **places)
