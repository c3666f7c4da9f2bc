"""Files written so that a reader sees all of them or nothing, on local disks and on NFS (standard library only)."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from agad.errors import AgadError

TEMPORARY_PREFIX = "_"
"""Names that begin so are half-written or left behind by a crash: every reader passes over them."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises OSError, also for what is no file: reading a pipe would wait for a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(f"{path} is a pipe, a socket or a device, and no file")
    with naming(path), os.fdopen(descriptor, "rb") as file:
        return file.read()


def temporary_beside(target: Path) -> Path:
    """A fresh name in target's folder that no reader looks at and no other writer uses."""
    return target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}.tmp")


def replace_atomically(
    target: Path, write: Callable[[Path], object], note: Callable[[Path], object] | None = None
) -> None:
    """Write a file by `write(path)` and put it at `target`, over what was there; before that, `note(path)` is called.

    A link is replaced itself, and not what it leads to: `targets.replace` follows links, for files that a user names.
    Raises OSError, and leaves target as it was, where the disk is full or the folder not writable; AgadError, one line,
    where the target is a pipe, a socket or a device.
    """
    _check_replaceable(target)

    def place(temporary: Path) -> None:
        if note is not None:
            note(temporary)
        temporary.replace(target)

    _publish(target, write, place)


def _check_replaceable(target: Path) -> None:
    """A pipe that was renamed over has a reader that waits for ever, and /dev/stdout is everybody's."""
    try:
        mode = target.lstat().st_mode
    except OSError:  # it is not there, or its folder says what is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
        raise AgadError(f"{target} is a pipe, a socket or a device, and is not replaced by a file; give another name")


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


def replace_text(target: Path, text: str) -> None:
    """As replace_atomically, with a text, in UTF-8 whatever the locale."""
    replace_atomically(target, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def create_text(target: Path, text: str) -> bool:
    """As create_atomically, with a text, in UTF-8 whatever the locale."""
    return create_atomically(target, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _publish(target: Path, write: Callable[[Path], object], place: Callable[[Path], object]) -> None:
    temporary = temporary_beside(target)
    with naming(target):
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


def check_writable(folder: Path) -> None:
    """Raises OSError, which names the folder, where no file can be made and removed in it.

    A file is made: permissions alone do not show what a mount or a file server allows.
    """
    probe = temporary_beside(folder / "probe")
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        error.filename = str(folder)
        raise


def below(folder: Path, name: str | PurePath) -> Path | None:
    """The path of a name that a file holds; None where it leads out of the folder or through a link, or is a link.

    What removes or writes a file under a name that it has read asks this first: the name may be a stranger's. The
    folder itself may be reached through links, which are the user's own.
    """
    parts = PurePath(name).parts
    if not parts or PurePath(name).is_absolute() or ".." in parts:
        return None
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            return None
    return path


def is_temporary(name: str) -> bool:
    """Whether a file's name is one of `temporary_beside`."""
    return re.fullmatch(rf"{TEMPORARY_PREFIX}[0-9a-f]{{32}}\.tmp", name) is not None


def names(folder: Path) -> list[str]:
    """Names of the finished files in a folder, sorted; none where the folder does not exist."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith((TEMPORARY_PREFIX, ".")))
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the operating system that are raised inside name this path, where they name none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def error_line(error: OSError, about: object = None) -> str:
    """One line about an error of the operating system: the file, the reason and, where room has run out, what is free.

    Args:
        error: the error.
        about: the file or folder that it concerns where it names none; None: unknown.
    """
    file = error.filename or about
    if error.errno is None or file is None:
        return " ".join(str(error).split())
    return f"{file}: {os.strerror(error.errno)}{_free(Path(str(file)), error.errno)}"


def _free(path: Path, number: int) -> str:
    """What is free where a file has found no room; empty for other errors, and where that cannot be known."""
    free = free_bytes(path) if number in _NO_ROOM else None
    return "" if free is None else f" ({free:,} bytes are free there)"


def free_bytes(path: Path) -> int | None:
    """What is free on the file system of `path`, which need not exist; None where that cannot be known."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(folder).free
    return None
