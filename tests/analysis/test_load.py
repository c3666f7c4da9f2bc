"""Rows from files; what is loaded along with them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS
from analysis import curves
from analysis.cells import read_all
from analysis.load import load_rows, open_store
from analysis.tables.footnotes import notes
from tests.helpers.analysis_rows import commit_all, drawn, failed_row, ok_row, specs


def test_rows_come_as_a_frame_one_per_run(tmp_path):
    store = ResultStore(tmp_path)
    runs = specs((0, 1))
    commit_all(store, runs, drawn)
    store.commit(failed_row(runs[0], attempt=2))
    frame = load_rows(tmp_path)
    assert sorted(frame["run_id"]) == sorted(spec.run_id for spec in runs)
    assert set(frame["status"]) == {"ok"}
    assert list(frame.columns) == list(LIGHT_COLUMNS)
    some = load_rows(tmp_path, columns=["auroc", "curve_update"], run_ids={runs[0].run_id})
    assert some["auroc"].tolist() == [drawn(runs[0])]
    assert list(some.columns) == ["auroc", "curve_update"]


def test_curves_come_as_sequences(tmp_path):
    (spec,) = specs((0,), seeds=(0,))
    ResultStore(tmp_path).commit(ok_row(spec, 0.5, curve_update=[50, 100], curve_auroc_eval=[0.4, 0.5]))
    frame = load_rows(tmp_path, columns=["curve_update", "curve_auroc_eval"])
    assert list(frame.loc[0, "curve_update"]) == [50, 100]
    assert list(frame.loc[0, "curve_auroc_eval"]) == [0.4, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("of", [lambda ids: ids, lambda ids: (one for one in ids), lambda ids: ids.iloc[0]])
def test_runs_are_chosen_by_a_column_of_a_frame_or_one_by_its_name(tmp_path, of):
    """Of two folders as of one, and of curves as of rows: none goes missing."""
    runs = specs((0, 1))
    for number, spec in enumerate(runs):
        ResultStore(tmp_path / str(number % 2)).commit(ok_row(spec, 0.5, curve_update=[50], curve_auroc_eval=[0.5]))
    folders = [tmp_path / "0", tmp_path / "1"]
    ids = load_rows(folders)["run_id"]
    wanted = [ids.iloc[0]] if isinstance(of(ids), str) else sorted(ids)

    assert sorted(load_rows(folders, run_ids=of(ids))["run_id"]) == wanted
    assert sorted(curves.read(folders, of(ids))["run_id"]) == wanted


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(AnalysisError, match="no such results folder"):
        load_rows(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("module", ["analysis.load", "analysis.tables.table"])
def test_importing_the_analysis_loads_no_torch_no_scheduler_and_no_sweep(module):
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert "agad" in loaded
    assert not loaded & {"torch", "torchvision", "sklearn", "ray", "submitit", "optuna", "sweeps"}


@pytest.mark.slow
def test_reading_a_plan_needs_the_light_modules_only():
    program = "import sys, analysis.load, agad.plan.plan; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in result.stdout.split()} & {"pandas", "matplotlib", "scipy"}


@pytest.mark.slow
def test_of_several_folders_a_run_counts_once_and_an_ok_row_before_a_failed_one(tmp_path):
    """Whatever the order of the folders; each reading takes a run from the same folder."""
    a, b = specs((0, 1), seeds=(0,))
    first, second = (ResultStore(tmp_path / name) for name in ("first", "second"))
    first.commit(failed_row(a))
    second.commit(ok_row(a, 0.7))
    first.commit(ok_row(b, 0.8))
    second.commit(ok_row(b, 0.9))
    for order, of_b in ((["first", "second"], 0.8), (["second", "first"], 0.9)):
        rows = open_store([tmp_path / name for name in order])
        for run_ids in (None, {a.run_id, b.run_id}):
            found = rows.read(["run_id", "auroc"], run_ids).to_pylist()
            assert {row["run_id"]: row["auroc"] for row in found} == {a.run_id: 0.7, b.run_id: of_b}
    assert rows.read(["run_id"], {a.run_id}).num_rows == 1


def test_files_among_several_folders_are_passed_over_and_a_missing_folder_is_not(tmp_path):
    ResultStore(tmp_path / "results").commit(ok_row(specs((0,), seeds=(0,))[0], 0.5))
    (tmp_path / "README.md").write_text("")
    assert open_store(sorted(tmp_path.iterdir())).paths == (tmp_path / "results",)
    with pytest.raises(AnalysisError, match="no such results folder"):
        open_store([tmp_path / "results", tmp_path / "gone"])


@pytest.mark.slow
def test_a_folder_without_a_plan_beside_one_with_a_plan_is_read_too(tmp_path):
    planned, other = specs((0, 1), seeds=(0,)), specs((0, 1), seeds=(0,), gamma=0.05)
    commit_all(ResultStore(tmp_path / "planned"), planned[:1], drawn)
    Plan("table2", (), (), tuple(planned)).save(tmp_path / "planned")
    commit_all(ResultStore(tmp_path / "rows"), other, drawn)
    cells = read_all([tmp_path / "planned", tmp_path / "rows"])
    assert sorted(cells.summary["wanted"]) == [2, 2]
    assert sorted(cells.summary["ok"]) == [1, 2]
    said = "2 of them are of folders without a plan: what is missing there is unknown."
    assert f"Not complete: 3 of 4 runs are ok; 1 missing. {said}" in notes(cells, cells.summary)

    commit_all(ResultStore(tmp_path / "planned"), planned[1:], drawn)
    cells = read_all([tmp_path / "planned", tmp_path / "rows"])
    assert f"All 4 runs are ok. {said}" in notes(cells, cells.summary)
    alone = read_all(tmp_path / "planned")
    assert "Complete: all 2 runs are ok." in notes(alone, alone.summary)


def differing(*results: Path) -> str:
    """The notes' sentence about finished rows that differ; "" where there is none."""
    cells = read_all(results)
    return " ".join(line for line in notes(cells, cells.summary) if "finished rows that differ" in line)


