"""What must survive any change of layout: run_ids of all grids and plans, tables of reproduction/, rows of digits."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from agad import RunOptions, RunSpec, train
from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.store.schema import CURVE_COLUMNS, RECONSTRUCTION_COLUMNS, RESULT_COLUMNS, SCORE_COLUMNS
from analysis.page.report import write_report
from sweeps.grids import load_grid
from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
REPRODUCTION = ROOT / "reproduction"
RUN_IDS: dict[str, dict[str, list[Any]]] = json.loads((GOLDEN / "run_ids.json").read_text())
TABLES: dict[str, dict[str, str]] = json.loads((GOLDEN / "tables.json").read_text())
ROWS: dict[str, Any] = json.loads((GOLDEN / "rows.json").read_text())

BEFORE: dict[str, Any] = {"bn_update": "all", "seed_scope": "all_classes"}
"""The defaults that have changed, as they were."""
SMALL: dict[str, Any] = {
    "dataset": "digits",
    "normal_class": 3,
    "updates": 10,
    "batch_size": 32,
    "curve": (5,),
    "final_protocols": (
        *("eval", "eval_recal", "batch_shuffled", "batch_normals_first", "batch_class_sorted", "batch1"),
    ),
}
AGAD: dict[str, Any] = {"gamma": 0.05, "min_anomalies": 8}
STRATEGIES = ("shared", "advprop", "freeze", "advprop_freeze")
KINDS: dict[str, dict[str, Any]] = {
    "ganomaly": {"method": "ganomaly"},
    **{f"agad-{strategy}": AGAD | {"batch_norm": strategy} for strategy in STRATEGIES},
}
SPECS = {
    **{name: RunSpec(**SMALL, **BEFORE, **fields) for name, fields in KINDS.items()},
    **{f"now-{name}": RunSpec(**SMALL, **KINDS[name]) for name in ("ganomaly", "agad-advprop_freeze")},
}
ADDED_LATER = {"parameters", "features_digest"}
NUMBERS = {*RESULT_COLUMNS, *CURVE_COLUMNS, *SCORE_COLUMNS, *RECONSTRUCTION_COLUMNS} - ADDED_LATER


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def described(plan: Plan) -> list[Any]:
    run_ids = [spec.run_id for spec in plan.specs]
    return [len(run_ids), digest("\n".join(run_ids)), plan.name]


@pytest.mark.slow
@pytest.mark.parametrize("grid", RUN_IDS["grids"])
def test_run_ids_of_grids(grid: str) -> None:
    plan, _ = make_plan(load_grid(grid))

    assert described(plan) == RUN_IDS["grids"][grid]


@pytest.mark.slow
@pytest.mark.parametrize("grid", RUN_IDS["grids_before"])
def test_former_defaults_give_the_run_ids_of_before(grid: str) -> None:
    """With --set of the defaults that have changed, a grid's runs are those that older rows are of."""
    plan, _ = make_plan(load_grid(grid), overrides=[f"{name}={value}" for name, value in BEFORE.items()])

    assert described(plan)[:2] == RUN_IDS["grids_before"][grid]


@pytest.mark.parametrize("path", RUN_IDS["plans"])
def test_run_ids_of_published_plans(path: str) -> None:
    assert described(Plan.load(ROOT / path)) == RUN_IDS["plans"][path]


def tables_of(folder: Path) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as out:
        write_report(folder, out)
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((Path(out) / "tables").iterdir())
        }


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_tables_of_reproduction(name: str) -> None:
    assert tables_of(REPRODUCTION / name) == TABLES[name]


def machine() -> dict[str, str]:
    """What the bits of a run depend on beside its spec and data."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {"torch": torch.__version__, "instructions": torch.backends.cpu.get_cpu_capability(), "processor": model}


def numbers_of(spec: RunSpec) -> str:
    values: Mapping[str, Any] = train(spec, RunOptions(threads=1)).values
    plain = {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
        for name, value in values.items()
        if name in NUMBERS
    }
    return digest(json.dumps(plain, sort_keys=True))


@pytest.mark.slow
@pytest.mark.skipif(ROWS["machine"] != machine(), reason=f"bits are known for {ROWS['machine']} only")
@pytest.mark.parametrize("name", SPECS)
def test_rows_of_digits(name: str) -> None:
    assert [SPECS[name].run_id, numbers_of(SPECS[name])] == ROWS["rows"][name]


def test_run_ids_of_the_golden_rows() -> None:
    assert {name: spec.run_id for name, spec in SPECS.items()} == {name: of[0] for name, of in ROWS["rows"].items()}


if __name__ == "__main__":
    if "rows" in sys.argv[1:]:
        rows = {name: [spec.run_id, numbers_of(spec)] for name, spec in SPECS.items()}
        (GOLDEN / "rows.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    made = {folder.name: tables_of(folder) for folder in sorted(REPRODUCTION.iterdir()) if folder.is_dir()}
    (GOLDEN / "tables.json").write_text(json.dumps(made, indent=1) + "\n")
