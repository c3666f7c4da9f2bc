"""Watch: a sweep's progress, from the files that every executor's workers write, so that it is the same for all."""

from __future__ import annotations

import time
from dataclasses import dataclass

from agad.spec.datasets import title
from agad.spec.run import RunSpec
from agad.store.claims import ClaimRecord

from ..worker.picking import Census, Picker
from .cost import cost_per_update, relative_cost


@dataclass(frozen=True, slots=True)
class Running:
    """A run that a worker holds."""

    spec: RunSpec
    record: ClaimRecord


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A sweep at one moment.

    Attributes:
        census: its runs, counted.
        running: those that a worker holds.
        seconds_left: estimated, of the whole sweep; None where nothing is known yet.
        nameless: how many done runs have a row that names no code.
    """

    census: Census
    running: tuple[Running, ...]
    seconds_left: float | None
    nameless: int = 0

    @property
    def total(self) -> int:
        """Runs of the plan."""
        return len(self.ended) + len(self.census.open)

    @property
    def ended(self) -> frozenset[str]:
        """Those of which no more is made, the pruned ones among them."""
        return frozenset((*self.census.done, *self.census.failed, *self.census.pruned))


class Watch:
    """Reads a sweep's files again and again, and measures its pace.

    Args:
        picker: an observer's view of the plan's runs.
    """

    def __init__(self, picker: Picker) -> None:
        self._picker = picker
        self._specs = picker.specs
        self._cost: dict[str, float] = {}
        self._started: float | None = None
        self._first_update: dict[str, int] = {}
        self._ended_before: set[str] | None = None

    def read(self) -> Snapshot:
        """The sweep at this moment."""
        census = self._picker.census()
        for run_id in self._specs.keys() - self._cost.keys():
            self._cost[run_id] = relative_cost(self._specs[run_id])
        running = []
        for run_id, generation in census.held.items():
            record = self._picker.board.read(run_id, generation)
            if record is not None:
                running.append(Running(self._specs[run_id], record))
        return Snapshot(census, tuple(running), self._seconds_left(census, running), self._picker.nameless(census.done))

    @property
    def is_growing(self) -> bool:
        """Whether runs may be added to the plan."""
        return self._picker.is_growing()

    def saved(self) -> tuple[int, int]:
        """What the sweep has saved, see Picker.saved."""
        return self._picker.saved()

    def _seconds_left(self, census: Census, running: list[Running]) -> float | None:
        """From the work done since the first run was seen under way; scoring counts as none."""
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
        """Cost of the updates that a run had done when it was first seen."""
        seen = self._first_update.get(run_id, 0)
        return cost_per_update(self._specs[run_id]) * seen if seen else 0.0


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
    """One line: runs done, failed, pruned where any are, running, to do, and the time left."""
    census = snapshot.census
    left = "" if snapshot.seconds_left is None or not census.open else f", about {duration(snapshot.seconds_left)} left"
    pruned = f"{len(census.pruned)} pruned, " if census.pruned else ""
    return (
        f"{len(census.done)}/{snapshot.total} done, {len(census.failed)} failed, {pruned}"
        f"{len(snapshot.running)} running, {census.free} to do{left}"
    )
