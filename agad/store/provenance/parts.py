"""The code behind one room of agad's: some modules, and all that they import of that room and of a user's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from agad.store.provenance.sources import Source, own_of

_IMPORT = re.compile(r"[ \t]*(?:from (\.*[\w.]*) import (.+)|import (.+))")
"""A statement that imports, as Python prints its syntax tree: on one line, whatever the source looked like."""
_BY_NAME = re.compile(r"\b(?:import_module|__import__)\((?:name=)?'([\w.]+)'")
_PACKAGE = "agad."


def needed_by(
    modules: Collection[str], sources: Mapping[str, Source], package: Path, printed: Callable[[bytes], str]
) -> dict[str, Source]:
    """Of `sources`, those of some modules of agad and of all that these import, and the files of data in their rooms.

    Of agad's own modules those in the rooms that these are in, such as `data`; of a user's own all.

    Args:
        modules: such as `agad.data.write`.
        sources: as of sources.sources_of.
        package: agad's folder.
        printed: a source's code as Python prints its syntax tree.
    """
    found: dict[str, Source] = {}
    rooms = {f"{module.split('.')[1]}/" for module in modules}
    left = [name for module in modules for name in _files_of(module)]
    while left:
        name = left.pop()
        if name in found or name not in sources or not _counts(name, rooms):
            continue
        found[name] = sources[name]
        left += _imported(name, printed(sources[name].content))
        left += own_of({name: sources[name]}, package)
    beside = (name for name in sources if not name.endswith(".py") and _counts(name, rooms))
    return found | {name: sources[name] for name in beside}


def _counts(name: str, rooms: Collection[str]) -> bool:
    return name.startswith(("import ", *rooms))


def _imported(name: str, code: str) -> Iterator[str]:
    """The files in agad that a module may import, whether they exist or not."""
    for line in code.splitlines():
        if "import" in line:
            for module in _named(line, name):
                yield from _files_of(module)


def _named(line: str, name: str) -> Iterator[str]:
    """The modules that a line of the file `name` may import, by their full names."""
    yield from _BY_NAME.findall(line)
    if found := _IMPORT.match(line):
        begin, names, modules = found.groups()
        first = [one.split()[0] for one in (names or modules).split(",")]
        if begin is None:
            yield from first
        else:
            above = _absolute(begin, name)
            yield from (f"{above}.{one}" for one in first)


def _absolute(begin: str, name: str) -> str:
    """`..checks` in data/readers/own.py is agad.data.checks."""
    dots = len(begin) - len(begin.lstrip("."))
    if not dots or not name.endswith(".py") or name.startswith("import "):  # a user's own package counts as a whole
        return begin
    folders = PurePosixPath("agad", name).parts[:-dots]
    return ".".join(part for part in (*folders, begin[dots:]) if part)


def _files_of(module: str) -> Iterator[str]:
    """The files that may be a module of agad, or of the packages that it is in, by their names in `sources`."""
    parts = module.removeprefix(_PACKAGE).split(".") if module.startswith(_PACKAGE) else []
    for end in range(1, len(parts) + 1):
        path = "/".join(parts[:end])
        yield f"{path}.py"
        yield f"{path}/__init__.py"
