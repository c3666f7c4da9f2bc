"""All runs in a results folder are of the same data, whichever plans, launches and hosts make them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agad import json_file
from agad.errors import DataError
from agad.plan.plan import Plan
from agad.store.claims import ClaimBoard, Owner
from agad.store.folder import ResultsFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from agad.store.versions import classes_version
from sweeps.worker.data.agreed import AgreedData
from sweeps.worker.data.opened import OpenedData
from sweeps.worker.failures import LastingFault
from sweeps.worker.options import WorkerOptions
from sweeps.worker.picking import COMPACTOR
from sweeps.worker.prepare import prepare_here
from sweeps.worker.worker import EXIT_NOTHING_LEFT, Worker
from tests.sweeps.worker.test_prepare import write

KEY = ("npz:own", 16)
OLD, NEW = "a" * 64, "b" * 64


def agreed(plan: Plan, results: Path, data: str = "data") -> AgreedData:
    return AgreedData(plan, results, data)


def row(plan: Plan, results: Path, digest: str, number: int = 0) -> None:
    values = {"data_digest": digest, "auroc": 0.5}
    ResultStore(results).commit(RunRecord(spec=plan.specs[number], attempt=1, status="ok", values=values))


def named_row(plan: Plan, results: Path, names: list[str], number: int = 0) -> None:
    values = {"data_digest": OLD, "class_names": names, "auroc": 0.5}
    ResultStore(results).commit(RunRecord(spec=plan.specs[number], attempt=1, status="ok", values=values))


def parts(plan: Plan) -> tuple[Plan, Plan]:
    """Two plans of a run each."""
    first, second = (Plan(f"g{number}", (), (), (spec,)) for number, spec in enumerate(plan.specs))
    return first, second


def test_the_first_data_are_those_of_all(plan: Plan, results: Path) -> None:
    """Whichever plan a run is of: plans share runs, and tables take rows of several."""
    agreed(plan, results, "/first").check(KEY, OLD)
    agreed(plan, results).check(KEY, OLD)
    agreed(plan, results).check(("npz:own", 32), NEW)  # another preparation has another digest

    for one in (plan, *parts(plan)):
        with pytest.raises(LastingFault, match=r"npz:own data: digest a{12}, first of \S+:/first; \S+ has b{12}\. Row"):
            agreed(one, results).check(KEY, NEW)


def test_where_nothing_is_written_the_rows_say_it(plan: Plan, results: Path) -> None:
    """A results folder of an older version, or one that was merged: any plan's rows, and first the plan's own."""
    first, second = parts(plan)
    row(first, results, OLD)
    with pytest.raises(LastingFault, match="first of the rows that are there"):
        agreed(second, results).check(KEY, NEW)
    agreed(second, results).check(KEY, OLD)


@pytest.mark.parametrize("is_first", [True, False])
def test_plans_of_an_older_folder_go_on_with_the_data_of_their_own_rows(
    is_first: bool, plan: Plan, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of two plans may be of different data there; neither plan is to be refused, nor is one to be mixed."""
    first, second = parts(plan)
    row(first, results, OLD)
    row(second, results, NEW)
    made = [(first, OLD), (second, NEW)]
    for one, own in made if is_first else made[::-1]:
        agreed(one, results).renew({KEY: own})
        here = agreed(one, results)
        here.check(KEY, own)
        with monkeypatch.context() as patch:  # a scan of all rows for each run would be too slow
            patch.setattr(ResultStore, "read_counting", lambda *_, **__: pytest.fail("the rows are read again"))
            here.check(KEY, own)
    with pytest.raises(LastingFault, match="other npz:own data"):
        agreed(second if is_first else first, results).check(KEY, "c" * 64)
    with pytest.raises(LastingFault, match="other npz:own data"):
        agreed(plan, results).check(KEY, NEW if is_first else OLD)  # its rows are of both: nothing more of the second


def test_a_damaged_file_is_written_again(plan: Plan, results: Path) -> None:
    agreed(plan, results).check(KEY, OLD)
    (path,) = ResultsFolder(results).digests.iterdir()
    path.write_text(path.read_text().replace(OLD, NEW))
    row(plan, results, OLD)

    agreed(plan, results).check(KEY, OLD)
    assert OLD in path.read_text()


