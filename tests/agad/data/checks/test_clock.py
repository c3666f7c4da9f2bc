"""File systems whose times of change are not their own: contents are read again, for their stamps prove nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agad.data.checks import clock, raw
from agad.data.prepared import open_prepared
from agad.data.source import Source, Stamp
from tests.helpers.raw_data import fill

SQUASHFS, EXT4, LUSTRE, NFS, FUSE = 0x73717368, 0xEF53, 0x0BD00BD0, 0x6969, 0x65735546
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
