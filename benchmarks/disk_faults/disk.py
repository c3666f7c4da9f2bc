"""Disk: the calls of this process to files of one folder, seen and, where a fault is set, answered by an error.

Calls of Python's os, io and fcntl are replaced, and pyarrow's own files by Python's: its C++ code calls the system
itself. What is read and written through an open file counts, and so does its closing, where network file systems
report what they could not write.
"""

from __future__ import annotations

import builtins
import fcntl
import functools
import io
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

BY_PATH = {
    "open": [(os, "open"), (io, "open"), (builtins, "open")],
    "link": [(os, "link")],
    "rename": [(os, "rename"), (os, "replace")],
    "unlink": [(os, "unlink"), (os, "remove")],
    "mkdir": [(os, "mkdir")],
    "rmdir": [(os, "rmdir")],
    "list": [(os, "scandir"), (os, "listdir")],
    "stat": [(os, "stat"), (os, "lstat"), (os, "access")],
    "utime": [(os, "utime")],
    "truncate": [(os, "truncate")],
}
"""Kind of call -> where it is found; these name a path first."""
BY_DESCRIPTOR = {
    "fsync": [(os, "fsync"), (os, "fdatasync")],
    "read": [(os, "read"), (os, "pread")],
    "write": [(os, "write"), (os, "pwrite"), (os, "ftruncate")],
    "close": [(os, "close")],
    "lock": [(fcntl, "flock"), (fcntl, "lockf")],
}
"""These have the number of an open file first."""
OF_FILE = {
    "read": "read", "readline": "read", "readlines": "read", "readinto": "read", "write": "write",
    "writelines": "write", "flush": "write", "truncate": "write",
}  # fmt: skip
"""Method of an open file -> its kind of call."""
MODES = ("once", "lasting", "after")
"""The first such call fails; all do; the first is done, and fails all the same, as where an answer is lost."""
_FRAMES = 4
_ROOT = Path(__file__).resolve().parents[2]
_PROJECT = (f"{_ROOT}/agad/", f"{_ROOT}/sweeps/", f"{_ROOT}/analysis/")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of the disk.

    Attributes:
        number: the errno.
        site: the calls that meet it, as Disk.sites has them.
        mode: one of MODES.
    """

    number: int
    site: str
    mode: str = "once"

    @property
    def kind(self) -> str:
        """Of call: `open`, `rename` and so on."""
        return self.site.partition(" ")[0]


class Disk:
    """Watches the calls to files below a folder, of the whole process, while it is entered.

    Args:
        folder: absolute.
        fault: what some of them meet; None: nothing.

    Attributes:
        sites: how often each place of the program has called: `KIND FUNCTION<CALLER<…`.
        fired: how often the fault was met.
    """

    def __init__(self, folder: Path, fault: Fault | None = None) -> None:
        self._folder = str(folder)
        self._fault = fault
        self.sites: Counter[str] = Counter()
        self.fired = 0
        self._patches = ExitStack()
        self._readlink, self._open = os.readlink, io.open

    def __enter__(self) -> Disk:
        for kinds, name_of in ((BY_PATH, self._of_path), (BY_DESCRIPTOR, self._of_descriptor)):
            for kind, places in kinds.items():
                for module, name in places:
                    call = self._watched(kind, getattr(module, name), name_of)
                    self._patches.enter_context(mock.patch.object(module, name, call))
        self._patches.enter_context(mock.patch.object(pa, "OSFile", self._arrow_file))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def meet(self, kind: str, path: str | None, call: Callable[[], Any]) -> Any:
        """Make a call, or what the fault makes of it. Raises OSError."""
        if path is None:
            return call()
        site = f"{kind} {_caller()}"
        self.sites[site] += 1
        fault = self._fault
        if fault is None or fault.site != site or (self.fired and fault.mode != "lasting"):
            return call()
        self.fired += 1
        if fault.mode == "after" or kind == "close":  # a file whose closing fails is closed
            call()
        raise OSError(fault.number, os.strerror(fault.number), *([path] if kind in BY_PATH else []))

    def _watched(self, kind: str, function: Callable[..., Any], name_of: Callable[[Any], str | None]) -> Any:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            path = name_of(arguments[0]) if arguments else None
            found = self.meet(kind, path, lambda: function(*arguments, **keywords))
            return _File(self, path, found) if path is not None and isinstance(found, io.IOBase) else found

        return call

    def _of_path(self, name: Any) -> str | None:
        if isinstance(name, int):
            return self._of_descriptor(name)
        path = os.path.abspath(os.fsdecode(name))  # noqa: PTH100 - Path would call what is watched
        return path if path.startswith(self._folder) else None

    def _of_descriptor(self, number: Any) -> str | None:
        try:
            return self._of_path(self._readlink(f"/proc/self/fd/{number if isinstance(number, int) else -1}"))
        except OSError:
            return None

    def _arrow_file(self, path: str, mode: str = "rb") -> pa.PythonFile:
        return pa.PythonFile(builtins.open(path, mode), mode[0])  # noqa: PTH123 - as pyarrow opens it


class _File:
    """An open file whose calls a disk watches."""

    def __init__(self, disk: Disk, path: str, file: Any) -> None:
        self._disk, self._path, self._file = disk, path, file

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        if name not in OF_FILE:
            return found
        return lambda *arguments: self._disk.meet(OF_FILE[name], self._path, lambda: found(*arguments))

    def close(self) -> None:
        """Close it; what was written may be lost only now."""
        if not self._file.closed:
            self._disk.meet("close", self._path, self._file.close)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Any:
        return self._disk.meet("read", self._path, lambda: iter(self._file))


def _caller() -> str:
    """The project's functions that lead to a call, the innermost first."""
    names: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and len(names) < _FRAMES:
        file = frame.f_code.co_filename
        if file.startswith(_PROJECT):
            name = f"{Path(file).stem}.{frame.f_code.co_name}"
            if name not in names:
                names.append(name)
        frame = frame.f_back  # type: ignore[assignment]
    return "<".join(names)
