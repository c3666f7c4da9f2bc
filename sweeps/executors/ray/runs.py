"""PlanRuns: which run becomes the next Ray trial; Ray Tune requests one whenever there is room for it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher

from ...progress.display import Display
from ...progress.watch import Snapshot, Watch
from ...worker.retry import Crashes
from .hung import HungTrials

_READ_EVERY = 1.0
"""Seconds between two readings of the sweep's files."""
_READ_SHARE = 10
"""Reading takes a tenth of the time at most: of thousands of runs it reads long listings."""
_FAULTS = 3
"""Workers that may end with a fault of their environment, with no run that ends between, before no more are started."""


class PlanRuns(Searcher):
    """Gives the plan's open runs in its order, each to one Ray trial at a time, and again if it is still open after it.

    Rows and claims show what is open: other launches may work on the same plan. So a run that its Ray trial found
    claimed elsewhere, or whose actor died, is given again when no worker holds it; until then this waits.

    Args:
        watch: reads the sweep's files.
        display: shows what was read.
        room: how many Ray trials there may be.
        trial: what every Ray trial's configuration has beside `run_id` and `dead`.
        patience: seconds after which the claim of a worker that shows no sign of life is dead.

    Attributes:
        error: a fault of the environment that ended the sweep, one line.
        hangs: whether nothing is left but Ray trials that hang.
    """

    def __init__(
        self, watch: Watch, display: Display, room: Callable[[], int], trial: dict[str, Any], patience: float
    ) -> None:
        super().__init__()
        self.error: str | None = None
        self.hangs = False
        self._hung = HungTrials(patience, display.say)
        self._pause = _READ_EVERY
        self._watch, self._display, self._room, self._trial = watch, display, room, trial
        self._given: dict[str, str] = {}  # trial -> run
        self._pruned: set[str] = set()
        self._unfit: dict[str, str] = {}  # trial -> the fault that its worker found
        self._faults = 0
        self._crashes = Crashes(watch.saved)
        self._stopped = False
        self._poll_due = 0.0
        self._queue: deque[str] = deque()
        self._seen = self._read()

    def stop(self) -> None:
        """Give no more runs."""
        self._stopped = True

    def poll(self) -> None:
        """Read the files and show the progress, where the last reading is old enough."""
        if time.monotonic() >= self._poll_due:
            self._read()

    # -- called by Tune --------------------------------------------------------------------------------------------

    def suggest(self, trial_id: str) -> Any:
        """The next Ray trial's configuration; None: no run is free at the moment; FINISHED: none will be."""
        self.poll()
        if self._stopped or self.error is not None:
            return Searcher.FINISHED
        if len(self._given) >= self._room():
            return None
        if not self._queue and not self._given:
            self._read()  # at the end: what was elsewhere, or has died, may be open
        if not self._queue:
            return None if self._given or not self._is_over() else Searcher.FINISHED
        run_id = self._queue.popleft()
        self._given[trial_id] = run_id
        return {**self._trial, "run_id": run_id, "dead": self._seen.census.left.get(run_id, 0)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Remember why a worker is about to raise."""
        if result.get("outcome") == "unfit":
            self._unfit[trial_id] = result["message"]
            if result.get("lasts"):
                self.error = result["message"]

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A Ray trial has ended: its run is closed, or is found open at the next reading and given again."""
        run_id = self._given.pop(trial_id, None)
        if run_id is None:
            return
        self._hung.forget(run_id)
        if error:
            self._note_death(self._unfit.pop(trial_id, None))
            return
        outcome = (result or {}).get("outcome")
        if outcome is None:  # a scheduler ended it
            self._pruned.add(run_id)
        elif outcome in ("ok", "failed"):
            self._faults = 0  # workers can work here

    def save(self, checkpoint_path: str) -> None:
        """Nothing: rows and claims hold all that a later launch needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher into a file from which this project never restores."""
        return {}

    # -- the sweep's files -----------------------------------------------------------------------------------------

    def _read(self) -> Snapshot:
        started = time.monotonic()
        self._seen = self._watch.read()
        self._display.show(self._seen)
        census = self._seen.census
        taken = {*self._given.values(), *self._pruned, *census.held}
        self._queue = deque(run_id for run_id in census.open if run_id not in taken)
        took = time.monotonic() - started
        given = {*self._given.values()}
        self.hangs = self._hung.look(self._seen, given, over=self._is_over(), pause=self._pause + took)
        self._pause = max(_READ_EVERY, _READ_SHARE * took)
        self._poll_due = started + took + self._pause
        return self._seen

    def _is_over(self) -> bool:
        """Whether nothing is left to give, and nothing will be."""
        return not set(self._seen.census.open) - self._pruned and not self._watch.is_growing

    def _note_death(self, unfit: str | None) -> None:
        if unfit is not None:
            self._display.say(f"A worker ended: {unfit}")
            self._faults += 1
            if self._faults >= _FAULTS:
                self.error = unfit
            return
        self._display.say("A worker died; its run will be taken over.")
        if self._crashes.note(self._room()):
            self.error = "workers keep dying before they save anything; Ray's logs are in its temporary folder"


class Poll(Callback):
    """Shows the sweep's progress between Tune's requests.

    Args:
        runs: what is shown.
        then: called at every poll.
    """

    def __init__(self, runs: PlanRuns, then: Callable[[], None]) -> None:
        self._runs = runs
        self._then = then

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as of the searcher."""
        return {}

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Called by Tune some times a second."""
        self._runs.poll()
        self._then()
