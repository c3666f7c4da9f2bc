"""RunTrial: one run of the plan as a Ray trial, made by the same worker as under any executor."""

from __future__ import annotations

import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

from ray import tune

from agad.errors import AgadError
from agad.spec.run import RunSpec
from agad.store.schema import CURVE_COLUMNS, RunRecord
from agad.train.control import CurvePoint, Progress

from ...worker.failures import LastingFault
from ...worker.options import WorkerOptions
from ...worker.worker import Worker


class RunTrial(tune.Trainable):
    """An actor that makes the run which its configuration names, and then the next one without being restarted.

    The worker trains in a thread, so that `step` can hand each point of the learning curve to Tune meanwhile.
    Configuration: `run_id`; `dead`, see Picker.take; `options`, the path of the file of WorkerOptions, beside which the
    worker's log goes; `device`; `bell`, see WorkerOptions; `judged`, whether a scheduler decides after each point if
    the run goes on; `cpu` and `gpu`.
    """

    worker_class = Worker

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """What Tune reserves for the run."""
        amounts = {"CPU": config["cpu"], "GPU": config["gpu"]}
        return tune.PlacementGroupFactory([{name: amount for name, amount in amounts.items() if amount}])

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with the first run."""
        self._worker: Worker | None = None
        self._run: _Run | None = None
        self._unfit: AgadError | None = None
        self._config = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Go on with another run, in the same process; the one before was pruned if it has not ended."""
        self._leave_run()
        self._config = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next point of the curve, or to the run's end. Raises AgadError if the environment is unfit."""
        if self._unfit is not None:
            raise self._unfit
        try:
            if self._run is None:
                self._run = _Run(self._open_worker(), self._config)
            return self._run.next_result()
        except AgadError as error:  # reported first, raised at the next step: Tune ends the actor without its message
            self._unfit = error
            message = f"{os.uname().nodename}: {' '.join(str(error).split())}"
            return {"outcome": "unfit", "message": message, "lasts": isinstance(error, LastingFault)}

    def cleanup(self) -> None:
        """End this worker; a run that has not ended was pruned by a scheduler, or else is stopped."""
        if self._worker is not None and not self._config["judged"]:
            self._worker.stopping.stop("its trial was ended")
        self._leave_run()
        if self._worker is not None:
            self._worker.close()

    def _leave_run(self) -> None:
        if self._run is not None:
            self._run.leave()
            self._run = None

    def _open_worker(self) -> Worker:
        if self._worker is None:
            self._worker = self.worker_class(_options(self._config), self._watch)
            self._worker.open()
        return self._worker

    def _watch(self, spec: RunSpec, progress: Progress) -> bool:
        return self._run is not None and self._run.watch(spec, progress)


class _Run:
    """One run under way: a thread that trains, and the results that it reports."""

    def __init__(self, worker: Worker, config: dict[str, Any]) -> None:
        self._worker = worker
        self._run_id: str = config["run_id"]
        self._dead: int = config["dead"]
        self._judged: bool = config["judged"]
        self._reported: int | None = None
        self._results: queue.Queue[dict[str, Any]] = queue.Queue()
        self._verdicts: queue.Queue[bool] = queue.Queue()
        self._waits = False
        self._left = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name="training", daemon=True)
        self._thread.start()

    def next_result(self) -> dict[str, Any]:
        """Wait for the next point of the curve or the end. Raises what ended the worker."""
        if self._waits:
            self._waits = False
            self._verdicts.put(False)
        result = self._results.get()
        if result.get("done"):
            self._thread.join()
            if self._error is not None:
                raise self._error
        else:
            self._waits = self._judged
        return result

    def leave(self) -> None:
        """Prune the run if it has not ended."""
        self._left = True
        self._verdicts.put(True)
        self._thread.join()

    def watch(self, spec: RunSpec, progress: Progress) -> bool:
        """Report a new point; whether the run is to be pruned. Called by the training thread."""
        point = progress.point
        if spec.run_id != self._run_id or point is None or point.update == self._reported:
            return self._left
        self._reported = point.update
        self._results.put(_result_of(point))
        return self._judged and self._verdicts.get()

    def _make(self) -> None:
        record = None
        try:
            record = self._worker.make(self._run_id, self._dead)
        except BaseException as error:  # noqa: BLE001 - raised again by next_result
            self._error = error
        if record is None:
            outcome = "stopped" if self._worker.stopping.is_set() else "elsewhere"
            self._results.put({"outcome": outcome, "done": True})
        else:
            self._results.put({**_last_point(record), "outcome": record.status, "done": True})


def _last_point(record: RunRecord) -> dict[str, Any]:
    """The end of a finished run's curve, which no update follows to report it."""
    values = record.values
    if record.status != "ok" or not values.get("curve_update"):
        return {}
    names = [name for name in CURVE_COLUMNS if values.get(name) and values[name][-1] is not None]
    return {name.removeprefix("curve_"): values[name][-1] for name in names}


def _result_of(point: CurvePoint) -> dict[str, Any]:
    scores = {f"auroc_{protocol}": value for protocol, value in point.auroc.items()}
    scores |= {f"auroc_val_{protocol}": value for protocol, value in point.validation.items()}
    return {"update": point.update, **scores, **point.terms}


def _options(config: dict[str, Any]) -> WorkerOptions:
    """The sweep's options, with a name and a log of this process's own."""
    path, name = Path(config["options"]), f"{os.uname().nodename}-ray-{os.getpid()}"
    log = path.with_name(f"{name}.log")
    handler = logging.FileHandler(log, delay=True)  # no warning, no file
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("agad").addHandler(handler)
    return WorkerOptions.load(path, name=name, log=str(log), device=config["device"], bell=config["bell"])
