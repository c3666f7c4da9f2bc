"""Whether what a process has loaded is the code that it began with, whatever has been written into the files since."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from agad import loaded
from agad.store.provenance.imports import FOLDERS, first_of
from agad.store.provenance.sources import Source, data_of, installed_of, is_foreign, source_of, state_of, tops_of


class Ran:
    """What a process has run of the code that it began with.

    Args:
        package: agad's folder.
        began: the code that it began with, see sources_of.
        same: whether two sources mean the same code.
    """

    def __init__(self, package: Path, began: Mapping[str, Source], same: Callable[[bytes, bytes], bool]) -> None:
        self._package, self._began, self._same = package, began, same
        self._data = {one.path: one for one in began.values() if one.path.suffix != ".py"}
        self._tops = tops_of(began) - installed_of(began)
        self._known = {first for name in began for first in _first_names(name)}
        self._other: str | None = None
        loaded.watch(top for top in self._tops if not top.startswith("agad."))

    def other(self) -> str | None:
        """What other code, or data beside it, this process may have run: one phrase; None: none.

        Once other code has run it stays so: modules stay loaded.
        """
        if self._other is None:
            self._other = next((why for look in (self._noted, self._before, self._beside) for why in look()), None)
        return self._other

    def is_other(self, names: Collection[str]) -> bool:
        """Whether this process has made a module of other code than these of the sources that it began with."""
        keys = ((self._key(name), one) for name, one in loaded.made().items())
        return any(key in names and not self._is_same(key, one) for key, one in keys if key is not None)

    def _noted(self) -> Iterator[str]:
        """Modules of which it is known of what they were made."""
        for name, one in loaded.made().items():
            key = self._key(name)
            if key is not None:
                if not self._is_same(key, one):
                    yield f"{one.path} was edited after this process began, and before it was imported"
            elif _is_of_numbers(name) or (self._is_wanted(name) and not is_foreign(Path(one.path))):
                yield f"{one.path} was imported, and was not there to be found when this process began"

    def _before(self) -> Iterator[str]:
        """Modules that were loaded before agad was, or by another's loader."""
        made = loaded.made()
        for name in list(sys.modules):
            if name in made or not (name.startswith("agad.") or first_of(name) in self._tops):
                continue
            if (key := self._key(name)) is not None and _may_be_another(self._began[key]):
                yield f"{self._began[key].path} was written after this process began"

    def _beside(self) -> Iterator[str]:
        """Files of data, which a method may have read at any time."""
        for path, began in list(self._data.items()):
            if (state := state_of(path)) == began.state:
                continue
            now = source_of(path)
            if state[:2] != began.state[:2] or now.content != began.content:
                yield f"{path} was written after this process began"
            self._data[path] = now  # only its links or permissions are others
        yield from (
            f"{path} was not there when this process began" for path in data_of(self._package) if path not in self._data
        )

    def _is_same(self, key: str, made: loaded.Made) -> bool:
        return all(self._same(source, self._began[key].content) for source in made.sources)

    def _is_wanted(self, name: str) -> bool:
        """Whether code names this module, and no file of it was found: of a package that was, some do not count."""
        return first_of(name) in self._tops and first_of(name) not in self._known

    def _key(self, name: str) -> str | None:
        """The name that a module's file has in sources_of; None: it is none of them."""
        path, begin = name.removeprefix("agad.").replace(".", "/"), "import "
        if name.startswith("agad.") and path.partition("/")[0] in FOLDERS:
            begin = ""  # a user's own module may be called as one of these is
        names = [f"{begin}{path}.py", f"{begin}{path}/__init__.py"]
        return next((one for one in names if one in self._began), None)


def _first_names(name: str) -> tuple[str, str]:
    """What the module that a file in sources_of is of, or is in the package of, may be called in first_of."""
    first = name.removeprefix("import ").partition("/")[0].removesuffix(".py")
    return first, f"agad.{first}"


def _is_of_numbers(name: str) -> bool:
    return name.startswith(tuple(f"agad.{folder}." for folder in FOLDERS))


def _may_be_another(source: Source) -> bool:
    """Whether a file may be another one than a module was made of that was loaded when nobody noted of what."""
    now = state_of(source.path)
    return not now or now[1] > loaded.began() or source_of(source.path).content != source.content
