"""The study's journal: Optuna's own file of operations, opened by the holder of the lease only.

A process that is killed while it appends leaves half a line. Optuna then fails at the next append, and at every load
from then on; so the half line is cut off before the journal is opened. No other process knows of that operation: it
is made again.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agad import files
from agad.errors import StoreError


def open_journal(path: Path, check: Callable[[], None]) -> Any:
    """The optuna.storages.JournalStorage of the file, which is repaired first.

    Args:
        path: the journal; created where it is not there.
        check: raises where this process has lost the lease; called before every append.

    Raises StoreError, one line, for a journal that is damaged elsewhere than at its end.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    repair(path)
    try:
        # The lease stands in for Optuna's own lock, which a killed process leaves behind for half a minute.
        return JournalStorage(JournalFileBackend(str(path), lock_obj=_LeaseAsLock(check)))  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error}); tune.py --rebuild makes it again from the rows") from error


def repair(path: Path) -> int:
    """Cut off a torn last line, durably; the number of bytes that were cut. The caller holds the lease.

    Raises StoreError, one line, where another line is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            json.loads(line)
        except ValueError:
            raise StoreError(
                f"{path}: line {number} is damaged; tune.py --rebuild makes the journal again from the rows"
            ) from None
    torn = len(content) - len(whole)
    if torn:
        os.truncate(path, len(whole))
        files.sync(path)
    return torn


def set_aside(path: Path) -> None:
    """Rename a journal that is to be made again."""
    if path.exists():
        path.rename(path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.old"))


class _LeaseAsLock:
    """The lock that Optuna's journal takes before it appends."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def acquire(self) -> bool:
        self._check()
        return True

    def release(self) -> None:
        """Nothing: the lease is held on."""
