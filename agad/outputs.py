"""The files that a command writes into a folder of the user's, and those that it wrote there before."""

from __future__ import annotations

import contextlib
from pathlib import Path

from agad import files, json_file

RECORD = ".agad-files.json"
"""In the folder: the name of each file that was written, with its size in bytes and its time of change in ns."""


class Outputs:
    """What is written into one folder, so that nothing of an earlier writing stays beside it.

    Only files are removed that an earlier `close` recorded and that are as they were then.
    """

    def __init__(self, folder: Path) -> None:
        """The folder need not exist."""
        self.folder = folder
        self._written: set[Path] = set()
        self._earlier = _read(folder)

    def add(self, path: Path) -> Path:
        """Say that a file in the folder is being written; its path again."""
        self._written.add(path.relative_to(self.folder))
        return path

    def drop(self, name: str) -> None:
        """Remove one file of an earlier writing now: what is being written would contradict it."""
        self._remove(Path(name))

    def close(self) -> None:
        """Remove what was written earlier and not again, and record what is there now. Raises OSError."""
        for name in self._earlier.keys() - self._written:
            self._remove(name)
        there = {name: _state(self.folder / name) for name in sorted(self._written)}
        record = {name.as_posix(): state for name, state in there.items() if state is not None}
        files.replace_text(self.folder / RECORD, json_file.dumps(record))

    def _remove(self, name: Path) -> None:
        path, state = files.below(self.folder, name), self._earlier.get(name)
        if path is not None and state is not None and _state(path) == state:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def recorded(folder: Path) -> set[Path] | None:
    """The files in a folder that the last writing recorded, whatever has become of them; None of one without record."""
    return {folder / name for name in _read(folder)} if (folder / RECORD).is_file() else None


def _state(path: Path) -> list[int] | None:
    try:
        state = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return [state.st_size, state.st_mtime_ns]


def _read(folder: Path) -> dict[Path, list[int]]:
    """The record; empty where it is missing or damaged."""
    try:
        record = json_file.loads((folder / RECORD).read_bytes())
        record.pop(json_file.KEY, None)
        return {Path(name): [int(number) for number in state] for name, state in record.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
