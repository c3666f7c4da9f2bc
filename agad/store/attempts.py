"""Attempts: which runs have rows, and how they ended, kept up to date by reading each file of rows once.

What a worker needs to know before it takes a run. A poll costs two listings and the files that are new: neither the
plan's length nor the number of rows in base/ enters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agad import files
from agad.errors import StoreError
from agad.store.columns import STATUSES
from agad.store.folder import ResultsFolder

READ_AGAIN = 100
"""Times a reader starts again because a compactor moved rows under it."""


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a run, as far as planning needs it; `named`: whether its row names the code that made it."""

    attempt: int
    status: str
    failure_kind: str | None
    named: bool = True


def nameless(count: int) -> str:
    """What a reader must know of so many ok rows that name no code, in one line."""
    which = "1 run names no code: its process" if count == 1 else f"{count} runs name no code: their processes"
    return f"{which} may have run other code than is known, so nothing tells whether all runs are of the same."


Entries = Iterable[tuple[str, Try]]
"""The rows of a file: run_id and attempt of each."""


class Attempts:
    """The attempts that have rows.

    Args:
        folder: the results folder.
        read: the sound rows of a file; raises FileNotFoundError where it has vanished.

    Attributes:
        changes: run_ids in the order in which their attempts became known, or vanished; a reader remembers how far it
            has read. A row that is compacted is named again.
        unread: run_id -> files of the inbox that a poll with `most` has left for later: the run may be closed.
        waiting: how many files the inbox had at the last poll.
    """

    def __init__(self, folder: ResultsFolder, read: Callable[[Path], Entries]) -> None:
        self._inbox, self._base = folder.inbox, folder.base
        self._read = read
        self._rows: dict[tuple[Path, str], tuple[tuple[str, Try], ...]] = {}
        self._copies: dict[str, list[Try]] = {}
        self._known: dict[str, tuple[Try, ...]] = {}
        self.changes: list[str] = []
        self.unread: dict[str, list[str]] = {}
        self.waiting = 0

    def paths(self) -> set[Path]:
        """The files that the last poll has read or passed over."""
        return {folder / name for folder, name in self._rows}

    def of(self, run_id: str) -> tuple[Try, ...]:
        """The run's attempts that have rows, rising, as of the last poll, without those of `unread` files."""
        return self._known.get(run_id, ())

    def known(self) -> Mapping[str, tuple[Try, ...]]:
        """run_id -> its attempts, of all runs that have rows."""
        return dict(self._known)

    def poll(self, most: int | None = None) -> None:
        """Read what is new.

        Inbox before base, and from the start again when a listed file has vanished: a compactor renames into base
        before it unlinks, so a row that left the inbox before it was listed is in base when that is listed.

        Args:
            most: files of the inbox that are read at most; the others become `unread`. None: all.

        Raises StoreError where files keep vanishing.
        """
        for again in range(READ_AGAIN):
            if again:
                time.sleep(min(0.02 * again, 1.0))  # a compactor on a slow disk unlinks for a while
            inbox = {(self._inbox, name) for name in files.names(self._inbox)}
            base = {(self._base, name) for name in files.names(self._base)}
            try:
                self._update(inbox, base, most)
            except FileNotFoundError:
                continue
            self.waiting = len(inbox)
            return
        raise StoreError(f"{self._inbox.parent}: files vanish while they are read; does another program delete rows?")

    def settle(self, run_id: str) -> None:
        """Read the files of this run that were left for later."""
        if run_id not in self.unread:
            return
        try:
            for name in self.unread[run_id]:
                self._add((self._inbox, name))
        except FileNotFoundError:  # compacted since
            self.poll(0)
        else:
            self.unread.pop(run_id, None)

    def _update(self, inbox: set[tuple[Path, str]], base: set[tuple[Path, str]], most: int | None) -> None:
        fresh = inbox - self._rows.keys()
        for file in base - self._rows.keys():
            self._add(file)
        later = sorted(fresh)
        now = later if most is None else later[:most]
        for file in now:
            self._add(file)
        for file in self._rows.keys() - inbox - base:
            self._forget(file)
        self.unread = {}
        for _, name in later[len(now) :]:
            self.unread.setdefault(name.partition(".")[0], []).append(name)

    def _add(self, file: tuple[Path, str]) -> None:
        self._rows[file] = tuple(self._read(file[0] / file[1]))
        for run_id, one in self._rows[file]:
            self._copies.setdefault(run_id, []).append(one)
            self._note(run_id)

    def _forget(self, file: tuple[Path, str]) -> None:
        for run_id, one in self._rows.pop(file):
            self._copies[run_id].remove(one)
            self._note(run_id)

    def _note(self, run_id: str) -> None:
        # Merged folders may both have an attempt 1: of those the one whose row counts is known.
        copies = sorted(self._copies[run_id], key=lambda one: (one.attempt, -STATUSES.index(one.status)))
        if copies:
            self._known[run_id] = tuple({one.attempt: one for one in copies}.values())
        else:
            del self._copies[run_id], self._known[run_id]
        self.changes.append(run_id)
