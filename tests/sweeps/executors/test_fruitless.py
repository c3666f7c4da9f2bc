"""The local executor's end where workers find nothing to do though runs are open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.provenance import code_digest
from sweeps.executors.local import executor
from sweeps.executors.local.processes import Exit
from sweeps.executors.sweep import Sweep
from sweeps.progress.display import Display
from sweeps.worker.options import WorkerOptions
from sweeps.worker.worker import EXIT_NOTHING_LEFT


class Fruitless:
    """Workers that end at once, having found no run."""

    def __init__(self, *_: Any) -> None:
        self.started = 0
        self.running = 0

    def start(self, count: int) -> None:
        self.started += count
        self.running = count

    def poll(self) -> list[Exit]:
        ended, self.running = self.running, 0
        return [Exit(f"w{number}", EXIT_NOTHING_LEFT, "") for number in range(ended)]

    def stop(self, patience: float) -> None: ...

    def kill(self) -> None: ...


def test_a_sweep_whose_workers_find_nothing_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be started for ever: seen where a plan's file was not the one that was launched."""
    workers = Fruitless()
    monkeypatch.setattr(executor, "LocalWorkers", lambda *_: workers)
    plan = Plan("mine", (), (), (RunSpec(normal_class=0), RunSpec(normal_class=1)), code_digest())
    path = plan.save(tmp_path)
    with Display() as display:
        worker = WorkerOptions(plan=str(path), results=str(tmp_path))
        outcome = executor.execute(Sweep(plan=plan, results=tmp_path, worker=worker, workers=1, display=display))

    assert outcome.error is not None
    assert "find no run to make, though 2 are open" in outcome.error
    assert "\n" not in outcome.error
    assert workers.started == 5


def test_a_results_folder_that_goes_away_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed or renamed in mid-sweep: one line, and the folder does not come back empty to have all done again."""
    monkeypatch.setattr(executor, "_FAILED_READINGS", 2)
    monkeypatch.setattr(executor, "_READ_EVERY", 0.01)
    results, moved = tmp_path / "results", tmp_path / "moved"

    class Removed(Fruitless):
        def start(self, count: int) -> None:
            if count:
                results.rename(moved)
                self.running = 1

        def poll(self) -> list[Exit]:
            return []

        def stop(self, patience: float) -> None:
            self.running = 0

    monkeypatch.setattr(executor, "LocalWorkers", lambda *_: Removed())
    plan = Plan("mine", (), (), (RunSpec(normal_class=0),), code_digest())
    worker = WorkerOptions(plan=str(plan.save(results)), results=str(results))
    with Display() as display:
        outcome = executor.execute(Sweep(plan=plan, results=results, worker=worker, workers=1, display=display))

    assert outcome.error == f"{results}: the results folder is gone; was it removed or renamed?"
    assert not results.exists()
