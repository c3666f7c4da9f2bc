"""The study's journal: Optuna's own file of operations, opened by the holder of the lease only.

Each line that is appended here ends with a checksum (see agad/plan/journal.py). That lines are missing at the end it
does not show: trials that the study's folder knows do (coordinator.py).

A process that is killed while it appends leaves half a line. Optuna then fails at the next append, and at every load
from then on; so the half line is cut off before the journal is opened. No other process knows of that operation: it
is made again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agad import files
from agad.errors import StoreError
from agad.plan.journal import checked_line, read_lines
from agad.store.folder import StudyFolder

WAY_OUT = "tune.py --rebuild makes it again from the rows"
_SET_ASIDE = ".old"


def open_journal(path: Path, check: Callable[[], None]) -> Any:
    """The optuna.storages.JournalStorage of the file, which is repaired first.

    Args:
        path: the journal; created where it is not there.
        check: raises where this process has lost the lease; called before every append.

    Raises StoreError, one line, for a journal that is damaged elsewhere than at its end.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    _, end = repair(path)

    class Checked(JournalFileBackend):
        """Optuna's file, with a CRC in every line that is appended."""

        crc = end

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            check()  # the lease stands in for Optuna's own lock, which a killed process leaves for half a minute
            lines, crc = _lines(logs, self.crc)
            with path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            self.crc = crc

    try:
        return JournalStorage(Checked(str(path)))
    except Exception as error:  # Optuna raises nearly anything for lines that it cannot have written
        if isinstance(error, OSError):
            raise
        raise StoreError(f"{path} is damaged ({type(error).__name__}: {error}); {WAY_OUT}") from error


def repair(path: Path) -> tuple[int, int]:
    """Cut off a torn last line, durably; the number of bytes that were cut, and the CRC-32 of what stays.

    The caller holds the lease. Raises StoreError, one line, where another line is damaged.
    """
    try:
        content = files.read_file(path)
    except FileNotFoundError:
        return 0, 0
    lines = read_lines(content)
    if lines.damaged is not None:
        raise StoreError(f"{path}: line {lines.damaged} is damaged, or lines before it are missing; {WAY_OUT}")
    if lines.torn:
        os.truncate(path, len(content) - lines.torn)
        files.sync(path)
    return lines.torn, lines.crc


def put_in_place(new: Path, path: Path) -> None:
    """Put a journal in the place of another, of which a copy stays beside it: at no moment is there none."""
    if path.exists():
        shutil.copyfile(path, path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{_SET_ASIDE}"))
    new.replace(path)
    files.sync(path.parent)


def check_successors(folder: StudyFolder) -> None:
    """Raise StoreError, one line, where a rebuild set something aside and was killed before there was another.

    Only an older agad's does: today's has made what is new before it touches what is old.
    """
    for path in (folder.journal, folder.trials):
        old = set_aside(path)
        if old and not (files.names(path) if path.is_dir() else path.exists()):
            raise StoreError(f"{old[-1]} was set aside by a --rebuild that was cut short; {WAY_OUT}")


def set_aside(path: Path) -> list[Path]:
    """What rebuilds have set aside of a study's journal or trials, the newest last."""
    found = path.parent.glob(f"{path.name}.*{_SET_ASIDE}")
    return sorted(found, key=lambda one: one.stat().st_mtime_ns)


def _lines(logs: list[dict[str, Any]], crc: int) -> tuple[bytes, int]:
    """The operations as lines, and the CRC-32 of the journal with them; `crc` is that of the journal before."""
    lines = []
    for log in logs:
        line, crc = checked_line(json.dumps(log, separators=(",", ":")).encode(), crc)
        lines.append(line)
    return b"".join(lines), crc
