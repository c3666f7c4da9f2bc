"""File systems whose times of change are not their own: contents are read again, for their stamps prove nothing."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agad.data.checks import clock, raw
from agad.data.prepared import open_prepared
from agad.data.source import Source, Stamp
from tests.helpers.raw_data import fill

SQUASHFS, EXT4, LUSTRE, NFS, FUSE = 0x73717368, 0xEF53, 0x0BD00BD0, 0x6969, 0x65735546
TMPFS, RAMFS, OVERLAY = 0x01021994, 0x858458F6, 0x794C7630
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("kind", "ctime", "is_told"),
    [
        (EXT4, 1_700_000_000 * SECOND + 123_456_789, True),
        (NFS, 1_700_000_000 * SECOND + 123_456_789, True),
        (NFS, 1_700_000_000 * SECOND, False),  # a server may show an image
        (EXT4, 1_700_000_000 * SECOND, False),  # written as a whole, with SOURCE_DATE_EPOCH
        (EXT4, 1_700_000_000 * SECOND + 120_000_000, False),
        (LUSTRE, 1_700_000_000 * SECOND, True),
        (SQUASHFS, 1_700_000_000 * SECOND, False),
        (FUSE, 1_700_000_000 * SECOND + 123_456_789, False),
        (0, 1_700_000_000 * SECOND + 123_456_789, False),
        (TMPFS, 1_700_000_000 * SECOND + 123_456_789, False),
        (RAMFS, 1_700_000_000 * SECOND + 123_456_789, False),
        (OVERLAY, 1_700_000_000 * SECOND + 123_456_789, False),
    ],
)
def test_a_time_of_change_is_taken_from_a_clock_alone(kind, ctime, is_told, monkeypatch):
    monkeypatch.setattr(clock, "kind_of", lambda _: kind)
    assert clock.tell_changes([Stamp("a", 1, ctime, ctime, 1, "/a")]) is is_told


def test_each_file_system_below_a_folder_counts(monkeypatch):
    monkeypatch.setattr(clock, "kind_of", {"/a": EXT4, "/b/c": SQUASHFS}.get)
    own, mounted = (Stamp(path, 1, 7, 7, 1, path, device) for device, path in enumerate(("/a", "/b/c")))
    assert clock.tell_changes([own])
    assert not clock.tell_changes([own, mounted])


def test_the_kind_of_a_file_system_is_the_kernel_s_number(tmp_path):
    if Path("/proc/self").exists():
        assert clock.kind_of("/proc/self") == 0x9FA0
    assert clock.kind_of(str(tmp_path / "nothing")) == 0


@pytest.mark.parametrize("kind", [EXT4, SQUASHFS])
def test_another_image_at_the_same_place_is_other_data(kind, places, monkeypatch):
    """Two squashfs images with other pixels have the same names, sizes, times and inodes."""
    top = places["data_root"] / "parts"
    made: list[str] = []

    def of(name: str, path: str, status: os.stat_result) -> Stamp:
        return Stamp(name, status.st_size, 17 * SECOND, 17 * SECOND, 3, path, status.st_dev)

    monkeypatch.setattr(clock, "kind_of", lambda _: kind)
    monkeypatch.setattr(Stamp, "of", staticmethod(of))
    for number in (0, 100):
        for name in ("good", "bad"):
            fill(top / name, 3, number + len(name), suffix=".bmp")
            for index, path in enumerate(sorted((top / name).glob("0*.bmp"))):
                path.rename(path.with_name(f"{index}.bmp"))
        made.append(open_prepared("folder:parts", 16, **places).digest)
    assert made[0] != made[1]
    assert not (places["cache"] / "raw").exists()


def test_stamps_that_prove_nothing_leave_no_record(tmp_path, monkeypatch):
    """A record of an older version, which trusted them, is not read either."""
    file = tmp_path / "a"
    file.write_bytes(b"pixels")
    source = Source((Stamp("a", 6, 7, 7, 1, str(file)),), lambda: None)
    monkeypatch.setattr(clock, "kind_of", lambda _: EXT4)
    before = raw.content_of(source, tmp_path / "cache")
    file.write_bytes(b"others")
    assert raw.content_of(source, tmp_path / "cache") == before
    monkeypatch.setattr(clock, "kind_of", lambda _: SQUASHFS)
    assert raw.content_of(source, tmp_path / "cache") != before


@pytest.fixture(params=["the tests' own", "tmpfs"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty folder on a real file system."""
    if request.param != "tmpfs":
        yield tmp_path
        return
    memory = Path("/dev/shm")  # noqa: S108 - no other file system there keeps its files in memory alone
    if clock.kind_of(str(memory)) != TMPFS or not os.access(memory, os.W_OK):
        pytest.skip("there is no tmpfs at /dev/shm")
    made = Path(tempfile.mkdtemp(dir=memory))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("is_flushed", [True, False], ids=["flushed", "not flushed"])
@pytest.mark.parametrize("before", ["untouched", "read", "written"])
def test_a_change_through_a_mapping_is_noticed(before, is_flushed, folder, tmp_path, monkeypatch):
    """Whatever the file system: it sets no time for a page that is mapped for writing already."""
    monkeypatch.setattr(raw, "_SETTLED_SECONDS", 0.0)
    file = folder / "pixels"
    file.write_bytes(bytes(range(256)) * 64)

    def content() -> raw.RawContent:
        stamp = Stamp.of("pixels", str(file), file.stat())
        return raw.content_of(Source((stamp,), lambda: None), tmp_path / "cache")

    pixels = np.memmap(file, mode="r+", dtype=np.uint8)
    if before == "read":
        assert pixels.sum()
    if before == "written":
        pixels[16:] += 1
    known = content()
    time.sleep(0.02)  # a file system's clock ticks
    pixels[16:] = 7
    if is_flushed:
        pixels.flush()
    assert content() != known


def test_a_file_that_cannot_be_written_back_leaves_no_record(tmp_path, monkeypatch):
    """Nor does a system without the call."""
    file = tmp_path / "a"
    file.write_bytes(b"pixels")
    assert clock.write_back(str(file)) == hasattr(ctypes.CDLL(None), "sync_file_range")
    assert not clock.write_back(str(tmp_path / "nothing"))
    monkeypatch.setattr(clock, "kind_of", lambda _: EXT4)
    monkeypatch.setattr(raw, "write_back", lambda _: False)
    raw.content_of(Source((Stamp("a", 6, 7, 7, 1, str(file)),), lambda: None), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
