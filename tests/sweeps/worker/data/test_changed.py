"""A complete sweep that is launched again over other images than its rows are of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agad.data.cache import read_meta, write_meta
from agad.data.features.attach import with_features
from agad.data.prepared import open_prepared
from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from sweeps.executors.sweep import Outcome, Sweep
from sweeps.worker.data.changed import notes_of_changed
from tests.helpers.cli import launch_here
from tests.helpers.features import write_features
from tests.helpers.raw_data import fill
from tests.helpers.rows import record
from tests.sweeps.worker.test_prepare import prepared, specs, write


def notes(tmp_path: Path, plan: Plan) -> list[str]:
    return notes_of_changed(plan, tmp_path / "r", str(tmp_path), str(tmp_path / "cache"))


def classes_of(folder: Path, *names: str) -> None:
    """Images of these classes, split into parts: where nothing is, the draw of a split depends on their names."""
    for part in ("train", "test"):
        for index, name in enumerate(names):
            fill(folder / part / name, 8, 50 * index + 10 * len(part))


def rename(folder: Path, name: str, new: str) -> None:
    for part in ("train", "test"):
        (folder / part / name).rename(folder / part / new)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Both its runs have rows of npz:own as it is in the folder."""
    write(tmp_path, 0)
    plan = Plan("g", (), (), specs("npz:own"))
    digest = open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path / "cache").digest
    values = {"data_digest": digest, "auroc": 0.5}
    for spec in plan.specs:
        ResultStore(tmp_path / "r").commit(RunRecord(spec=spec, attempt=1, status="ok", values=values))
    return plan


@pytest.mark.parametrize("is_prepared", [False, True], ids=["not prepared yet", "prepared"])
def test_images_that_have_changed_are_said_once(is_prepared: bool, tmp_path: Path, plan: Plan) -> None:
    assert notes(tmp_path, plan) == []
    write(tmp_path, 1)
    if is_prepared:
        prepared(tmp_path, plan)

    (note,) = notes(tmp_path, plan)
    assert "the data of npz:own" in note
    assert "have changed since these rows were made" in note


def test_nothing_is_said_without_raw_files_or_of_unknown_ones(tmp_path: Path, plan: Plan) -> None:
    """Rows may have come from another machine, and the cache may have been cleared: neither says that data changed."""
    shutil.rmtree(tmp_path / "cache")
    assert notes(tmp_path, plan) == []
    (tmp_path / "own.npz").unlink()
    assert notes(tmp_path, plan) == []


@pytest.mark.parametrize("is_added_later", [False, True], ids=["before the rows", "after them"])
def test_what_is_beside_the_images_is_no_change_of_them(is_added_later: bool, tmp_path: Path) -> None:
    """A readme or masks have notes, which are part of what prepared data are known by: the images are the same."""
    for part in ("train", "test"):
        for index, name in enumerate(("bad", "good")):
            fill(tmp_path / "parts" / part / name, 4, 50 * index + 10 * len(part))
    plan = Plan("g", (), (), specs("folder:parts"))
    readme, masks = tmp_path / "parts" / "train" / "good" / "readme.txt", tmp_path / "parts" / "masks"
    if not is_added_later:
        readme.touch()
        fill(masks, 2, 0)
    digest = open_prepared("folder:parts", 16, data_root=tmp_path, cache=tmp_path / "cache").digest
    for spec in plan.specs:
        values = {"data_digest": digest, "auroc": 0.5}
        ResultStore(tmp_path / "r").commit(RunRecord(spec=spec, attempt=1, status="ok", values=values))
    readme.touch()
    fill(masks, 2, 0)
    assert notes(tmp_path, plan) == []

    fill(tmp_path / "parts" / "test" / "good", 1, 99)
    assert len(notes(tmp_path, plan)) == 1


@pytest.mark.parametrize("is_prepared", [False, True], ids=["not prepared yet", "prepared"])
def test_a_renamed_class_is_said(is_prepared: bool, tmp_path: Path) -> None:
    """The digest of images and labels is as it was."""
    classes_of(tmp_path / "parts", "bad", "good")
    plan = Plan("g", (), (), specs("folder:parts"))
    data = open_prepared("folder:parts", 16, data_root=tmp_path, cache=tmp_path / "cache")
    values = {"data_digest": data.digest, "class_names": list(data.class_names), "auroc": 0.5}
    ResultStore(tmp_path / "r").commit(RunRecord(spec=plan.specs[0], attempt=1, status="ok", values=values))
    assert notes(tmp_path, plan) == []
    rename(tmp_path / "parts", "good", "ok")
    if is_prepared:
        renamed = open_prepared("folder:parts", 16, data_root=tmp_path, cache=tmp_path / "cache")
        assert (renamed.digest, renamed.class_names) == (data.digest, ("bad", "ok"))
    assert len(notes(tmp_path, plan)) == 1


