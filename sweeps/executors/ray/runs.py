"""PlanRuns: which run becomes the next trial, asked by Ray Tune whenever there is room for one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ray.tune import Callback
from ray.tune.search import Searcher

from ...progress.watch import Display, Snapshot, Watch
from ...worker.retry import DEATHS_UNTIL_FAILED

_LOOK_EVERY = 1.0
"""Seconds between two looks at the sweep's files."""
_LOOK_SHARE = 10
"""A look takes a tenth of the time at most: of thousands of runs it reads long listings."""
_UNFIT_PLACES = 3
"""Workers that may find their place unfit, without a run that ends between, before no more are started."""


class PlanRuns(Searcher):
    """Gives the plan's open runs in its order, each to one trial at a time, and again what came back open.

    What is open, rows and claims say: others may work at the same plan. So a run that its trial found claimed
    elsewhere, or whose actor died, is given again when nobody is at it; while somebody is, this waits.

    Args:
        watch: looks at the sweep's files.
        display: shows what it saw.
        room: how many trials there may be by now.
        trial: what every trial's configuration has beside `run_id` and `dead`.

    Attributes:
        error: an error of place that ended the sweep, one line.
    """

    def __init__(self, watch: Watch, display: Display, room: Callable[[], int], trial: dict[str, Any]) -> None:
        super().__init__()
        self.error: str | None = None
        self._watch, self._display, self._room, self._trial = watch, display, room, trial
        self._given: dict[str, str] = {}  # trial -> run
        self._pruned: set[str] = set()
        self._unfit: dict[str, str] = {}  # trial -> what its worker found wrong with its place
        self._unfit_places = 0
        self._crashes = 0
        self._stopped = False
        self._look_due = 0.0
        self._queue: deque[str] = deque()
        self._seen = self._look()

    def stop(self) -> None:
        """Give no more runs."""
        self._stopped = True

    def look_if_due(self) -> None:
        """Look at the files and show what is there, where the last look is some time ago."""
        if time.monotonic() >= self._look_due:
            self._look()

    # -- asked and told by Tune ------------------------------------------------------------------------------------

    def suggest(self, trial_id: str) -> Any:
        """The next trial's configuration; None: none by now; FINISHED: none any more."""
        self.look_if_due()
        if self._stopped or self.error is not None:
            return Searcher.FINISHED
        if len(self._given) >= self._room():
            return None
        if not self._queue and not self._given:
            self._look()  # at the end: what was elsewhere, or has died, may be open
        if not self._queue:
            return None if self._given or not self._is_over() else Searcher.FINISHED
        run_id = self._queue.popleft()
        self._given[trial_id] = run_id
        return {**self._trial, "run_id": run_id, "dead": self._seen.census.left.get(run_id, 0)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Remember why a worker is about to raise."""
        if result.get("outcome") == "unfit":
            self._unfit[trial_id] = result["message"]

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial has ended: its run is closed, or is found open at the next look and given again."""
        run_id = self._given.pop(trial_id, None)
        if run_id is None:
            return
        if error:
            self._note_death(self._unfit.pop(trial_id, None))
            return
        outcome = (result or {}).get("outcome")
        if outcome is None:  # a scheduler ended it
            self._pruned.add(run_id)
        elif outcome in ("ok", "failed"):
            self._crashes = self._unfit_places = 0  # workers can work here

    def save(self, checkpoint_path: str) -> None:
        """Nothing: rows and claims say all that a later launch needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher into a file from which this project never restores."""
        return {}

    # -- the sweep's files -----------------------------------------------------------------------------------------

    def _look(self) -> Snapshot:
        started = time.monotonic()
        self._seen = self._watch.look()
        self._display.show(self._seen)
        census = self._seen.census
        taken = {*self._given.values(), *self._pruned, *census.held}
        self._queue = deque(run_id for run_id in census.open if run_id not in taken)
        now = time.monotonic()
        self._look_due = now + max(_LOOK_EVERY, _LOOK_SHARE * (now - started))
        return self._seen

    def _is_over(self) -> bool:
        """Whether nothing is left to give, and nothing will be."""
        return not set(self._seen.census.open) - self._pruned and not self._watch.is_growing

    def _note_death(self, unfit: str | None) -> None:
        if unfit is not None:
            self._display.say(f"A worker ended: {unfit}")
            self._unfit_places += 1
            if self._unfit_places >= _UNFIT_PLACES:
                self.error = unfit
            return
        self._display.say("A worker died; its run will be taken over.")
        self._crashes += 1
        if self._crashes > DEATHS_UNTIL_FAILED * (self._room() + 1):
            self.error = "workers keep dying before they finish a run; Ray's logs are in its temporary folder"


class Look(Callback):
    """Shows the sweep's progress while Tune has no question.

    Args:
        runs: what is shown.
        then: called at every look.
    """

    def __init__(self, runs: PlanRuns, then: Callable[[], None]) -> None:
        self._runs = runs
        self._then = then

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as of the searcher."""
        return {}

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Called by Tune some times a second."""
        self._runs.look_if_due()
        self._then()
