"""Mutants: ways in which a file can be damaged, each a function of the file and of a draw."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Mutate = Callable[[Path, list[Path], random.Random], bool]
"""Damages a file. Takes the file, its siblings of the same kind and a draw; False where it cannot be so damaged."""

_ODD: tuple[Any, ...] = (float("nan"), float("inf"), -1, 10**30, 1e308, 0.5, True, None, "text", [], {})
"""JSON values that stand in for another one."""
_OTHER = ("[]", "3", '"text"', "null", "{}", "[" * 100_000, '{"a":' * 50_000, "", "\n\n", "\ufeff{}")
"""Texts that stand in for a whole file."""


def _bit(path: Path, _: list[Path], draw: random.Random) -> bool:
    content = bytearray(path.read_bytes())
    if content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return _rewritten(path, bytes(content))


def _byte(path: Path, _: list[Path], draw: random.Random) -> bool:
    """A printable character for another: what stays JSON more often than after a flipped bit."""
    content = bytearray(path.read_bytes())
    if content:
        content[draw.randrange(len(content))] = draw.choice(b"0123456789abcdef")
    return _rewritten(path, bytes(content))


def _zeros(path: Path, _: list[Path], draw: random.Random) -> bool:
    """A page of zeros, as a crash leaves on network file systems."""
    content = path.read_bytes()
    start = draw.randrange(len(content) // 4096 + 1) * 4096
    page = bytes(len(content[start : start + 4096]))
    return _rewritten(path, content[:start] + page + content[start + 4096 :])


def _cut(path: Path, _: list[Path], draw: random.Random) -> bool:
    content = path.read_bytes()
    return bool(content) and _rewritten(path, content[: draw.randrange(len(content))])


def _cut_lines(path: Path, _: list[Path], draw: random.Random) -> bool:
    lines = path.read_bytes().splitlines(keepends=True)
    return len(lines) > 1 and _rewritten(path, b"".join(lines[: draw.randrange(1, len(lines))]))


def _drop_line(path: Path, _: list[Path], draw: random.Random) -> bool:
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return len(lines) > 1 and _rewritten(path, b"".join(lines))


def _empty(path: Path, *_: object) -> bool:
    return _rewritten(path, b"")


def _delete(path: Path, *_: object) -> bool:
    path.unlink()
    return True


def _append(path: Path, _: list[Path], draw: random.Random) -> bool:
    return _rewritten(path, path.read_bytes() + draw.choice((b"x", b"\n{}\n", draw.randbytes(100), b"\0" * 512)))


def _swap(path: Path, siblings: list[Path], draw: random.Random) -> bool:
    """The content of a sibling under this name, and this content under the sibling's."""
    if not siblings:
        return False
    sibling = draw.choice(siblings)
    own = path.read_bytes()
    return _rewritten(path, sibling.read_bytes()) and _rewritten(sibling, own)


def _rename(path: Path, siblings: list[Path], draw: random.Random) -> bool:
    """Under a sibling's name, over it, or under a name of no kind."""
    names = [*siblings, path.with_name(f"copy of {path.name}"), path.with_name(path.name[::-1])]
    path.replace(draw.choice(names))
    return True


def _folder(path: Path, *_: object) -> bool:
    path.unlink()
    path.mkdir()
    return True


def _link(path: Path, *_: object) -> bool:
    path.unlink()
    path.symlink_to("/nonexistent/file")
    return True


def _other(path: Path, _: list[Path], draw: random.Random) -> bool:
    return _rewritten(path, draw.choice(_OTHER).encode())


def _value(path: Path, _: list[Path], draw: random.Random) -> bool:
    """Another value at a place of a JSON file, which stays JSON."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return False
    places = list(_places(content))
    if not places:
        return False
    holder, key = draw.choice(places)
    holder[key] = draw.choice(_ODD)
    return _rewritten(path, json.dumps(content).encode())


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield content, key
        yield from _places(value)


def _rewritten(path: Path, content: bytes) -> bool:
    """Write a new file: what is at `path` may be a link to the specimen's own. False where nothing has changed."""
    if path.read_bytes() == content:
        return False
    path.unlink()
    path.write_bytes(content)
    return True


MUTANTS: dict[str, Mutate] = {
    "a flipped bit": _bit,
    "another character": _byte,
    "a page of zeros": _zeros,
    "cut": _cut,
    "cut at a line's end": _cut_lines,
    "a line lost": _drop_line,
    "emptied": _empty,
    "deleted": _delete,
    "garbage appended": _append,
    "exchanged with a sibling": _swap,
    "renamed": _rename,
    "a folder in its place": _folder,
    "a broken link in its place": _link,
    "other content": _other,
    "another JSON value": _value,
}
"""What happened to a file -> how it is made to happen."""

_SMALL = 2**20


def copy(source: Path, target: Path) -> None:
    """Copy a specimen, over what is at `target`: large files, which nobody writes in place, as links."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> None:
    if Path(source).stat().st_size > _SMALL:
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