@pytest.mark.parametrize("is_prepared", [False, True], ids=["not prepared yet", "prepared"])
def test_a_newer_version_is_no_change_of_the_data(is_prepared: bool, tmp_path: Path, plan: Plan) -> None:
    """Folders of before do not say what files they are of, and have another name than what is prepared now."""
    (folder,) = (tmp_path / "cache").glob("npz-own-16px-*")
    meta = {**(read_meta(folder) or {}), "code": "older"}
    older = folder.rename(folder.with_name("npz-own-16px-" + 12 * "0"))
    for name in ("folder", "raw_files", "file_sizes"):
        del meta[name]
    (older / "meta.json").unlink()
    write_meta(older, meta)
    if is_prepared:
        prepared(tmp_path, plan)
    assert notes(tmp_path, plan) == []
    if is_prepared:
        write(tmp_path, 1)
        assert len(notes(tmp_path, plan)) == 1


def command_of(tmp_path: Path) -> list[str]:
    """A launch of one short run of npz:own."""
    settings = [
        "dataset=npz:own",
        "image_size=16",
        "updates=1",
        "batch_size=32",
        "min_anomalies=1",
        "gamma=0",
        "curve=",
    ]
    command = ["--grid", "demo", "--seeds", "1", "--select", "normal_class=0"]
    command += [part for setting in settings for part in ("--set", setting)]
    return [*command, "--results", str(tmp_path / "r"), "--data", str(tmp_path), "--cache", str(tmp_path / "cache")]


@pytest.mark.slow
def test_a_complete_launch_says_it_beside_its_table(tmp_path: Path) -> None:
    command = command_of(tmp_path)
    write(tmp_path, 0)
    first = launch_here(*command)
    write(tmp_path, 1)
    again = launch_here(*command)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "have changed since" not in first.stderr
    assert "have changed since" in again.stderr


@pytest.mark.slow
def test_a_launch_whose_runs_others_made_of_other_data_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has printed the digest of its own data, and ends with a table of the others'."""

    def made_elsewhere(sweep: Sweep) -> Outcome:
        for spec in sweep.plan.specs:
            ResultStore(sweep.results).commit(record(spec, data_digest="e" * 64))
        return Outcome()

    write(tmp_path, 0)
    monkeypatch.setattr("sweeps.cli.launch.load_executor", lambda _: made_elsewhere)
    done = launch_here(*command_of(tmp_path))
    (said,) = [line for line in done.stderr.splitlines() if "have changed since these rows were made" in line]
    assert said.endswith("the table is of those with digest eeeeeeeeeeee")


def test_vectors_that_have_changed_are_said(tmp_path: Path) -> None:
    """Of the file that the rows were made with, saved again otherwise, nothing is; nor where it is gone."""
    write(tmp_path, 0)
    data = open_prepared("npz:own", 16, data_root=tmp_path, cache=tmp_path / "cache")
    path = write_features(tmp_path, data)
    plan = Plan("g", (), (), specs("npz:own", features="file:own"))
    vectors = with_features(data, plan.specs[0], tmp_path).vectors
    assert vectors is not None
    values = {"data_digest": data.digest, "features_digest": vectors.digest, "auroc": 0.5}
    for spec in plan.specs:
        ResultStore(tmp_path / "r").commit(RunRecord(spec=spec, attempt=1, status="ok", values=values))
    write_features(tmp_path, data, train_labels=None)
    assert notes(tmp_path, plan) == []
    write_features(tmp_path, data, seed=1)
    (note,) = notes(tmp_path, plan)
    assert f"the data of npz:own file:own below {tmp_path} have changed since" in note
    assert vectors.digest[:12] in note
    path.unlink()
    assert notes(tmp_path, plan) == []


@pytest.mark.slow
def test_a_launch_after_a_class_was_renamed_trains_nothing(tmp_path: Path) -> None:
    """Its table would be refused when all is trained; by its old name, or in another folder, it goes on."""
    classes_of(tmp_path / "own", "bad", "good")
    command = ["--grid", "floor", "--seeds", "1", "--data", str(tmp_path), "--cache", str(tmp_path / "cache")]
    settings = ("dataset=folder:own", "image_size=16", "features=pixels", "normal_class=1")
    command += [part for setting in settings for part in ("--set", setting)]
    more, results = ["--set", "method=knn,pca"], ["--results", str(tmp_path / "r")]
    assert launch_here(*command, "--set", "method=knn", *results).returncode == 0
    made = ResultStore(tmp_path / "r").read(["run_id"]).num_rows
    rename(tmp_path / "own", "good", "ok")

    done = launch_here(*command, *more, *results)
    assert done.returncode == 2
    assert "folder:own data with other class names (class 1 is good, now ok)" in done.stderr
    assert "give the classes their names back, or take another --results folder" in done.stderr
    assert ResultStore(tmp_path / "r").read(["run_id"]).num_rows == made
    rename(tmp_path / "own", "ok", "good")
    assert launch_here(*command, *more, *results).returncode == 0
