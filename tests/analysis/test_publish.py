"""Publishing rows: small, readable as a results folder, without anybody's machine in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS
from analysis.publish import PRIVATE_COLUMNS, main
from tests.helpers.analysis_rows import ok_row
from tests.helpers.rows import record, spec

SPECS = (spec(seed=0), spec(seed=1))


@pytest.fixture
def results(tmp_path: Path) -> tuple[Path, Path]:
    """A results folder with two runs of a plan and one of another, and the plan file."""
    folder = tmp_path / "results"
    store = ResultStore(folder)
    for each in (*SPECS, spec(seed=9)):
        store.commit(record(each, auroc=0.25, host="node7", log="/home/me/x.log", scores_eval=[1.0], curve_update=[4]))
    return folder, Plan("demo", (), (), SPECS, "code").save(folder)


def publish(folder: Path, plan: Path, out: Path) -> int:
    return main(["--results", str(folder), "--plan", str(plan), "--out", str(out)])


def test_what_is_published_reads_like_any_results_folder(results: tuple[Path, Path], tmp_path: Path) -> None:
    folder, plan = results

    assert publish(folder, plan, tmp_path / "out") == 0
    published = ResultStore(tmp_path / "out")
    kept = [name for name in LIGHT_COLUMNS if name not in PRIVATE_COLUMNS]
    wanted = {each.run_id for each in SPECS}
    assert published.read([*kept, "curve_update"]) == ResultStore(folder).read([*kept, "curve_update"], wanted)
    assert Plan.load(tmp_path / "out" / "plans" / plan.name) == Plan.load(plan)


def test_rows_that_name_no_code_are_said(results: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder, plan = results
    publish(folder, plan, folder.parent / "out")
    assert "2 rows in" in (said := capsys.readouterr().out)
    assert "2 runs name no code: " in said


def test_scores_and_machines_are_left_out(results: tuple[Path, Path], tmp_path: Path) -> None:
    publish(*results, tmp_path / "out")

    row = ResultStore(tmp_path / "out").read(["scores_eval", *PRIVATE_COLUMNS]).to_pylist()[0]
    assert set(row.values()) == {None}


def test_nothing_to_publish_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan("demo", (), (), SPECS, "code").save(tmp_path)

    assert publish(tmp_path, plan, tmp_path / "out") == 2
    assert "holds no row of demo-" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["base/rows.parquet", "plan"])
def test_links_to_what_was_published_stay_and_a_pipe_is_refused(
    name: str, results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe was waited for, without end."""
    out = tmp_path / "out"
    target = out / (f"plans/{results[1].name}" if name == "plan" else name)
    assert publish(*results, out) == 0
    target.rename(tmp_path / "real")
    target.symlink_to(tmp_path / "real")
    (tmp_path / "real").chmod(0o600)
    before = (tmp_path / "real").stat().st_ino
    assert publish(*results, out) == 0
    assert target.is_symlink()
    assert (tmp_path / "real").stat().st_ino != before

    target.unlink()
    os.mkfifo(target)
    capsys.readouterr()
    assert publish(*results, out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "a pipe, a socket or a device" in line
    assert target.is_fifo()


@pytest.mark.slow
def test_a_folder_of_other_rows_is_not_published_into(
    results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second time into its own results folder, without scores; or over what was published of another plan."""
    folder, plan = results
    other = Plan("other", (), (), (spec(seed=9),), "code").save(folder)
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))

    assert publish(folder, plan, folder) == 2
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
    assert [publish(folder, plan, tmp_path / "out") for _ in range(2)] == [0, 0]
    assert publish(folder, other, tmp_path / "out") == 2
    assert ResultStore(tmp_path / "out").read(["run_id"]).num_rows == len(SPECS)
    assert capsys.readouterr().err.count("is the results folder of something else") == 2


def publish_all(folders: list[Path], plans: list[Path], out: Path) -> int:
    return main(["--results", *map(str, folders), "--plan", *map(str, plans), "--out", str(out)])


@pytest.mark.slow
def test_several_plans_of_several_folders_are_published_as_one(results: tuple[Path, Path], tmp_path: Path) -> None:
    """What the launches share is an override of the whole; a run that two plans have is one run."""
    folder, _ = results
    first = Plan("demo", ("lr=1e-4", "updates=4"), ("seed=0",), SPECS, "code").save(folder)
    ResultStore(tmp_path / "more").commit(record(spec(seed=7), auroc=0.75))
    second = Plan("table2", ("updates=4",), (), (SPECS[1], spec(seed=7)), "code").save(tmp_path / "more")
    out = tmp_path / "both"

    assert [publish_all([folder, tmp_path / "more"], [first, second], out) for _ in range(2)] == [0, 0]
    (path,) = (out / "plans").iterdir()
    whole = Plan.load(path)
    assert (whole.grid, whole.title, whole.specs) == ("both", "both (updates=4)", (*SPECS, spec(seed=7)))
    assert whole.code == "code"
    assert sorted(ResultStore(out).read(["auroc"])["auroc"].to_pylist()) == [0.25, 0.25, 0.75]


def test_what_cannot_be_one_plan_is_one_line(
    results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan = results
    other = Plan("other", (), (), (spec(seed=9),), "code").save(folder)
    studied = Plan("demo", (), (), SPECS, "code", study="mine").save(folder)
    ResultStore(tmp_path / "more").commit(record(spec(seed=9), auroc=0.75))
    for folders, plans, name, said in [
        ([folder], [plan, studied], "out", "study-mine is of a study; publish it by itself"),
        ([folder], [plan, other], "o u t", "'o u t' cannot name a plan"),
        ([folder, tmp_path / "more"], [plan, other], "out", f"run {spec(seed=9).run_id} has a row in two of"),
    ]:
        assert publish_all(folders, plans, tmp_path / name) == 2
        message = capsys.readouterr().err
        assert said in message
        assert message.count("\n") == 1
        assert not (tmp_path / name).exists()


@pytest.mark.slow
def test_rows_that_contradict_each_other_or_are_torn_are_not_published(
    results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of two hosts' folders that were copied together: the published one would hold one of each, without a word."""
    folder, plan = results
    other = ResultStore(tmp_path / "other")
    other.commit(record(SPECS[0], auroc=0.75))
    other.compact()
    shutil.copytree(other.base, folder / "base", dirs_exist_ok=True)
    assert publish(folder, plan, tmp_path / "out") == 2
    assert "1 run has several finished rows that differ" in capsys.readouterr().err

    (file,) = (folder / "base").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert publish(folder, plan, tmp_path / "out") == 2
    assert "sets the file aside" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    file.unlink()
    assert publish(folder, plan, tmp_path / "out") == 0


def test_what_was_published_before_is_not_lost(
    results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same plan's rows, of which one is gone since."""
    folder, plan = results
    assert publish(folder, plan, tmp_path / "out") == 0
    fewer = ResultStore(tmp_path / "fewer")
    fewer.commit(ok_row(SPECS[0], 0.5))

    assert publish(fewer.path, plan, tmp_path / "out") == 2
    message = f"{len(SPECS) - 1} finished runs in {tmp_path / 'out'} are not among these rows, or not finished here"
    assert message in capsys.readouterr().err
    fewer.commit(record(SPECS[1], status="failed", failure_kind="RuntimeError", failure_message="killed"))
    assert publish(fewer.path, plan, tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert ResultStore(tmp_path / "out").read(["status"])["status"].to_pylist() == ["ok"] * len(SPECS)
