"""Of which sources the modules of this process were made, whatever has been written into their files since.

A module is imported when it is first used, and stays as it was then: only whoever makes it knows of what it was made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType


@dataclass(slots=True)
class Made:
    """Of what a module was made.

    Attributes:
        path: of its file.
        sources: of the file as it was: several, where it was made again or the file was written meanwhile.
    """

    path: str
    sources: list[bytes] = field(default_factory=list)


class _Finder:
    """Finds what Python's own finder of files finds, of some names, and has it loaded by `_Loader`.

    Its record outlives this module: a notebook may drop agad's modules and import them again.
    """

    began = time.time_ns()
    watched: set[str]
    made: dict[str, Made]

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None where it is no source file, or of another name: the next finder is asked."""
        if name.partition(".")[0] not in cls.watched:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Notes the source of what it loads."""

    def get_code(self, fullname: str) -> CodeType | None:
        """As Python's own. What is written meanwhile is noted too: nobody knows which of the two it took."""
        self._note(fullname)
        code = super().get_code(fullname)
        self._note(fullname)
        return code

    def _note(self, fullname: str) -> None:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        made = _Finder.made.setdefault(fullname, Made(path))
        if source not in made.sources:
            made.sources.append(source)


def watch(names: Iterable[str]) -> None:
    """Note modules of these first names too, from now on; those of agad are noted from its first one."""
    _Finder.watched.update(names)


def made() -> Mapping[str, Made]:
    """Module's name -> of what it was made."""
    return dict(_Finder.made)  # another thread may import at this moment


def began() -> int:
    """When agad was first imported, in nanoseconds since 1970: nothing is known of what was loaded before."""
    return _Finder.began


def _begin() -> None:
    """Ask it just before Python's own: finders that others have put before that are still asked first."""
    finders = sys.meta_path
    before = next((one for one in finders if (one.__module__, _name(one)) == (__name__, "_Finder")), None)
    _Finder.watched = getattr(before, "watched", {"agad"})
    _Finder.made = getattr(before, "made", {})
    if before is not None:
        _Finder.began = before.began  # type: ignore[attr-defined]
        finders.remove(before)
    finders.insert(finders.index(PathFinder) if PathFinder in finders else len(finders), _Finder)


def _name(finder: object) -> str:
    return getattr(finder, "__name__", "")


_begin()
