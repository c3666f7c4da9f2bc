"""The files that a user names for a command to write: a link stays a link, and a pipe or device is written to."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from agad import files

_LINKS = 40
"""Links after which the operating system gives up a name."""
_NO_FILE = "it is a pipe, a socket or a device, which this command cannot write to; give the name of a file"


def replace(target: Path, write: Callable[[Path], object]) -> None:
    """As files.replace_atomically, of the file that a link leads to: the link stays."""
    files.replace_atomically(followed(target), write)


def replace_text(target: Path, text: str) -> None:
    """As replace, with a text, in UTF-8 whatever the locale; what UTF-8 lacks becomes a question mark."""
    replace(target, lambda path: path.write_text(text, encoding="utf-8", errors="replace"))


def followed(target: Path) -> Path:
    """Where a file has to be put to be found under this name: where it is a link, what that leads to."""
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def is_stream(target: Path) -> bool:
    """Whether a target is written to from its start to its end, and cannot be replaced: a pipe, a terminal, /dev/null.

    /dev/stdout and /dev/fd/N are streams whatever they lead to: a file that a shell has opened is written on.
    """
    if _own_descriptor(target) is not None:
        return True
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


class Stream:
    """A stream that texts are written to in UTF-8, each at once; a context manager, which opens and closes it.

    A named pipe is opened when a reader is there. Errors of the operating system name the target.
    """

    def __init__(self, target: Path, shown: Callable[[str], str]) -> None:
        """`shown` makes of a text what a terminal may be sent."""
        self._target, self._shown = target, shown
        self._descriptor = -1

    def __enter__(self) -> Stream:
        with files.naming(self._target):
            self._descriptor = _opened(self._target)
        return self

    def write(self, text: str) -> None:
        """Write all of a text. Raises OSError where whoever reads it has gone."""
        text = self._shown(text) if os.isatty(self._descriptor) else text
        left = text.encode(errors="replace")
        with files.naming(self._target):
            while left:
                left = left[os.write(self._descriptor, left) :]

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _opened(target: Path) -> int:
    own = _own_descriptor(target)
    if own is None:
        return os.open(target, os.O_WRONLY | os.O_NOCTTY)
    sys.stdout.flush()  # what was printed before comes before
    return os.dup(own)  # opened by its name, a file would be written over from its start


def refusal(target: Path, takes_streams: bool = False) -> str:
    """Why a target cannot be written, and what to do; empty where it can. Nothing is opened: a reader may wait there.

    Args:
        target: it need not exist.
        takes_streams: whether the command can write to a pipe or a device.
    """
    if is_stream(target):
        return _unwritable(target) if takes_streams else _NO_FILE
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return _astray(target)
    except OSError as error:  # a ring of links, a file in place of a folder
        return f"{os.strerror(error.errno or errno.EINVAL)}; give another name"
    if stat.S_ISDIR(mode):
        return "give the name of a file, this is a folder"
    return "" if stat.S_ISREG(mode) else _NO_FILE


def _astray(target: Path) -> str:
    """Of a target that is not there: empty unless it is a link into a folder that is not there."""
    folder = followed(target).parent
    if target.is_symlink() and not folder.is_dir():
        return f"it is a link into {folder}, which is no folder; make that folder, or remove the link"
    return ""


def _unwritable(target: Path) -> str:
    own = _own_descriptor(target)
    try:
        closed = own is not None and fcntl.fcntl(own, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    except OSError:
        closed = True
    return "it is not open for writing; give the name of a file" if closed else ""


def _own_descriptor(target: Path) -> int | None:
    """The number of this process's descriptor that a name such as /dev/stdout leads to; None: it leads to none."""
    folders = {"/dev/fd", os.path.realpath("/proc/self/fd")}
    path = target.absolute()
    for _ in range(_LINKS):
        if path.name.isdecimal() and os.path.realpath(path.parent) in folders:
            return int(path.name)
        try:
            path = path.parent / path.readlink()
        except OSError:
            return None
    return None
