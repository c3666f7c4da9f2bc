"""The files that make a run's numbers: agad's own, and those of a user's that they import."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agad.store.provenance.imports import FOLDERS, imports_of

_NO_DATA = frozenset(
    ".pyc .pyo .pyi .typed .md .rst .ipynb .log .out .err .prof .lock .tmp .part .bak .orig .rej .swp".split()  # noqa: SIM905
)
"""Endings of files beside code that no method reads for its numbers."""
_STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages, wherever they are: the environment's, the user's own, a cluster's modules."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that counts.

    Attributes:
        path: of the file.
        content: of code; of data its SHA-256.
        state: what changes with the file: size, times of change, number.
    """

    path: Path
    content: bytes
    state: tuple[int, ...]

    @property
    def imports(self) -> frozenset[str]:
        """What it imports (imports_of); nothing of a file of data."""
        return imports_of(self.content) if self.path.suffix == ".py" else frozenset()


def sources_of(package: Path) -> dict[str, Source]:
    """Name -> file of every module that makes numbers, and of the data beside agad's own.

    Names of agad's own are paths below `package`. A user's own module that one of them imports, or that is imported by
    such a one, is there with its whole package; a package that was installed is not: rows name versions.
    """
    own = {
        path.relative_to(package).as_posix(): source_of(path)
        for folder in FOLDERS
        for path in _files_below(package / folder)
        if _counts(path.relative_to(package)) and path.is_file()
    }
    return own | own_of(own, package)


def own_of(sources: Mapping[str, Source], package: Path) -> dict[str, Source]:
    """Of a user's own modules, those that some sources import, and those that these import: as in `sources_of`."""
    found: dict[str, Source] = {}
    left = list(_own_modules(sources, package))
    while left:
        path = left.pop()
        added = {name: one for name, one in _below(path) if name not in found}
        found |= added
        left += _own_modules(added, package) if added else []
    return found


def data_of(package: Path) -> list[Path]:
    """The files of data beside agad's own code."""
    paths = (path for folder in FOLDERS for path in _files_below(package / folder) if path.suffix != ".py")
    return [path for path in paths if _counts(path.relative_to(package)) and path.is_file()]


def _counts(path: Path) -> bool:
    """Whether a file below the package is code, or may be data of a method: neither hidden, made nor an editor's."""
    if path.suffix == ".py":
        return True
    hidden = any(part.startswith((".", "#")) or part == "__pycache__" for part in path.parts)
    return not hidden and path.suffix.lower() not in _NO_DATA and not path.name.endswith("~")


def source_of(path: Path) -> Source:
    """A file as it is now."""
    state = state_of(path)  # before its content: what is written between the two is seen by whoever looks again
    if path.suffix == ".py":
        return Source(path, path.read_bytes(), state)
    try:
        return Source(path, _file_digest(path, state), state)
    except OSError:  # no method can read it either
        return Source(path, b"", state)


def state_of(path: Path) -> tuple[int, ...]:
    """Size, times of change and number of a file; () where it cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


@functools.cache
def _file_digest(path: Path, _: tuple[int, ...]) -> bytes:
    """Read once a process for each state of the file: weights can be large."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _below(path: Path) -> Iterator[tuple[str, Source]]:
    """The code of a module or a package, by its name and those of its files: a package may hold any amount of data."""
    if path.is_file():
        yield f"import {path.name}", source_of(path)
        return
    for one in path.rglob("*.py"):  # follows no link: its data may be behind one
        if one.is_file():
            yield f"import {path.name}/{one.relative_to(path).as_posix()}", source_of(one)


def _files_below(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Its files, those of linked folders too, but for links that lead back to a folder that they are in."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError:  # no method can read it either
        return
    for entry in entries:
        if entry.is_dir():
            yield from _files_below(Path(entry.path), (*above, real))
        else:
            yield Path(entry.path)


def installed_of(sources: Mapping[str, Source]) -> frozenset[str]:
    """The first names of installed modules that some sources import, but for those that agad itself requires."""
    return frozenset(top for top in tops_of(sources) if not top.startswith("agad.") and is_installed(_origin(top)))


def tops_of(sources: Mapping[str, Source]) -> frozenset[str]:
    """The first names of what some sources import, see imports_of."""
    return frozenset(top for one in sources.values() for top in one.imports)


def _own_modules(sources: Mapping[str, Source], package: Path) -> set[Path]:
    """Modules and packages that these sources import, and that are neither agad's nor installed."""
    return {path for top in tops_of(sources) if (path := _place(top, package))}


def _place(name: str, package: Path) -> Path | None:
    """The file of a module, or the folder of a package; None for one that is installed, built in or nowhere."""
    if name.startswith("agad."):
        inside = package / name.removeprefix("agad.")
        return next((path for path in (inside, inside.with_suffix(".py")) if path.exists()), None)
    path = _origin(name)
    if path is None or is_foreign(path):
        return None
    return path.parent if path.name == "__init__.py" else path


def _origin(name: str) -> Path | None:
    """Where a module is, the folder of one without __init__.py; None for one that is built in or nowhere."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    path = None if spec is None else Path(spec.origin or next(iter(spec.submodule_search_locations or ()), ""))
    return path if path is not None and path.is_absolute() and path.exists() else None


def is_foreign(path: Path) -> bool:
    """Whether a file is of an installed package or of Python itself."""
    return is_installed(path) or any(path.is_relative_to(folder) for folder in _STANDARD)


def is_installed(path: Path | None) -> bool:
    """Whether a file is of an installed package: its version says what it is."""
    return path is not None and not _INSTALLED.isdisjoint(path.parts)
