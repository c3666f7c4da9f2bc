"""Display: the progress of a launch, on a terminal or in a log."""

from __future__ import annotations

import sys
import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agad import console

from .watch import Snapshot, describe, summary

_LINE_EVERY = 30.0
"""Seconds between two lines of progress where the output is not a terminal."""


_NARROWEST_BAR, _TEXT_WIDTH = 6, 64
"""Columns of a bar at least, and those that the text beside it mostly needs."""


_NAMELESS = (
    "warning: the rows of a worker name no code: a file of it was written while the worker ran, or found only then "
    "(its log says which), so nothing tells which code made them."
)


class Display:
    """Shows snapshots: redrawn in place on a terminal, elsewhere a line every half minute."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._console: Console | None = None
        self._line_due = 0.0
        self._known: frozenset[str] | None = None
        self._nameless: int | None = None

    def __enter__(self) -> Display:
        # Whatever FORCE_COLOR says: a file is not drawn on. NO_COLOR is heeded by rich.
        stream = console.raw(sys.stderr)
        self._console = Console(file=stream, highlight=False, emoji=False)
        if stream.isatty() and self._console.is_terminal and not self._console.is_dumb_terminal:
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
            self._console.print(console.printable(line), markup=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr)

    def show(self, snapshot: Snapshot) -> None:
        """Show the sweep as it is now; say once where it has new rows that name no code: its tables will."""
        if self._nameless is not None and snapshot.nameless > self._nameless:
            self.say(_NAMELESS)
            self._nameless = len(snapshot.ended) + len(snapshot.census.open)  # said
        elif self._nameless is None:
            self._nameless = snapshot.nameless
        if self._live is not None:
            assert self._console is not None
            self._live.update(self._drawing(snapshot, self._console.width))
            return
        if time.monotonic() >= self._line_due or (
            self._known is not None and snapshot.ended != self._known and not snapshot.census.open
        ):
            self.say(summary(snapshot))
            self._line_due = time.monotonic() + _LINE_EVERY
        self._known = snapshot.ended

    @staticmethod
    def _drawing(snapshot: Snapshot, width: int) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        grid.add_column()
        grid.add_column(no_wrap=True, overflow="ellipsis")  # a line for a run, however narrow the terminal
        bar = max(_NARROWEST_BAR, min(40, width - _TEXT_WIDTH))
        grid.add_row(
            ProgressBar(total=max(snapshot.total, 1), completed=len(snapshot.ended), width=bar), summary(snapshot)
        )
        for one in sorted(snapshot.running, key=lambda r: r.record.owner.worker)[:12]:
            share = ProgressBar(total=max(one.record.updates, 1), completed=one.record.update, width=bar)
            text = f"{describe(one.spec)}: update {one.record.update}/{one.spec.updates}"
            grid.add_row(share, Text(console.printable(text)))
        if len(snapshot.running) > 12:
            grid.add_row("", f"and {len(snapshot.running) - 12} more")
        return grid
