"""The CSV of a scoring: under its own name once all rows are there; until then, what would be lost beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agad import console, files, targets
from agad.errors import AgadError

from ..cli.arguments import say

if TYPE_CHECKING:
    from agad.detector.files import Scored

_SAVE_EVERY = 2000
"""Rows between two savings of what a kill would lose: minutes of work."""


class CsvFile:
    """Rows that are written when all are there; what an error, Ctrl-C or a kill would lose is kept in OUT.part.

    A pipe or device gets each row at once.
    """

    def __init__(self, target: Path) -> None:
        """Raises AgadError, one line, where what is there, or what is under the part's name, is somebody's."""
        from agad.detector.files import COLUMNS

        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._rows: list[Scored] = []
        self._stream = console.stream(target) if targets.is_stream(target) else None
        begins = ",".join(COLUMNS).encode()
        console.check_target("--csv", target, begins, takes_streams=True)
        if self._stream is None:
            console.check_target("--csv", self._part, begins)
            if self._part.is_symlink():
                raise AgadError(f"--csv {target}: rows are kept in {self._part} meanwhile, which is a link; remove it")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Rows are added inside, and are all there at its end. A named pipe waits for its reader first."""
        from agad.detector.files import to_csv

        if self._stream is not None:
            with self._stream:
                self._stream.write(to_csv(()))
                yield
            return
        try:
            yield
            targets.replace_text(self._target, to_csv(self._rows))
        except BaseException:
            self._leave()
            raise
        self._part.unlink(missing_ok=True)

    def add(self, row: Scored) -> None:
        """The next row."""
        from agad.detector.files import to_csv

        if self._stream is not None:
            self._stream.write(to_csv([row], header=False))
            return
        self._rows.append(row)
        if len(self._rows) % _SAVE_EVERY == 0:
            files.replace_text(self._part, to_csv(self._rows))

    def _leave(self) -> None:
        """Keep the rows so far, where there are some, and say where; what the target holds is left as it is."""
        from agad.detector.files import to_csv

        if not self._rows:
            return
        try:
            files.replace_text(self._part, to_csv(self._rows))
        except OSError as error:  # as on a full disk; the first error is the one that ends the command
            say(f"the rows so far could not be kept: {files.error_line(error)}")
        else:
            say(f"{self._target} is not written: the rows so far, {len(self._rows)}, are in {self._part}")
