"""Files written so that a reader sees all of them or nothing, on local disks and on NFS (standard library only)."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

TEMPORARY_PREFIX = "_"
"""Names that begin so are half-written or left behind by a crash: every reader passes over them."""

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def temporary_beside(target: Path) -> Path:
    """A fresh name in target's folder that no reader looks at and no other writer uses."""
    return target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}.tmp")


def replace_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Write a file by `write(path)` and put it at `target`, over what was there.

    Raises OSError, and leaves target as it was, where the disk is full or the folder not writable.
    """
    _publish(target, write, lambda temporary: temporary.replace(target))


def create_atomically(target: Path, write: Callable[[Path], object]) -> bool:
    """Write a file by `write(path)` and put it at `target` unless a file is there; whether it was put there.

    Raises OSError where the disk is full or the folder not writable.
    """
    created = True

    def place(temporary: Path) -> None:
        nonlocal created
        created = _place_exclusively(temporary, target)

    _publish(target, write, place)
    return created


def _publish(target: Path, write: Callable[[Path], object], place: Callable[[Path], object]) -> None:
    temporary = temporary_beside(target)
    try:
        write(temporary)
        sync(temporary)
        place(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    sync(target.parent)


def _place_exclusively(temporary: Path, target: Path) -> bool:
    try:
        os.link(temporary, target)  # unlike rename, link fails where target exists
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if target.exists():
            return False
        temporary.rename(target)
    return True


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def names(folder: Path) -> list[str]:
    """Names of the finished files in a folder, sorted; none where the folder does not exist."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith((TEMPORARY_PREFIX, ".")))
    except FileNotFoundError:
        return []
