"""A folder as a kill would leave it, before each operation on a file that some action makes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHANGES = ("open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.truncate")
"""Events of sys.addaudithook that come before a change."""
_watch: list[Callable[[str], None]] = []


def _heard(event: str, _: tuple[Any, ...]) -> None:
    if _watch and event in _CHANGES:
        watch = _watch.pop()  # the copying is heard too
        watch(event)
        _watch.append(watch)


sys.addaudithook(_heard)


def states_on_the_way(folder: Path, into: Path, action: Callable[[], object]) -> list[Path]:
    """Copies of a folder before each operation of the action on any file, and after the last; equal ones once."""
    copies: list[Path] = []
    seen: set[tuple[tuple[str, bytes], ...]] = set()

    def take(_: str) -> None:
        state = tuple(
            (str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()
        )
        if state not in seen:
            seen.add(state)
            copies.append(Path(shutil.copytree(folder, into / f"{len(copies):03d}")))

    _watch.append(take)
    try:
        action()
    finally:
        _watch.clear()
    take("the end")
    return copies
