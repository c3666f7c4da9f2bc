"""Of which sources the modules of this process were made, whatever has been written into their files since.

A module is imported when it is first used, and stays as it was then: only whoever makes it knows of what it was made.
Bytecode is taken where it holds its source's hash. Python's own check, by size and time of change, takes it of another
version that has both.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

_CHECKED = (0b11).to_bytes(4, "little")
"""Of bytecode that is to be compared with its source by the hash that it holds, by a Python without this module too."""
BEGAN = time.time_ns()
"""When agad was imported: nothing is known of what was loaded before."""
_watched = {"agad"}
_sources: dict[str, list[bytes]] = {}


def watch(names: Iterable[str]) -> None:
    """Note modules of these first names too, from now on; those of agad are noted from its first one."""
    _watched.update(names)


def sources() -> Mapping[str, Sequence[bytes]]:
    """Real path -> the sources of which its module was made: several, where it was made again."""
    return _sources


class _Loader(SourceFileLoader):
    """Notes the source of what it loads."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the source that the file has at this moment."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        made = _sources.setdefault(os.path.realpath(path), [])
        if source not in made:
            made.append(source)
        try:
            kept = importlib.util.cache_from_source(path)
        except NotImplementedError:  # a Python that keeps no bytecode
            return self.source_to_code(source, path)
        head = importlib.util.MAGIC_NUMBER + _CHECKED + importlib.util.source_hash(source)
        code = self._kept(kept, head)
        if code is None or code.co_filename != path:
            code = self.source_to_code(source, path)
            if not sys.dont_write_bytecode:
                self.set_data(kept, head + marshal.dumps(code))  # passes over a folder that cannot be written
        return code

    def _kept(self, path: str, head: bytes) -> CodeType | None:
        try:
            data = self.get_data(path)
            code = marshal.loads(memoryview(data)[len(head) :]) if data.startswith(head) else None  # noqa: S302
        except (OSError, EOFError, ValueError, TypeError):  # none there, or damaged
            return None
        return code if isinstance(code, CodeType) else None


class _Finder:
    """Finds what Python's own finder of files finds, of some names, and has it loaded by `_Loader`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None where it is no source file, or of another name: the next finder is asked."""
        if name.partition(".")[0] not in _watched:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def _begin() -> None:
    """Ask it just before Python's own: finders that others have put before that are still asked first."""
    finders = sys.meta_path
    place = finders.index(PathFinder) if PathFinder in finders else len(finders)
    finders.insert(place, _Finder)


_begin()
