"""Whether equal stamps of raw files mean equal contents: only where times of change are taken from a clock."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

from agad.data.source import Stamp

_KEEPERS = {
    "ext2 to ext4": 0xEF53,
    "XFS": 0x58465342,
    "Btrfs": 0x9123683E,
    "ZFS": 0x2FC12FC1,
    "F2FS": 0xF2F52010,
    "bcachefs": 0xCA451A4E,
    "JFS": 0x3153464A,
    "NFS": 0x6969,
    "9p": 0x01021997,
    "GPFS": 0x47504653,
    "CephFS": 0x00C36400,
}
"""File systems that set the time of change themselves, by the numbers that statfs(2) gives them.

Not among them are tmpfs and ramfs, which do not set it where a program writes to a file that it has mapped into memory
(a numpy.memmap) and has read from before; overlayfs, which may lie upon these, and on which `write_back` does nothing;
images that somebody has written as a whole (squashfs, ISO 9660, EROFS), where that time is the one
of the last writing, which tools set, and files are numbered from 1; FAT and exFAT, which have no such time; and
what comes by FUSE or SMB, which may be either.
"""
_KEEPERS_BY_SECONDS = {"Lustre": 0x0BD00BD0, "BeeGFS": 0x19830326}
"""Those whose clock counts in seconds."""

_COARSE_NS = 10_000_000
"""One in ten million of a clock's times is a multiple of this, an image's often is: NFS may show one."""


_WRITE_AND_WAIT = 7
"""SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER."""


def tell_changes(stamps: Sequence[Stamp]) -> bool:
    """Whether a file could not have changed without another stamp, for all of them."""
    places = {file.device: file.path for file in stamps}
    kinds = {device: kind_of(path) for device, path in places.items()}
    coarse = set(_KEEPERS_BY_SECONDS.values())
    if not set(kinds.values()) <= coarse.union(_KEEPERS.values()):
        return False
    return all(file.ctime_ns % _COARSE_NS or kinds[file.device] in coarse for file in stamps)


def write_back(path: str) -> bool:
    """Have the system write what it keeps of a file in memory; whether it did.

    Until then a program that has the file mapped may change such a page again without another time of change: that is
    set when a page is written to that is as on the disk. There is no wait for the disk's own cache, as of fsync(2).
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        whole = ctypes.c_int64(0)
        return bool(ctypes.CDLL(None).sync_file_range(file, whole, whole, _WRITE_AND_WAIT) == 0)
    except AttributeError:
        return False
    finally:
        os.close(file)


def kind_of(path: str) -> int:
    """The number of the kind of file system that holds a file (`f_type` of statfs); 0 where it cannot be had."""
    found = (ctypes.c_long * 64)()  # more than any machine's struct statfs, which begins with that number
    try:
        is_known = ctypes.CDLL(None).statfs(os.fsencode(path), found) == 0
    except (AttributeError, OSError):
        is_known = False
    return found[0] & 0xFFFFFFFF if is_known else 0