@pytest.mark.slow
def test_finished_rows_of_one_run_that_differ_are_said(tmp_path):
    """In one folder, as copying files of rows together does it, and between two that are read as one."""
    one, copy, other = (ResultStore(tmp_path / name) for name in ("one", "copy", "other"))
    (spec,) = specs((0,), seeds=(0,))
    for store, auroc in ((one, 0.50), (copy, 0.50), (other, 0.75)):
        store.commit(ok_row(spec, auroc))
        store.compact()

    assert differing(one.path) == ""
    assert differing(one.path, copy.path) == ""
    between = differing(one.path, copy.path, other.path)
    assert between.startswith("1 run has several finished rows that differ; their AUROCs are up to 25 points apart.")
    assert between.endswith(f" {spec.run_id}.")

    for store in (copy, other):
        shutil.copytree(store.base, one.base, dirs_exist_ok=True)
    for folders in ([one.path], [one.path, copy.path], [copy.path, one.path]):
        assert differing(*folders) == between, "whichever folder's row counts"

    for column in ("data_digest", "features_digest"):
        other_data = ResultStore(tmp_path / column)
        other_data.commit(ok_row(spec, 0.50, **{column: "of other data"}))
        assert "; or even their data. " in differing(copy.path, other_data.path)


def test_an_attempt_that_failed_beside_a_finished_one_is_no_difference(tmp_path):
    (spec,) = specs((0,), seeds=(0,))
    store = ResultStore(tmp_path)
    store.commit(ok_row(spec, 0.5))
    store.commit(failed_row(spec, attempt=2))
    assert differing(tmp_path) == ""


@pytest.mark.slow
def test_that_a_study_found_values_is_said_without_its_plan_too(tmp_path):
    """Rows that were copied alone, or whose values a second plan was given by hand."""
    store, said = ResultStore(tmp_path), "tuned with labels: trial 3 of 9 of study mine"
    planned = specs((0, 1), seeds=(0,))
    commit_all(store, planned, drawn, {"tuned_by": said})
    sentence = f"2 runs have values of a study: {said}."
    for _ in ("rows alone", "a plan by hand"):
        cells = read_all(tmp_path)
        assert sentence in list(notes(cells, cells.summary))
        Plan("table2", (), (), tuple(planned)).save(tmp_path)


def test_without_a_plan_nothing_is_called_complete(tmp_path):
    commit_all(ResultStore(tmp_path), specs((0, 1), seeds=(0,)), drawn)
    cells = read_all(tmp_path)
    assert next(notes(cells, cells.summary)) == "No plan says which runs are missing: of 2 that have rows 2 are ok."
