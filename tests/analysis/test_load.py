"""Rows and plans from files; what is loaded along with them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from agad.errors import AnalysisError
from agad.spec.run import SEMANTICS_VERSION
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS
from analysis.load import find_plan, load_plan, load_rows
from tests.helpers.analysis_rows import commit_all, drawn, failed_row, ok_row, specs


def plan_text(runs, **changes):
    content = {
        "grid": "table1",
        "title": "table1 (updates=7)",
        "overrides": ["updates=7"],
        "code_digest": "abc",
        "specs": [{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in runs],
    }
    return json.dumps({**content, **changes})


def test_a_plan_gives_the_run_ids_of_its_specs(tmp_path):
    runs = specs((0, 1), updates=7, gamma=0.05, known_anomaly_classes=(3, 4))
    path = tmp_path / "table1-0.json"
    path.write_text(plan_text(runs))
    plan = load_plan(path)
    assert plan.run_ids == tuple(spec.run_id for spec in runs)
    assert (plan.grid, plan.overrides, plan.code_digest) == ("table1", ("updates=7",), "abc")
    assert plan.specs[0]["known_anomaly_classes"] == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "not a plan file"),
        (plan_text([]), "no run"),
        (plan_text(specs((0,)), overrides=None), "not a plan file"),
        (json.dumps({"grid": "a", "title": "a", "overrides": [], "specs": [{"seed": 1}]}), "not a plan file"),
        (plan_text([], specs=[{"semantics_version": SEMANTICS_VERSION, "colour": 1}]), "unknown field 'colour'"),
        (plan_text([], specs=[{"semantics_version": 999}]), "semantics 999"),
        (plan_text([], specs=[{"semantics_version": 1}, {"semantics_version": 2}]), "mixes semantics versions 1, 2"),
    ],
)
def test_a_bad_plan_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(AnalysisError, match=message) as caught:
        load_plan(path)
    assert "\n" not in str(caught.value)


def test_a_missing_plan_is_one_clear_line(tmp_path):
    with pytest.raises(AnalysisError, match="no such plan file"):
        load_plan(tmp_path / "none.json")


def test_the_plan_of_a_grid_is_found_and_a_choice_is_never_guessed(tmp_path):
    folder = tmp_path / "plans"
    folder.mkdir()
    with pytest.raises(AnalysisError, match="no plan"):
        find_plan(tmp_path)
    for name in ("table2-aa.json", "table2_one-bb.json"):
        (folder / name).write_text("{}")
    assert find_plan(tmp_path, "table2").name == "table2-aa.json"
    assert find_plan(tmp_path, "table2_one").name == "table2_one-bb.json"
    with pytest.raises(AnalysisError, match=r"more than one plan.*table2-aa.json, table2_one-bb.json"):
        find_plan(tmp_path)
    with pytest.raises(AnalysisError, match=r"no plan of grid table4; there are: table2-aa.json"):
        find_plan(tmp_path, "table4")


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


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(AnalysisError, match="no such results folder"):
        load_rows(tmp_path / "nowhere")


@pytest.mark.parametrize("module", ["analysis.load", "analysis.tables.table"])
def test_importing_the_analysis_loads_no_torch_no_scheduler_and_no_sweep(module):
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert "agad" in loaded
    assert not loaded & {"torch", "torchvision", "sklearn", "ray", "submitit", "optuna", "sweeps"}


def test_reading_a_plan_needs_the_light_modules_only():
    program = "import sys, analysis.load; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in result.stdout.split()} & {"pandas", "matplotlib", "scipy"}