def test_a_file_of_other_data_is_written_again(plan: Plan, results: Path) -> None:
    """One that was copied over another's: it would refuse the data that the rows are of, and take others."""
    other = ("npz:own", 32)
    agreed(plan, results).check(KEY, OLD)
    (path,) = ResultsFolder(results).digests.iterdir()
    agreed(plan, results).check(other, NEW)
    (copied,) = set(ResultsFolder(results).digests.iterdir()) - {path}
    shutil.copy(copied, path)
    row(plan, results, OLD)

    with pytest.raises(LastingFault, match="first of the rows that are there"):
        agreed(plan, results).check(KEY, NEW)
    agreed(plan, results).check(KEY, OLD)


def test_a_file_of_before_that_says_not_whose_it_is_is_read(plan: Plan, results: Path) -> None:
    """Also where there is no row, by which it would be made again."""
    agreed(plan, results).check(KEY, OLD)
    (path,) = ResultsFolder(results).digests.iterdir()
    content = json_file.loads(path.read_bytes())
    path.write_text(json_file.dumps({key: value for key, value in content.items() if key in ("digest", "by")}))
    with pytest.raises(LastingFault, match=r"digest a{12}, first of \S+/data; "):
        agreed(plan, results).check(KEY, NEW)
    agreed(plan, results).check(KEY, OLD)


def test_data_may_be_mended_before_the_first_row(plan: Plan, results: Path) -> None:
    """Though not below the hands of those who make runs of them, of any plan; a worker that has died needs none."""
    first, second = parts(plan)
    agreed(first, results).check(KEY, OLD)
    claim = ClaimBoard(results, Owner.this_process("w")).take(second.run_ids[0], 1)
    assert claim is not None
    with pytest.raises(DataError, match=r"workers are making runs in \S+, where other npz:own data were agreed on"):
        agreed(first, results).renew({KEY: NEW})
    agreed(first, results).renew({KEY: OLD})
    claim.release()

    agreed(first, results).renew({KEY: NEW})
    agreed(first, results).check(KEY, NEW)


def test_rows_of_another_plan_keep_what_was_agreed_on(plan: Plan, results: Path) -> None:
    """A launch of some of a sweep's runs, with other data: its plan would be of both, or not be its own."""
    first, second = parts(plan)
    agreed(first, results).check(KEY, OLD)
    row(first, results, OLD)
    with pytest.raises(DataError, match=r"rows in \S+ are of other npz:own data \(digest a{12}, 1 runs; "):
        agreed(second, results).renew({KEY: NEW})
    agreed(second, results).check(KEY, OLD)


def test_claims_of_finished_runs_and_of_a_compactor_hold_no_data(plan: Plan, results: Path) -> None:
    """Claims stay beside rows for a while, and are of a worker that is alive."""
    first, second = parts(plan)
    agreed(first, results).check(KEY, OLD)
    board = ClaimBoard(results, Owner.this_process("w"))
    row(second, results, NEW)
    assert board.take(second.run_ids[0], 1)
    assert board.take(COMPACTOR, 1)
    agreed(first, results).renew({KEY: NEW})
    agreed(first, results).check(KEY, NEW)


CLASSES, GOOD = classes_version("npz:own", ("bad", "good"))
_, OK = classes_version("npz:own", ("bad", "ok"))


def test_class_names_are_agreed_on_as_digests_are(plan: Plan, results: Path) -> None:
    """Of whichever plan, and at whichever size; and a table would refuse rows of both."""
    agreed(plan, results, "/first").renew({KEY: OLD, CLASSES: GOOD})
    agreed(plan, results).check(CLASSES, GOOD)
    for one in (plan, *parts(plan)):
        with pytest.raises(
            LastingFault, match=r"names: class 1 is good, first of \S+:/first; \S+ has ok\. .* names back"
        ):
            agreed(one, results).check(CLASSES, OK)
    agreed(plan, results).renew({KEY: OLD, CLASSES: OK})  # renamed before the first run has ended
    agreed(plan, results).check(CLASSES, OK)


