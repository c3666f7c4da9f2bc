"""Rows from files; what is loaded along with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agad.errors import AnalysisError
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS
from analysis.load import load_rows
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


def test_reading_a_plan_needs_the_light_modules_only():
    program = "import sys, analysis.load, agad.plan.plan; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in result.stdout.split()} & {"pandas", "matplotlib", "scipy"}
