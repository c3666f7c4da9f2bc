"""Live progress of a sweep: from the files that every executor's workers write, so that it is the same for all."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agad.spec.datasets import title
from agad.spec.run import RunSpec
from agad.store.claims import ClaimRecord

from ..worker.picking import Census, Picker
from .cost import cost_per_update, relative_cost

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_LINE_EVERY = 30.0
"""Seconds between two lines of progress where the output is not a terminal."""


@dataclass(frozen=True, slots=True)
class Running:
    """A run that a worker is at."""

    spec: RunSpec
    record: ClaimRecord


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A sweep at one moment.

    Attributes:
        census: its runs, counted.
        running: those that a worker is at.
        seconds_left: None where nothing is known yet.
    """

    census: Census
    running: tuple[Running, ...]
    seconds_left: float | None

    @property
    def total(self) -> int:
        """Runs of the plan."""
        return len(self.census.done) + len(self.census.failed) + len(self.census.open)


class Watch:
    """Looks at a sweep again and again, and learns its pace."""

    def __init__(self, picker: Picker) -> None:
        self._picker = picker
        self._specs = picker.specs
        self._cost: dict[str, float] = {}
        self._started: float | None = None
        self._first_update: dict[str, int] = {}
        self._ended_before: set[str] | None = None

    def look(self) -> Snapshot:
        """The sweep by now."""
        census = self._picker.census()
        for run_id in self._specs.keys() - self._cost.keys():
            self._cost[run_id] = relative_cost(self._specs[run_id])
        running = []
        for run_id, generation in census.held.items():
            record = self._picker.board.read(run_id, generation)
            if record is not None:
                running.append(Running(self._specs[run_id], record))
        return Snapshot(census, tuple(running), self._seconds_left(census, running))

    @property
    def is_growing(self) -> bool:
        """Whether runs may be added to the plan."""
        return self._picker.is_growing()

    def _seconds_left(self, census: Census, running: list[Running]) -> float | None:
        """From the work that was seen to be done since the first run was seen under way; scoring counts as none."""
        if self._ended_before is None:
            self._ended_before = {*census.done, *census.failed}
        for one in running:
            self._first_update.setdefault(one.spec.run_id, one.record.update)
        if self._started is None:
            self._started = time.monotonic() if running else None
            return None
        done = [run_id for run_id in census.done if run_id not in self._ended_before]
        work = sum(self._cost[run_id] - self._before(run_id) for run_id in done)
        work += sum(cost_per_update(one.spec) * one.record.update - self._before(one.spec.run_id) for one in running)
        left = sum(self._cost[run_id] for run_id in census.open)
        left -= sum(cost_per_update(one.spec) * one.record.update for one in running)
        elapsed = time.monotonic() - self._started
        return left * elapsed / work if work > 0 else None

    def _before(self, run_id: str) -> float:
        """Cost of the updates that a run had behind it when it was first seen."""
        return cost_per_update(self._specs[run_id]) * self._first_update.get(run_id, 0)


def describe(spec: RunSpec) -> str:
    """The run in a few words."""
    word = "class" if spec.protocol == "one_vs_rest" else "all but class"
    return f"{title(spec.dataset)} {word} {spec.target_class} γ {spec.gamma:g} {spec.backbone} seed {spec.seed}"


def duration(seconds: float) -> str:
    """Seconds as 12 s, 3 min 20 s or 5 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def summary(snapshot: Snapshot) -> str:
    """One line: runs done, failed, running, to do, and the time left."""
    census = snapshot.census
    left = "" if snapshot.seconds_left is None or not census.open else f", about {duration(snapshot.seconds_left)} left"
    return (
        f"{len(census.done)}/{snapshot.total} done, {len(census.failed)} failed, "
        f"{len(snapshot.running)} running, {census.free} to do{left}"
    )


class Display:
    """Shows snapshots: redrawn in place on a terminal, as a line now and then elsewhere."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._console: Console | None = None
        self._line_due = 0.0
        self._known: set[str] | None = None

    def __enter__(self) -> Display:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        if self._console.is_terminal:
            from rich.live import Live

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
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        ended = len(snapshot.census.done) + len(snapshot.census.failed)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=max(snapshot.total, 1), completed=ended, width=40), summary(snapshot))
        for one in sorted(snapshot.running, key=lambda r: r.record.owner.worker)[:12]:
            share = ProgressBar(total=max(one.record.updates, 1), completed=one.record.update, width=40)
            grid.add_row(share, f"{describe(one.spec)}: update {one.record.update}/{one.spec.updates}")
        if len(snapshot.running) > 12:
            grid.add_row("", f"and {len(snapshot.running) - 12} more")
        return grid
