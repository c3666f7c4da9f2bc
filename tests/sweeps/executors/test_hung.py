"""Workers that hang: their places are freed, and a sweep that is done ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from sweeps.executors import hung
from sweeps.executors.hung import FEWEST_READINGS, FEWEST_SECONDS, Hung
from sweeps.executors.local import executor
from sweeps.executors.local.processes import Exit
from sweeps.executors.sweep import Sweep
from sweeps.progress.display import Display
from sweeps.worker.options import WorkerOptions
from tests.helpers.analysis_rows import ok_row

TICK = FEWEST_SECONDS / 20
READINGS = 21
"""Ticks that are more than the patience."""


def asked(steps: list[tuple[set[str], int, bool]], lease: float = 5.0, tick: float = TICK) -> list[list[str]]:
    """What is found of the workers a and b, asked again and again: who holds a run, free runs, whether all is over."""
    found = Hung(lease)
    return [
        found.find(("a", "b"), holding, free=free, over=over, now=number * tick, pause=tick)
        for number, (holding, free, over) in enumerate(steps)
    ]


def test_a_worker_that_lost_its_claim_while_runs_are_free_hangs() -> None:
    *before, last = asked([({"a", "b"}, 1, False), *[({"a"}, 1, False)] * READINGS])
    assert before == [[]] * READINGS
    assert last == ["b"]


def test_readings_that_are_rare_show_it_too_and_need_several() -> None:
    """On a slow file system each is minutes after the one before; a worker may stand between two runs at some."""
    rare = 2 * FEWEST_SECONDS
    *before, last = asked([({"a", "b"}, 1, False), *[({"a"}, 1, False)] * FEWEST_READINGS], tick=rare)
    assert before == [[]] * FEWEST_READINGS
    assert last == ["b"]
    now_and_then = [({"a", "b"} if number % 5 == 0 else {"a"}, 1, False) for number in range(50)]
    assert asked(now_and_then, tick=rare) == [[]] * 50


def test_a_worker_that_has_not_held_a_run_is_still_starting() -> None:
    assert asked([({"a"}, 1, False)] * 99) == [[]] * 99


def test_a_worker_without_a_run_waits_where_none_is_free() -> None:
    assert asked([({"a", "b"}, 1, False), *[({"a"}, 0, False)] * 99, *[({"a"}, 1, False)] * 20]) == [[]] * 120


def test_whoever_is_left_when_all_is_over_hangs_after_a_while() -> None:
    *before, last = asked([({"a", "b"}, 1, False), *[(set(), 0, True)] * 22])
    assert before == [[]] * 22
    assert last == ["a", "b"]


def test_a_longer_lease_is_waited_for() -> None:
    assert asked([({"a", "b"}, 1, False), *[({"a"}, 1, False)] * 59], lease=3 * FEWEST_SECONDS) == [[]] * 60


def test_after_this_process_itself_was_stopped_workers_get_their_time_again() -> None:
    """A scheduler suspends whole jobs, workers with their launcher."""
    found = Hung(5.0)
    times = [TICK * number for number in (*range(15), *range(500, 515))]
    answers = [found.find(("a",), {"a"} if now == 0 else (), free=1, over=False, now=now, pause=TICK) for now in times]
    assert answers == [[]] * 30


class Stuck:
    """A worker whose process lives on, whatever is asked of it."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.abandoned: list[str] = []

    @property
    def running(self) -> int:
        return len(self.names)

    def start(self, count: int) -> None:
        self.names += ("w",) * count

    def poll(self) -> list[Exit]:
        return []

    def abandon(self, name: str) -> None:
        self.abandoned.append(name)
        self.names = ()

    def kill(self) -> None: ...


def test_a_sweep_that_is_done_ends_though_a_worker_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All runs were done, and the launch waited for a stopped worker for ever: no table, no compaction."""
    monkeypatch.setattr(hung, "FEWEST_SECONDS", 3.0)
    monkeypatch.setattr(executor, "_READ_EVERY", 0.01)
    workers, spec = Stuck(), RunSpec(normal_class=0)
    plan = Plan("mine", (), (), (spec,), code_digest())
    start = workers.start

    def start_and_let_another_launch_finish(count: int) -> None:
        if count:
            start(count)
            ResultStore(tmp_path).commit(ok_row(spec, 0.9))

    monkeypatch.setattr(workers, "start", start_and_let_another_launch_finish)
    monkeypatch.setattr(executor, "LocalWorkers", lambda *_: workers)
    worker = WorkerOptions(plan=str(plan.save(tmp_path)), results=str(tmp_path), lease=0.01, heartbeat=0.0)
    with Display() as display:
        outcome = executor.execute(Sweep(plan=plan, results=tmp_path, worker=worker, workers=1, display=display))

    assert outcome.error is None
    assert workers.abandoned == ["w"]
    assert "Worker w hangs: its process lives, though no run is left. It is killed." in capsys.readouterr().err
