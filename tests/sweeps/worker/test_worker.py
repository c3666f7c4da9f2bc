"""What a worker does with what happens to its runs. The trainer is replaced; claims, rows and files are real."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import agad.train.crew
import agad.train.run
import sweeps.worker.worker
from agad.errors import DataError, DeviceError, NonFiniteLoss, StoreError
from agad.plan.plan import Plan
from agad.spec.run import RunOptions, RunSpec
from agad.store.claims import ClaimBoard, Owner
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.machine import processes, program
from sweeps.worker.__main__ import STOP_SIGNALS
from sweeps.worker.__main__ import main as worker_main
from sweeps.worker.failures import EnvironmentFault, LastingFault
from sweeps.worker.options import AUTO, WorkerOptions, command_line_options
from sweeps.worker.worker import EXIT_ENVIRONMENT, EXIT_LASTING, EXIT_NOTHING_LEFT, EXIT_STOPPED, Worker
from tests.helpers.cli import one_line
from tests.helpers.disk import forbid
from tests.helpers.rows import record, spec

SPECS = tuple(spec(seed=seed) for seed in range(4))
Behaviour = Callable[[RunSpec, RunOptions, Callable[..., Any]], RunRecord | None]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Worker]:
    """A worker whose training is `behave(spec, options, control)`: None means ok, exceptions are the run's."""

    def make(behave: Behaviour, code: str = code_digest(), **options: Any) -> Worker:
        def train(spec: RunSpec, run_options: RunOptions, *, data: object, control: Callable[..., Any]) -> RunRecord:
            return behave(spec, run_options, control) or record(spec, run_options.attempt)

        monkeypatch.setattr(agad.train.run, "train", train)
        plan = Plan("demo", (), (), SPECS, code).save(tmp_path)
        return Worker(WorkerOptions(plan=str(plan), results=str(tmp_path), heartbeat=0.05, **options))

    return make


def rows(folder: Path) -> dict[int, tuple[str, str | None]]:
    """Seed -> (status, failure_kind)."""
    table = ResultStore(folder).read(["seed", "status", "failure_kind"])
    return {row["seed"]: (row["status"], row["failure_kind"]) for row in table.to_pylist()}


def trained(control: Callable[..., Any], update: int = 1) -> Any:
    """What the trainer tells its caller after an update."""
    return control(SimpleNamespace(update=update, updates=4, saved=0))


def held(folder: Path) -> list[str]:
    """Runs that somebody is at."""
    board = ClaimBoard(folder, Owner.this_process("observer"))
    return [run_id for run_id, generations in board.generations().items() if board.is_held(run_id, generations[-1])]


@pytest.mark.slow
def test_it_works_until_nothing_is_left(start: Callable[..., Worker], tmp_path: Path) -> None:
    assert start(lambda *_: None).work() == EXIT_NOTHING_LEFT
    assert rows(tmp_path) == dict.fromkeys(range(4), ("ok", None))
    assert held(tmp_path) == []


def test_rows_say_where_they_come_from(start: Callable[..., Worker], tmp_path: Path) -> None:
    start(lambda *_: None, name="w7", executor="slurm").work()

    row = ResultStore(tmp_path).read().to_pylist()[0]
    assert (row["worker"], row["executor"]) == ("w7", "slurm")
    assert row["plan"].startswith("demo-")


