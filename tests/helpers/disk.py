"""Folders that cannot be written, also where the tests are root's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make a folder in which this process can make no file with `touch`."""
    folder.mkdir()
    touch = Path.touch

    def refusing(path: Path) -> None:
        if path.parent == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        touch(path)

    monkeypatch.setattr(Path, "touch", refusing)
