"""The local executor's end where workers find nothing to do though runs are open."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad import files
from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.provenance import code_digest
from sweeps.executors.local import executor
from sweeps.executors.local.processes import Exit
from sweeps.executors.sweep import Sweep
from sweeps.progress.display import Display
from sweeps.worker.options import WorkerOptions
from sweeps.worker.worker import EXIT_ENVIRONMENT, EXIT_LASTING, EXIT_NOTHING_LEFT


class Fruitless:
    """Workers that end at once, having found no run, or as they are told."""

    def __init__(self, code: int = EXIT_NOTHING_LEFT, message: str = "") -> None:
        self.started = 0
        self.running = 0
        self._how = code, message

    @property
    def names(self) -> tuple[str, ...]:
        return ("w",) * self.running

    def start(self, count: int) -> None:
        self.started += count
        self.running = count

    def poll(self) -> list[Exit]:
        ended, self.running = self.running, 0
        return [Exit(f"w{number}", *self._how) for number in range(ended)]

    def stop(self, patience: float) -> None: ...

    def kill(self) -> None: ...


def sweep_of(workers: Fruitless, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The error with which a sweep of two runs by such workers ends."""
    monkeypatch.setattr(executor, "LocalWorkers", lambda *_: workers)
    plan = Plan("mine", (), (), (RunSpec(normal_class=0), RunSpec(normal_class=1)), code_digest())
    path = plan.save(folder)
    with Display() as display:
        worker = WorkerOptions(plan=str(path), results=str(folder))
        outcome = executor.execute(Sweep(plan=plan, results=folder, worker=worker, workers=1, display=display))
    assert outcome.error is not None
    return outcome.error


def test_a_sweep_whose_workers_find_nothing_ends_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be started for ever: seen where a plan's file was not the one that was launched."""
    workers = Fruitless()
    error = sweep_of(workers, tmp_path, monkeypatch)

    assert "find no run to make, though 2 are open" in error
    assert "\n" not in error
    assert workers.started == 5


def test_a_fault_that_comes_again_ends_the_sweep_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker would train the run to its end, and end as this one."""
    workers = Fruitless(EXIT_LASTING, "09:00:00 ERROR the row of run 01 cannot be written: ArrowInvalid: no")

    assert sweep_of(workers, tmp_path, monkeypatch) == "the row of run 01 cannot be written: ArrowInvalid: no"
    assert workers.started == 1


@pytest.mark.parametrize("free", [0, 10**9, None])
def test_workers_that_cannot_even_write_a_log_end_the_sweep(
    free: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk with not one byte left a launch waited for ever: its error was an empty text."""
    monkeypatch.setattr(executor, "_FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(files, "free_bytes", lambda _: free)
    workers = Fruitless(EXIT_ENVIRONMENT)
    error = sweep_of(workers, tmp_path, monkeypatch)

    assert str(tmp_path) in error
    assert ("No space left on device (0 bytes are free there)" in error) == (free == 0)
    assert workers.started == 2


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