@pytest.mark.parametrize("name", ["inbox", "claims", "checkpoints", "weights", "digests"])
def test_a_folder_that_cannot_be_written_is_found_before_a_run_is_claimed(
    start: Callable[..., Worker], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row would be lost when the first run has ended."""
    worker = start(lambda *_: pytest.fail("it trains"), keep_weights=True)
    forbid(monkeypatch, tmp_path / name)
    with pytest.raises(EnvironmentFault, match=rf"^nothing can be written into {tmp_path / name}: Permission denied; "):
        worker.work()
    assert held(tmp_path) == []


def test_looking_whether_folders_can_be_written_leaves_nothing(start: Callable[..., Worker], tmp_path: Path) -> None:
    worker = start(lambda *_: None)
    (tmp_path / "inbox").mkdir()
    before = sorted(tmp_path.rglob("*"))
    worker.open()
    worker.close()
    assert sorted(tmp_path.rglob("*")) == before


FAILURES = [
    (NonFiniteLoss(3, "loss_g"), "nan", 3),
    (MemoryError(), "oom", None),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "oom", None),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "oom", None),
    (ValueError("a bug"), "error", None),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "error", None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("error", "kind", "update"), FAILURES)
def test_a_failed_run_is_a_row_and_the_sweep_goes_on(
    start: Callable[..., Worker], tmp_path: Path, error: Exception, kind: str, update: int | None
) -> None:
    def behave(spec: RunSpec, _: RunOptions, control: Callable[..., Any]) -> None:
        trained(control)
        if spec.seed == 1:
            raise error

    assert start(behave, log="w.log").work() == EXIT_NOTHING_LEFT

    assert rows(tmp_path) == {0: ("ok", None), 1: ("failed", kind), 2: ("ok", None), 3: ("ok", None)}
    columns = ["failure_message", "failure_update", "log", "attempt", "code_digest", "torch_version"]
    tries = ResultStore(tmp_path).read_tries([*columns, "status"]).to_pylist()
    failed = [row for row in tries if row["status"] == "failed"]
    assert len(failed) == (2 if kind == "oom" else 1), "out of memory is tried once more"
    assert failed[0]["failure_message"].startswith(type(error).__name__)
    assert (failed[0]["code_digest"], failed[0]["torch_version"]) == (code_digest(), torch.__version__)
    assert (failed[0]["failure_update"], failed[0]["log"]) == (update, "w.log")


ENVIRONMENT = [
    DataError("mnist is not in data/"),
    DeviceError("no CUDA device"),
    OSError(errno.ENOSPC, "No space left on device"),
    PermissionError(errno.EACCES, "Permission denied"),
    ImportError("libcudart.so: cannot open shared object file"),
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
]


@pytest.mark.slow
@pytest.mark.parametrize("error", ENVIRONMENT, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_environment_ends_the_worker_and_writes_no_row(
    start: Callable[..., Worker], tmp_path: Path, error: Exception
) -> None:
    def behave(spec: RunSpec, _: RunOptions, control: Callable[..., Any]) -> None:
        trained(control)
        if spec.seed == 1:
            raise error

    with pytest.raises(EnvironmentFault) as caught:
        start(behave).work()

    assert "\n" not in str(caught.value)
    assert rows(tmp_path) == {0: ("ok", None)}
    assert held(tmp_path) == []


def test_a_disk_that_is_full_when_the_row_is_committed(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint stays: the run goes on from it."""

    def behave(spec: RunSpec, options: RunOptions, _: Callable[..., Any]) -> None:
        assert options.checkpoint_dir is not None
        Path(options.checkpoint_dir).mkdir(exist_ok=True)
        (Path(options.checkpoint_dir) / f"{spec.run_id}.1.pt").write_text("weights")

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    worker = start(behave)
    monkeypatch.setattr(ResultStore, "add", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        worker.work()

    assert (tmp_path / "checkpoints" / f"{SPECS[0].run_id}.1.pt").exists()
    assert held(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "fault"), [(ValueError("a list\nof what?"), LastingFault), (MemoryError(), EnvironmentFault)]
)
def test_a_row_that_cannot_be_written_is_a_fault_that_comes_again(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, fault: type
) -> None:
    """But for memory that did not suffice; the run is open, and no row of a failure says that it was its fault."""

    def refuse(*_: object) -> bool:
        raise error

    worker = start(lambda *_: None)
    monkeypatch.setattr(ResultStore, "add", refuse)
    with pytest.raises(EnvironmentFault, match=r"^the row of run [0-9a-f]+ cannot be written: \w+Error:.*$") as caught:
        worker.work()

    assert type(caught.value) is fault
    monkeypatch.undo()
    assert rows(tmp_path) == {}
    assert held(tmp_path) == []


def test_checkpoints_go_when_the_ok_row_is_there(start: Callable[..., Worker], tmp_path: Path) -> None:
    def behave(spec: RunSpec, options: RunOptions, _: Callable[..., Any]) -> None:
        assert options.checkpoint_dir is not None
        Path(options.checkpoint_dir).mkdir(exist_ok=True)
        (Path(options.checkpoint_dir) / f"{spec.run_id}.1.pt").write_text("weights")

    start(behave).work()

    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_two_runs_that_fail_alike_before_their_first_update_show_a_fault_of_the_environment(
    start: Callable[..., Worker], tmp_path: Path
) -> None:
    def behave(*_: object) -> None:
        raise RuntimeError("libfoo is of another version")

    with pytest.raises(EnvironmentFault, match="two runs failed alike before their first update: RuntimeError: libfoo"):
        start(behave).work()

    assert rows(tmp_path) == {}
    assert held(tmp_path) == []


def test_two_runs_out_of_memory_before_their_first_update_show_a_fault_of_the_environment(
    start: Callable[..., Worker], tmp_path: Path
) -> None:
    """Somebody else fills the GPU: the messages differ in their sizes."""

    def behave(spec: RunSpec, *_: object) -> None:
        raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {spec.seed + 2} GiB")

    with pytest.raises(EnvironmentFault, match="OutOfMemoryError"):
        start(behave).work()

    assert rows(tmp_path) == {}


def test_a_stop_leaves_a_withheld_failure_open(start: Callable[..., Worker], tmp_path: Path) -> None:
    """The run after it was stopped before it had shown whose fault the failure was."""

    def behave(spec: RunSpec, *_: object) -> None:
        if spec.seed == 0:
            raise RuntimeError("whose fault?")
        worker.stopping.stop("it got SIGTERM")
        raise agad.train.run.Interrupted(0)

    worker = start(behave)

    assert worker.work() == EXIT_STOPPED
    assert rows(tmp_path) == {}
    assert held(tmp_path) == []


def test_a_withheld_failure_is_committed_when_the_next_run_gets_further(
    start: Callable[..., Worker], tmp_path: Path
) -> None:
    seen = []

    def behave(spec: RunSpec, _: RunOptions, control: Callable[..., Any]) -> None:
        if spec.seed == 0:
            raise RuntimeError("this spec is bad")
        trained(control)
        seen.append(rows(tmp_path)[0])

    start(behave).work()

    assert seen[0] == ("failed", "error")


@pytest.mark.slow
def test_it_waits_for_what_others_hold_until_a_lease_is_over(start: Callable[..., Worker], tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(Owner.this_process("gone"), host="another-host")
    for each in SPECS:
        ClaimBoard(tmp_path, elsewhere).take(each.run_id, 1)

    assert start(lambda *_: None, lease=1.0).work() == EXIT_NOTHING_LEFT
    assert rows(tmp_path) == dict.fromkeys(range(4), ("ok", None))


def test_one_run_that_fails_before_its_first_update_is_its_own_fault(
    start: Callable[..., Worker], tmp_path: Path
) -> None:
    def behave(spec: RunSpec, *_: object) -> None:
        if spec.seed == 0:
            raise RuntimeError("this spec is bad")

    assert start(behave).work() == EXIT_NOTHING_LEFT
    assert rows(tmp_path)[0] == ("failed", "error")
    assert held(tmp_path) == []


def test_runs_that_fail_differently_are_rows(start: Callable[..., Worker], tmp_path: Path) -> None:
    def behave(spec: RunSpec, *_: object) -> None:
        raise RuntimeError(f"bad seed {spec.seed}")

    start(behave).work()

    assert rows(tmp_path) == dict.fromkeys(range(4), ("failed", "error"))
    assert held(tmp_path) == []


def test_a_stop_is_honoured_at_the_next_update(start: Callable[..., Worker], tmp_path: Path) -> None:
    def behave(spec: RunSpec, _: RunOptions, control: Callable[..., Any]) -> None:
        if spec.seed == 1:
            worker.stopping.stop("it got SIGTERM")
            assert trained(control) is agad.train.run.Action.STOP
            raise agad.train.run.Interrupted(1)

    worker = start(behave)

    assert worker.work() == EXIT_STOPPED
    assert rows(tmp_path) == {0: ("ok", None)}
    assert held(tmp_path) == []


def test_a_deadline_stops_it(start: Callable[..., Worker], tmp_path: Path) -> None:
    assert start(lambda *_: None, deadline=0.0).work() == EXIT_STOPPED
    assert rows(tmp_path) == {}


def test_a_stolen_run_is_abandoned(start: Callable[..., Worker], tmp_path: Path) -> None:
    def behave(spec: RunSpec, options: RunOptions, control: Callable[..., Any]) -> None:
        if spec.seed == 0 and options.attempt == 1:
            thief = ClaimBoard(tmp_path, Owner.this_process("thief")).take(spec.run_id, 2)
            assert thief is not None
            for _ in range(3000):
                if trained(control) is agad.train.run.Action.ABANDON:
                    thief.release()
                    raise agad.train.run.Interrupted(1)
                time.sleep(0.02)
            pytest.fail("it never saw the thief")

    start(behave).work()

    (row,) = ResultStore(tmp_path).read(["attempt", "seed"], run_ids=[SPECS[0].run_id]).to_pylist()
    assert row["attempt"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("cleared", [False, True])
def test_a_robbed_worker_that_wakes_up_with_its_run_finished_commits_nothing(
    start: Callable[..., Worker], tmp_path: Path, cleared: bool
) -> None:
    """It was stopped after its last update, for longer than a lease; the thief's row and checkpoints stay alone."""
    checkpoint = tmp_path / "checkpoints" / f"{SPECS[0].run_id}.2.pt"

    def behave(spec: RunSpec, options: RunOptions, _: Callable[..., Any]) -> None:
        if spec.seed == 0 and options.attempt == 1:
            board = ClaimBoard(tmp_path, Owner.this_process("thief"))
            assert board.take(spec.run_id, 2) is not None
            ResultStore(tmp_path).commit(record(spec, 2))
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.write_text("the thief's")
            if cleared:
                board.clear([spec.run_id])

    assert start(behave).work() == EXIT_NOTHING_LEFT

    assert [one.attempt for one in ResultStore(tmp_path).tries()[SPECS[0].run_id]] == [2]
    assert checkpoint.exists()
    assert rows(tmp_path) == dict.fromkeys(range(4), ("ok", None))


def test_its_claims_beat_while_it_trains(start: Callable[..., Worker], tmp_path: Path) -> None:
    counters = []

    def behave(spec: RunSpec, options: RunOptions, control: Callable[..., Any]) -> None:
        if spec.seed == 0:
            board = ClaimBoard(tmp_path, Owner.this_process("observer"))
            for _ in range(3000):
                trained(control, update=3)
                time.sleep(0.02)
                seen = board.read(spec.run_id, options.attempt)
                assert seen is not None
                counters.append((seen.counter, seen.update))
                if len(set(counters)) > 3:
                    break

    start(behave).work()

    assert len(set(counters)) > 3
    assert counters[-1][1] == 3


def test_it_ends_when_its_launcher_is_gone(start: Callable[..., Worker], tmp_path: Path) -> None:
    def behave(_: RunSpec, __: RunOptions, control: Callable[..., Any]) -> None:
        for _ in range(3000):
            if trained(control) is agad.train.run.Action.STOP:
                raise agad.train.run.Interrupted(1)
            time.sleep(0.02)
        pytest.fail("it never saw that its launcher is gone")

    worker = start(behave, parent=os.getpid())  # nobody is its own parent

    assert worker.work() == EXIT_STOPPED
    assert worker.stopping.reason == "its launcher is gone"


def test_other_code_than_the_plans_is_refused(start: Callable[..., Worker]) -> None:
    with pytest.raises(LastingFault, match=r"agad/ has changed since this plan .*--allow-code-change"):
        start(lambda *_: None, code="0123")

    assert start(lambda *_: None, code="0123", allow_code_change=True).work() == EXIT_NOTHING_LEFT


@pytest.mark.slow
def test_two_workers_share_a_plan(start: Callable[..., Worker], tmp_path: Path) -> None:
    made: list[int] = []

    def behave(spec: RunSpec, *_: object) -> None:
        made.append(spec.seed)
        time.sleep(0.05)

    workers = [start(behave), start(behave)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [0, 1, 2, 3]


def test_runs_together_have_claims_rows_and_failures_of_their_own(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at a time: one breaks, and its place is taken by the next; each has its claim while it trains."""
    seen: list[int] = []

    def train_together(members: Any, _: RunOptions, size: int, ended: Callable[..., None]) -> int:
        assert size == 2
        first, second = next(members), next(members)
        seen.append(len(held(tmp_path)))
        ended(first, NonFiniteLoss(3, "loss_g"))
        third = next(members)
        ended(third, record(third.spec, third.options.attempt))
        ended(second, record(second.spec, second.options.attempt))
        last = next(members)
        seen.append(len(held(tmp_path)))
        ended(last, record(last.spec, last.options.attempt))
        assert next(members, None) is None
        return size

    worker = start(lambda *_: None, together=2)
    monkeypatch.setattr(agad.train.crew, "train_together", train_together)
    assert worker.work() == EXIT_NOTHING_LEFT
    assert rows(tmp_path) == {0: ("failed", "nan"), 1: ("ok", None), 2: ("ok", None), 3: ("ok", None)}
    assert seen == [2, 1]
    assert held(tmp_path) == []


def test_a_fault_of_the_environment_in_one_of_several_runs_gives_every_claim_back(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_together(members: Any, _: RunOptions, size: int, ended: Callable[..., None]) -> int:
        first, _second = next(members), next(members)
        ended(first, DeviceError("the GPU is gone"))
        return size

    worker = start(lambda *_: None, together=2)
    monkeypatch.setattr(agad.train.crew, "train_together", train_together)
    with pytest.raises(EnvironmentFault, match="the GPU is gone"):
        worker.work()
    assert rows(tmp_path) == {}
    assert held(tmp_path) == []


def test_a_run_that_is_chosen_has_others_of_the_plan_beside_it(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under Ray: what is returned is the record of the chosen run, and one worker serves a GPU to the plan's end."""

    def train_together(members: Any, _: RunOptions, size: int, ended: Callable[..., None]) -> int:
        for member in members:
            ended(member, record(member.spec, member.options.attempt))
        return size

    worker = start(lambda *_: None, together=2)
    monkeypatch.setattr(agad.train.crew, "train_together", train_together)
    chosen = worker.plan.specs[2]
    made = worker.make(chosen.run_id)
    assert made is not None
    assert made.spec == chosen
    assert rows(tmp_path) == dict.fromkeys(range(4), ("ok", None))
    assert held(tmp_path) == []


@pytest.mark.parametrize("fails", [False, True])
def test_how_many_runs_together_is_measured_once(
    fails: bool, start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where measuring meets a fault of the environment, the claim that is held already is given back."""
    sizes: list[int] = []

    def train_together(members: Any, _: RunOptions, size: int, ended: Callable[..., None]) -> int:
        sizes.append(size)
        member = next(members)
        ended(member, record(member.spec, member.options.attempt))
        return size

    def settled_size(*_: object) -> int:
        if fails:
            raise DeviceError("the GPU is gone")
        assert not sizes
        return 3

    worker = start(lambda *_: None, together=AUTO)
    monkeypatch.setattr(agad.train.crew, "train_together", train_together)
    monkeypatch.setattr(sweeps.worker.worker, "settled_size", settled_size)
    if fails:
        with pytest.raises(EnvironmentFault, match="the GPU is gone"):
            worker.work()
    else:
        assert worker.work() == EXIT_NOTHING_LEFT
        assert sizes == [3, 3, 3, 3]
    assert held(tmp_path) == []


@pytest.mark.parametrize(("text", "expected"), [("auto", AUTO), ("1", 1), ("16", 16)])
def test_together_is_a_number_or_auto(text: str, expected: int) -> None:
    convert = command_line_options()["together"].metadata["argument"]["type"]
    assert convert(text) == expected
    for wrong in ("0", "-1", "", "two", "1.5"):
        with pytest.raises(argparse.ArgumentTypeError, match="neither a whole number of 1 or more nor auto"):
            convert(wrong)


def test_options_go_to_workers_as_one_file(tmp_path: Path) -> None:
    """All but what differs between the workers of a sweep."""
    shared: dict[str, Any] = {"plan": "a b.json", "results": "r;s", "threads": 2, "deadline": 1.5, "retry": {"0123": 2}}
    options = WorkerOptions(**shared, device="cuda", name="w1", log="w1.log")
    path = options.save(tmp_path)

    assert WorkerOptions.load(path) == WorkerOptions(**shared)
    assert WorkerOptions.load(path, device="cuda", name="w1", log="w1.log") == options
    assert dataclasses.replace(options, name="w2").save(tmp_path) == path
    assert dataclasses.replace(options, threads=3).save(tmp_path) != path
    assert options.policy.until_attempt == {"0123": 2}


def test_options_of_another_agad_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    for text in ("{", '{"plan": "p", "results": "r", "of_tomorrow": 1}'):
        path.write_text(text)
        with pytest.raises(StoreError, match="holds no worker's options of this agad"):
            WorkerOptions.load(path)


def worker_process(options: Path, *own: str) -> subprocess.CompletedProcess[str]:
    command = [*program.module("worker"), "--options", str(options), *own]
    return subprocess.run(command, env=processes.environment(), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_worker_process_reads_the_file_and_has_a_name_of_its_own(tmp_path: Path) -> None:
    specs = (
        RunSpec(
            normal_class=0,
            updates=1,
            image_size=16,
            batch_size=16,
            final_protocols=("eval",),
            curve_protocols=("eval",),
        ),
    )
    plan = Plan("demo", (), (), specs, code_digest()).save(tmp_path)
    path = WorkerOptions(plan=str(plan), results=str(tmp_path)).save(tmp_path / "logs")

    done = worker_process(path, "--name", "w1")
    assert done.returncode == EXIT_NOTHING_LEFT, done.stderr
    (row,) = ResultStore(tmp_path).read(["status", "worker", "code_digest"]).to_pylist()
    assert (row["status"], row["worker"], row["code_digest"]) == ("ok", "w1", code_digest())

    log = tmp_path / "w2.log"
    done = worker_process(tmp_path / "none.json", "--log", str(log))
    assert done.returncode == EXIT_ENVIRONMENT
    assert "none.json: No such file" in log.read_text().strip().splitlines()[-1]


def test_a_log_that_cannot_be_opened_and_a_lasting_fault_are_one_line_and_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the launcher reads: a worker that ends by a traceback would count as one that died."""
    options = WorkerOptions(plan="none.json", results=str(tmp_path)).save(tmp_path / "logs")
    assert worker_main(["--options", str(options), "--log", str(tmp_path / "none" / "w.log")]) == EXIT_ENVIRONMENT
    assert one_line(capfd.readouterr().err).endswith(f"ERROR {tmp_path}/none/w.log: No such file or directory")

    def refuse(*_: object) -> None:
        raise LastingFault("no such row")

    monkeypatch.setattr(Worker, "__init__", refuse)
    log = tmp_path / "w.log"
    assert worker_main(["--options", str(options), "--log", str(log)]) == EXIT_LASTING
    assert one_line(log.read_text()).endswith(" ERROR no such row")


def test_signals_do_afterwards_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a program that calls a worker in its own process: it must still end by Ctrl-C."""
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    during: list[Any] = []

    class Idle:
        def __init__(self, *_: object) -> None:
            pass

        def work(self) -> int:
            during.extend(signal.getsignal(number) for number in STOP_SIGNALS)
            return EXIT_NOTHING_LEFT

    monkeypatch.setattr("sweeps.worker.__main__.Worker", Idle)
    options = WorkerOptions(plan="none.json", results=str(tmp_path)).save(tmp_path / "logs")
    assert worker_main(["--options", str(options), "--log", str(tmp_path / "w.log")]) == EXIT_NOTHING_LEFT
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before
    assert not {*map(id, before)} & {*map(id, during)}
