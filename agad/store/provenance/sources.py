"""The files that make a run's numbers: agad's own, and those of a user's that they import."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import os
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDERS = ("spec", "data", "nets", "methods", "tensors", "scoring", "train")
"""Folders of agad/ whose files make the numbers of a row."""

_NO_NUMBERS = ("auditing", "console", "detector", "errors", "files", "json_file", "outputs", "plan", "store")
"""Modules and folders of agad/ that make none."""
_KNOWN = frozenset(("agad", *(f"agad.{name}" for name in (*_NO_NUMBERS, *FOLDERS))))
_NO_DATA = frozenset(
    ".pyc .pyo .pyi .typed .md .rst .ipynb .log .out .err .prof .lock .tmp .part .bak .orig .rej .swp".split()  # noqa: SIM905
)
"""Endings of files beside code that no method reads for its numbers."""
_KNOWN_LINE = re.compile(
    r"[ \t]*(?:from|import)[ \t]+((?:agad\.)?\w+)[\w.]*"
    r"(?:[ \t]+import[ \t][\w \t,()*]*|[ \t]+as[ \t]+\w+)?[ \t]*(?:#.*)?"
)
"""A line that imports from one module and does nothing else."""
_BY_NAME = ("import_module", "__import__")
"""Functions that import a module by its name."""
_STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages, wherever they are: the environment's, the user's own, a cluster's modules."""
_REQUIRED = {"PIL", "numpy", "scipy", "sklearn", "torch", "torchvision"}
"""What agad's own code imports: never a user's own, not even where it runs from its source."""
_PASSED = (sys.stdlib_module_names | _KNOWN | _REQUIRED) - {"agad"}
"""What a module may import without being looked at; what is imported from agad itself may be one of its parts."""


def sources_of(package: Path) -> dict[str, bytes]:
    """Name -> content of every module that makes numbers, and the SHA-256 of each file of data beside agad's own.

    Names of agad's own are paths below `package`. A user's own module that one of them imports, or that is imported by
    such a one, is there with its whole package; a package that was installed is not: rows name versions.
    """
    own = {
        path.relative_to(package).as_posix(): _content(path)
        for folder in FOLDERS
        for path in _files_below(package / folder)
        if _counts(path.relative_to(package)) and path.is_file()
    }
    return own | own_of(own, package)


def own_of(sources: Mapping[str, bytes], package: Path) -> dict[str, bytes]:
    """Of a user's own modules, those that some sources import, and those that these import: as in `sources_of`."""
    found: dict[str, bytes] = {}
    left = list(_own_modules(sources, package))
    while left:
        path = left.pop()
        added = {name: content for name, content in _below(path) if name not in found}
        found |= added
        left += _own_modules(added, package) if added else []
    return found


def _counts(path: Path) -> bool:
    """Whether a file below the package is code, or may be data of a method: neither hidden, made nor an editor's."""
    if path.suffix == ".py":
        return True
    hidden = any(part.startswith((".", "#")) or part == "__pycache__" for part in path.parts)
    return not hidden and path.suffix.lower() not in _NO_DATA and not path.name.endswith("~")


def _content(path: Path) -> bytes:
    if path.suffix == ".py":
        return path.read_bytes()
    try:
        state = path.stat()
        return _file_digest(path, (state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    except OSError:  # no method can read it either
        return b""


@functools.cache
def _file_digest(path: Path, _: tuple[int, ...]) -> bytes:
    """Read once a process for each state of the file: weights can be large, and every row asks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _below(path: Path) -> Iterator[tuple[str, bytes]]:
    """The code of a module or a package, by its name and those of its files: a package may hold any amount of data."""
    if path.is_file():
        yield f"import {path.name}", _content(path)
        return
    for one in path.rglob("*.py"):  # follows no link: its data may be behind one
        if one.is_file():
            yield f"import {path.name}/{one.relative_to(path).as_posix()}", one.read_bytes()


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


def installed_of(sources: Mapping[str, bytes]) -> frozenset[str]:
    """The first names of installed modules that some sources import, but for those that agad itself requires."""
    tops = {top for name, content in sources.items() if name.endswith(".py") for top in _imported(content)}
    return frozenset(top for top in tops if not top.startswith("agad.") and _is_installed(_origin(top)))


def _own_modules(sources: Mapping[str, bytes], package: Path) -> set[Path]:
    """Modules and packages that these sources import, and that are neither agad's nor installed."""
    found: set[Path] = set()
    for name, content in sources.items():
        if name.endswith(".py"):
            found |= {path for top in _imported(content) if (path := _place(top, package))}
    return found


@functools.cache
def _imported(source: bytes) -> frozenset[str]:
    """The first names of what a module imports, wherever in it; `agad.NAME` of a part of agad beside FOLDERS.

    Once a process for each source: every row asks. A source is parsed where a line may import another module than a
    known one: to parse all of agad takes a fifth of a second.
    """
    lines = (line for line in source.decode("utf-8", "replace").splitlines() if "import" in line)
    if all((plain := _KNOWN_LINE.fullmatch(line)) and plain[1] in _PASSED for line in lines):
        return frozenset()
    try:
        with warnings.catch_warnings(action="ignore"):  # of texts with odd escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    return (
        frozenset(top for node in ast.walk(tree) for top in _tops(node)) - sys.stdlib_module_names - _KNOWN - _REQUIRED
    )


def _tops(node: ast.AST) -> Iterator[str]:
    """The first names of what one node imports."""
    match node:
        case ast.Import(names=names):
            yield from (_top(one.name) for one in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            begin = "." * level + (f"{module}." if module else "")
            yield from (_top(begin + one.name) for one in names)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called in _BY_NAME:
            given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
            yield from (
                _top(one.value) for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def _top(name: str) -> str:
    """`agad.NAME` of a name in agad or above the file's own folder, all of which counts; the first part of another."""
    if name.startswith(".."):
        name = "agad." + name.lstrip(".")
    elif name.startswith("."):
        return "agad"
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "agad" else parts[:1])


def _place(name: str, package: Path) -> Path | None:
    """The file of a module, or the folder of a package; None for one that is installed, built in or nowhere."""
    if name.startswith("agad."):
        inside = package / name.removeprefix("agad.")
        return next((path for path in (inside, inside.with_suffix(".py")) if path.exists()), None)
    path = _origin(name)
    if path is None or _is_installed(path) or any(path.is_relative_to(folder) for folder in _STANDARD):
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


def _is_installed(path: Path | None) -> bool:
    return path is not None and not _INSTALLED.isdisjoint(path.parts)
