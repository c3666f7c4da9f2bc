"""Display: the progress of a launch, on a terminal or in a log."""

from __future__ import annotations

import sys
import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from .watch import Snapshot, describe, summary

_LINE_EVERY = 30.0
"""Seconds between two lines of progress where the output is not a terminal."""


class Display:
    """Shows snapshots: redrawn in place on a terminal, elsewhere a line every half minute."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._console: Console | None = None
        self._line_due = 0.0
        self._known: set[str] | None = None

    def __enter__(self) -> Display:
        self._console = Console(stderr=True, highlight=False)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)
            self._live = None

    def say(self, line: str) -> None:
        """Print a line above the progress."""
        if self._console is not None:
            self._console.print(line, markup=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr)

    def show(self, snapshot: Snapshot) -> None:
        """Show the sweep as it is now."""
        if self._live is not None:
            self._live.update(self._drawing(snapshot))
            return
        ended = {*snapshot.census.done, *snapshot.census.failed}
        if time.monotonic() >= self._line_due or (
            self._known is not None and ended != self._known and not snapshot.census.open
        ):
            self.say(summary(snapshot))
            self._line_due = time.monotonic() + _LINE_EVERY
        self._known = ended

    @staticmethod
    def _drawing(snapshot: Snapshot) -> RenderableType:
        ended = len(snapshot.census.done) + len(snapshot.census.failed)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=max(snapshot.total, 1), completed=ended, width=40), summary(snapshot))
        for one in sorted(snapshot.running, key=lambda r: r.record.owner.worker)[:12]:
            share = ProgressBar(total=max(one.record.updates, 1), completed=one.record.update, width=40)
            grid.add_row(share, f"{describe(one.spec)}: update {one.record.update}/{one.spec.updates}")
        if len(snapshot.running) > 12:
            grid.add_row("", f"and {len(snapshot.running) - 12} more")
        return grid
