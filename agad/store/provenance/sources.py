"""The files that make a run's numbers: agad's own, and those of a user's that they import."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDERS = ("spec", "data", "nets", "methods", "tensors", "scoring", "train")
"""Folders of agad/ whose files make the numbers of a row."""

_NO_NUMBERS = ("auditing", "console", "detector", "errors", "files", "json_file", "outputs", "plan", "store")
"""Modules and folders of agad/ that make none."""
_KNOWN = frozenset(("agad", *(f"agad.{name}" for name in (*_NO_NUMBERS, *FOLDERS))))
_DATA = frozenset(
    (".json", ".yaml", ".yml", ".toml", ".csv", ".txt", ".npz", ".npy", ".pt", ".pth", ".safetensors", ".bin")
)
"""Endings of files that a method may read."""
_IMPORT = re.compile(r"^[ \t]*import[ \t]+((?:[\w.]+(?:[ \t]+as[ \t]+\w+)?(?:,[ \t]*)?)+)[ \t]*(?:#.*)?$", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t(]+(\w+)?", re.MULTILINE)
_STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages, wherever they are: the environment's, the user's own, a cluster's modules."""
_REQUIRED = {"PIL", "numpy", "scipy", "sklearn", "torch", "torchvision"}
"""What agad's own code imports: never a user's own, not even where it runs from its source."""


def sources_of(package: Path) -> dict[str, bytes]:
    """Name -> content of every module that makes numbers, and the SHA-256 of weights and the like beside agad's own.

    Names of agad's own are paths below `package`. A user's own module that one of them imports, or that is imported by
    such a one, is there with its whole package; a package that was installed is not: rows name versions.
    """
    own = {
        path.relative_to(package).as_posix(): _content(path)
        for folder in FOLDERS
        for path in (package / folder).rglob("*")
        if (path.suffix == ".py" or path.suffix.lower() in _DATA) and path.is_file()
    }
    found: dict[str, bytes] = {}
    left = list(_own_modules(own, package))
    while left:
        path = left.pop()
        added = {name: content for name, content in _below(path) if name not in found}
        found |= added
        left += _own_modules(added, package) if added else []
    return own | found


def _content(path: Path) -> bytes:
    if path.suffix == ".py":
        return path.read_bytes()
    state = path.stat()
    return _file_digest(path, (state.st_size, state.st_mtime_ns, state.st_ctime_ns))


@functools.cache
def _file_digest(path: Path, _: tuple[int, ...]) -> bytes:
    """Read once a process for each state of the file: weights can be large, and every row asks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _below(path: Path) -> Iterator[tuple[str, bytes]]:
    """The code of a module or a package, by its name and those of its files: a package may hold any amount of data."""
    if path.is_file():
        yield f"import {path.name}", path.read_bytes()
        return
    for one in path.rglob("*.py"):
        if one.is_file():
            yield f"import {path.name}/{one.relative_to(path).as_posix()}", one.read_bytes()


def _own_modules(sources: Mapping[str, bytes], package: Path) -> set[Path]:
    """Modules and packages that these sources import, and that are neither agad's nor installed."""
    found: set[Path] = set()
    for name, content in sources.items():
        if name.endswith(".py"):
            found |= {path for top in _imported(content.decode("utf-8", "replace")) if (path := _place(top, package))}
    return found


@functools.cache
def _imported(text: str) -> frozenset[str]:
    """The first names of what a module imports; `agad.NAME` of a part of agad beside FOLDERS.

    Searched once a process for each text: every row asks.
    """
    named = [part.split()[0] for line in _IMPORT.findall(text) for part in line.split(",") if part.strip()]
    found = {f"agad.{name.split('.')[1]}" if name.startswith("agad.") else name.split(".")[0] for name in named}
    for dots, name, item in _FROM.findall(text):
        parts = [*filter(None, name.split(".")), *filter(None, [item])]
        if len(dots) > 1 or (not dots and parts[:1] == ["agad"]):
            found |= {f"agad.{part}" for part in (parts[:1] if dots else parts[1:2])}
        elif not dots and parts:
            found.add(parts[0])
    return frozenset(found - sys.stdlib_module_names - _KNOWN - _REQUIRED)


def _place(name: str, package: Path) -> Path | None:
    """The file of a module, or the folder of a package; None for one that is installed, built in or nowhere."""
    if name.startswith("agad."):
        inside = package / name.removeprefix("agad.")
        return next((path for path in (inside, inside.with_suffix(".py")) if path.exists()), None)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    if _INSTALLED & {*path.parts} or any(path.is_relative_to(folder) for folder in _STANDARD):
        return None
    return path.parent if path.name == "__init__.py" else path
