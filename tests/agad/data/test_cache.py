"""The cache: folders written whole or not at all, by several processes, on a full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from agad.data.cache import cache_root, new_folder, prepared_folders, read_meta
from agad.data.checks import clock
from agad.data.checks.raw import content_of
from agad.data.prepared import open_prepared
from agad.data.source import Source, Stamp
from agad.errors import DataError
from tests.conftest import ROOT
from tests.helpers.opening import write_npz


@pytest.fixture
def places(places):
    """Folders of raw and prepared data, as keyword arguments; the raw data are one small npz, `npz:some`."""
    write_npz(places["data_root"] / "some.npz")
    return places


def listing(folder):
    return [path.name for path in folder.iterdir()]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


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
inner = prepared.write_prepared
def wait_then_prepare(*arguments, **named):
    go.with_suffix(f".{sys.argv[4]}").touch()
    while not go.exists():
        time.sleep(0.01)
    inner(*arguments, **named)
prepared.write_prepared = wait_then_prepare
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
    left = [path for path in places["cache"].iterdir() if path.name not in (folder.name, "raw")]
    assert len(left) == 1  # what the killed one had begun: hidden, harmless
    assert left[0].name.startswith(".")
    assert open_prepared("npz:some", 16, **places).digest == outputs[0]
    # ... and removed by the next preparation once it is old.
    os.utime(left[0], (0, 0))
    shutil.rmtree(folder)
    open_prepared("npz:some", 16, **places)
    assert set(listing(places["cache"])) == {folder.name, "raw"}


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
    assert {path.parent.name for path in places["cache"].rglob("*") if path.is_file()} <= {"raw"}  # digests of files


def test_a_folder_under_another_one_s_name_is_not_taken_for_it(places):
    """Its arrays agree with its own digest: only the name that it was prepared under shows the mix-up."""
    first = open_prepared("npz:some", 8, **places)
    other = first.folder.with_name(f"{first.folder.name[:-12]}{'0' * 12}")
    shutil.copytree(first.folder, other)
    assert read_meta(first.folder) is not None
    assert read_meta(other) is None


def test_a_record_of_raw_files_stands_for_these_files_alone(tmp_path, monkeypatch):
    """A digest that was changed, or is another record's, is made again."""
    monkeypatch.setattr(clock, "kind_of", lambda _: 0xEF53)  # ext4, wherever the tests run
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"pixels")
    source = Source((Stamp("raw.bin", size=6, mtime_ns=1, ctime_ns=1, inode=1, path=str(raw)),), lambda: None)
    found, _ = content_of(source, tmp_path / "cache")
    (record,) = (tmp_path / "cache" / "raw").iterdir()
    for text in (record.read_text().replace(found[0], "0" if found[0] != "0" else "1", 1), found, "", "x"):
        record.write_text(text)
        assert content_of(source, tmp_path / "cache") == (found, found)
