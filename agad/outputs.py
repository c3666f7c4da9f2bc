"""The files that a command writes into a folder of the user's, and those that it wrote there before."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agad import files, json_file, targets

RECORD = ".agad-files.json"
"""In the folder: the name of each file that was written, with its size in bytes and its time of change in ns."""
JOURNAL = ".agad-files.jsonl"
"""Beside it, only until a writing has ended: a line for each file, name, size and time, from before it was put there.

Of a writing that was interrupted it stays, so that its files are known as those of a finished one are.
"""

_State = tuple[int, int]


class Outputs:
    """What is written into one folder, so that nothing of an earlier writing stays beside it.

    Only files are removed that an earlier writing recorded, finished or not, and that are as they were then.
    """

    def __init__(self, folder: Path) -> None:
        """The folder need not exist."""
        self.folder = folder
        self._written: set[Path] = set()
        self._earlier = _read(folder)

    def replace(self, path: Path, write: Callable[[Path], object]) -> None:
        """As files.replace_atomically, of a file in the folder, which is recorded first."""
        files.replace_atomically(path, write, lambda temporary: self._note(path, temporary))

    def replace_text(self, path: Path, text: str) -> None:
        """As replace, with a text, in UTF-8."""
        self.replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="replace"))

    def replace_page(self, page: Path, text: str) -> None:
        """As replace_text, of a page that console.check_page has let pass: a link to it stays."""
        files.replace_atomically(
            targets.followed(page),
            lambda temporary: temporary.write_text(text, encoding="utf-8", errors="replace"),
            lambda temporary: self._note(page, temporary),
        )

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
        (self.folder / JOURNAL).unlink(missing_ok=True)

    def _note(self, path: Path, temporary: Path) -> None:
        """Record the file that takes this path next: where the command ends before or after that, it is known."""
        name = path.relative_to(self.folder)
        _append(self.folder / JOURNAL, [name.as_posix(), *(_state(temporary) or ())])
        self._written.add(name)

    def _remove(self, name: Path) -> None:
        path = files.below(self.folder, name)
        if path is not None and _state(path) in self._earlier.get(name, ()):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def recorded(folder: Path) -> set[Path] | None:
    """The files in a folder that writings recorded, whatever has become of them; None of a folder without records."""
    if not any((folder / name).is_file() for name in (RECORD, JOURNAL)):
        return None
    return {folder / name for name in _read(folder)}


def _state(path: Path) -> _State | None:
    try:
        state = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return state.st_size, state.st_mtime_ns


def _append(journal: Path, line: list[Any]) -> None:
    """Add a line. It begins by a line's end: the line before may have been cut off by a crash."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # neither a link nor a pipe
    with files.naming(journal), os.fdopen(os.open(journal, flags, 0o666), "wb", buffering=0) as file:
        file.write(f"\n{json.dumps(line)}".encode())


def _read(folder: Path) -> dict[Path, set[_State]]:
    """The states that each file may have as it was written, by its name."""
    known: dict[Path, set[_State]] = {}
    for name, state in (*_recorded_in(folder / RECORD), *_noted_in(folder / JOURNAL)):
        known.setdefault(name, set()).add(state)
    return known


def _recorded_in(record: Path) -> list[tuple[Path, _State]]:
    """What a finished writing recorded; nothing where that is missing or damaged."""
    try:
        content = json_file.loads(files.read_file(record))
        content.pop(json_file.KEY, None)
        return [_entry(name, *state) for name, state in content.items()]
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        return []


def _noted_in(journal: Path) -> Iterator[tuple[Path, _State]]:
    """What an interrupted writing recorded; lines that a crash has cut off are passed over."""
    try:
        lines = files.read_file(journal).splitlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            yield _entry(*json_file.parse(line))


def _entry(name: str, size: int, changed: int) -> tuple[Path, _State]:
    return Path(name), (int(size), int(changed))