@pytest.mark.parametrize("is_of_another_plan", [True, False])
def test_where_nothing_is_written_the_rows_say_the_class_names(
    is_of_another_plan: bool, plan: Plan, results: Path
) -> None:
    """A folder of before has files of digests alone; rows of before may have no names, which go with any."""
    first, second = parts(plan)
    agreed(first, results).check(KEY, OLD)
    row(plan, results, OLD, number=1)
    named_row(plan, results, ["bad", "good"])
    launched = second if is_of_another_plan else plan
    with pytest.raises(LastingFault, match="class 1 is good, first of the rows that are there; "):
        agreed(launched, results).renew({KEY: OLD, CLASSES: OK})
    agreed(launched, results).renew({KEY: OLD, CLASSES: GOOD})


def test_rows_and_workers_keep_the_class_names(plan: Plan, results: Path) -> None:
    first, second = parts(plan)
    agreed(first, results).check(CLASSES, GOOD)
    claim = ClaimBoard(results, Owner.this_process("w")).take(second.run_ids[0], 1)
    assert claim is not None
    with pytest.raises(
        DataError, match=r"with other class names were agreed on \(class 1 is good, of \S+; \S+ has ok\)"
    ):
        agreed(second, results).renew({CLASSES: OK})
    claim.release()
    named_row(first, results, ["bad", "good"])
    with pytest.raises(DataError, match=r"with other class names \(class 1 is good, 1 runs; \S+ has ok\)"):
        agreed(second, results).renew({CLASSES: OK})


def test_a_finished_run_s_class_names_are_compared_before_its_row(plan: Plan, results: Path) -> None:
    """Others may have been agreed on while it trained."""
    agreed(plan, results).check(CLASSES, GOOD)
    agreed(plan, results).check_row(plan.specs[0], {"data_digest": OLD, "class_names": ["bad", "good"]})
    with pytest.raises(LastingFault, match="class 1 is good, "):
        agreed(plan, results).check_row(plan.specs[0], {"data_digest": OLD, "class_names": ["bad", "ok"]})


def worker(plan: Plan, results: Path, data: Path) -> Worker:
    path = Plan("g", (), (), plan.specs, code_digest()).save(results)
    return Worker(WorkerOptions(plan=str(path), results=str(results), data=str(data), cache=str(data / "cache")))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of raw data, whose images differ."""
    first, second = tmp_path / "v1", tmp_path / "v2"
    for seed, folder in enumerate((first, second)):
        folder.mkdir()
        write(folder, seed)
    return first, second


@pytest.mark.slow
def test_two_launches_with_different_data_do_not_fill_one_plan(
    plan: Plan, results: Path, folders: tuple[Path, Path]
) -> None:
    """Neither finds rows when it begins: the one that has begun second makes no run."""
    first, second = folders
    for data in folders:
        prepare_here(plan, str(data), str(data / "cache"), download=False)
    one, other = worker(plan, results, first), worker(plan, results, second)
    one.open()
    assert one.make(plan.run_ids[0]) is not None
    with pytest.raises(LastingFault, match="other npz:own data: digest"):
        other.work()
    one.close()

    assert worker(plan, results, first).work() == EXIT_NOTHING_LEFT
    digests = ResultStore(results).read(["status", "data_digest"]).to_pylist()
    assert len(digests) == len(plan.specs)
    assert len({(found["status"], found["data_digest"]) for found in digests}) == 1


def test_a_run_whose_data_were_agreed_on_anew_has_no_row(
    plan: Plan, results: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a launch that saw neither a row nor a claim: its workers and this one's would make a plan of both."""
    first, _ = folders
    prepare_here(plan, str(first), str(first / "cache"), download=False)
    made = worker(plan, results, first)
    opening = OpenedData.open

    def open_and_renew(self: OpenedData, spec: object) -> object:
        found = opening(self, spec)  # type: ignore[arg-type]
        monkeypatch.setattr(AgreedData, "_is_held", lambda _: False)
        agreed(plan, results).renew({KEY: NEW})
        return found

    monkeypatch.setattr(OpenedData, "open", open_and_renew)
    with pytest.raises(LastingFault, match=r"other npz:own data: digest b{12}"):
        made.work()
    assert ResultStore(results).read(["run_id"]).num_rows == 0
