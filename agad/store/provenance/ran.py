"""Whether what a process has loaded is the code that it began with, whatever has been written into the files since."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agad import loaded
from agad.store.provenance.imports import FOLDERS
from agad.store.provenance.sources import Source, data_of, is_foreign, state_of, tops_of


class Ran:
    """What a process has run of the code that it began with.

    Args:
        package: agad's folder.
        began: the code that it began with, see sources_of.
        same: whether two sources mean the same code.
    """

    def __init__(self, package: Path, began: Mapping[str, Source], same: Callable[[bytes, bytes], bool]) -> None:
        self._package, self._same = package, same
        self._files = {os.path.realpath(one.path): one for one in began.values()}
        self._data = {one.path: one.state for one in began.values() if one.path.suffix != ".py"}
        self._tops = tops_of(began)
        self._folders = tuple(os.path.realpath(package / name) for name in FOLDERS)
        self._other: str | None = None
        loaded.watch(top for top in self._tops if not top.startswith("agad."))

    def other(self) -> str | None:
        """What other code, or data beside it, this process may have run: one phrase; None: none.

        Once other code has run it stays so: modules stay loaded.
        """
        if self._other is None:
            self._other = next((why for look in (self._noted, self._named, self._beside) for why in look()), None)
        return self._other

    def _noted(self) -> Iterator[str]:
        """Modules whose sources are known."""
        for path, sources in loaded.sources().items():
            began = self._files.get(path)
            if began is None:
                if any(path.startswith(folder + os.sep) for folder in self._folders):
                    yield f"{path} was not there when this process began, and was imported"
            elif not all(self._same(source, began.content) for source in sources):
                yield f"{path} was edited after this process began, and before it was imported"

    def _named(self) -> Iterator[str]:
        """Modules of one's own that were loaded before agad was, or from where nobody has looked for them."""
        for name, module in list(sys.modules.items()):
            if _top(name) in self._tops and (file := getattr(module, "__file__", None)):
                path = os.path.realpath(file)
                began = self._files.get(path)
                if began is None and not is_foreign(Path(path)) and not is_foreign(Path(file)):
                    yield f"{name} was imported from {file}, where it was found only when it was"
                if began is not None and path not in loaded.sources() and _is_later(began):
                    yield f"{path} was written after this process began"

    def _beside(self) -> Iterator[str]:
        """Files of data, which a method may have read at any time."""
        for path, state in self._data.items():
            if state_of(path) != state:
                yield f"{path} was written after this process began"
        for path in data_of(self._package):
            if path not in self._data:
                yield f"{path} was not there when this process began"


def _is_later(source: Source) -> bool:
    """Whether a file may be another one than a module was made of that was loaded before anybody noted of what."""
    return state_of(source.path) != source.state or source.changed > loaded.BEGAN


def _top(name: str) -> str:
    """The part of a module's name that sources_of knows it by."""
    parts = name.split(".")
    return ".".join(parts[:2] if parts[0] == "agad" else parts[:1])
