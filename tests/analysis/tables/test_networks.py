"""Table 8: parameters and times of the generators, in the plan's table and in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agad.plan.plan import Plan
from agad.spec.run import RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from analysis.cells import Cells, read, read_all
from analysis.page.report import write_report
from analysis.tables.networks import networks
from analysis.tables.table import plan_table
from sweeps.grids import load_grid
from tests.helpers.analysis_rows import MADE, commit_all

TABLE8 = list(load_grid("table8").cells)
NAIVE, UNET, UNETPP = TABLE8


def timed(spec: RunSpec, batch1: float, best: float, batch: int = 64, **values: Any) -> RunRecord:
    """A row of task=inference, on a CPU unless said otherwise."""
    measured = {"inference_ms_batch1": batch1, "inference_ms_best": best, "inference_best_batch": batch}
    machine = {"device": "cpu", "device_name": "EPYC", "threads": 1, "parameters_g": 2_133_632}
    return RunRecord(spec=spec, attempt=1, status="ok", values={**MADE, **machine, **measured, **values})


def commit(results: Path, *records: RunRecord) -> None:
    store = ResultStore(results)
    for record in records:
        store.commit(record)


def lines_of(cells: Cells) -> list[dict[str, str]]:
    sheet = networks(cells)
    return [dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines]


def view(runs: list[RunSpec]) -> Plan:
    return Plan("table8", (), (), tuple(runs))


@pytest.mark.slow
def test_times_stand_beside_the_papers_with_their_device(tmp_path):
    commit(tmp_path, timed(NAIVE, 8.617, 1.134), timed(UNET, 17.3, 5.99, 32, parameters_g=7_762_465))
    table = plan_table(tmp_path, view(TABLE8))
    (sheet,) = table.sheets
    naive, unet, unetpp = (dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines)
    assert list(naive.values()) == [
        *("Naive", "2.04", "2.67", "", "1", "2,133,632", "2.13", "2.03"),
        *("8.62", "1.13", "64", "1/1", "EPYC, 1 thread"),
    ]
    assert (unet["ms, best batch"], unet["best batch"], unet["/10⁶"]) == ("5.99", "32", "7.76")
    assert (unetpp["paper, ms"], unetpp["parameters"], unetpp["ms, batch 1"], unetpp["n"]) == ("16.73", "—", "—", "0/1")
    assert not table.complete
    assert "AUROC" not in table.to_markdown()
    assert "2 of 3 runs are ok; 1 missing" in table.notes[0]


@pytest.mark.slow
def test_machines_are_never_averaged_and_runs_are(tmp_path):
    again = [NAIVE.replace(seed=seed) for seed in (1, 2, 3)]
    commit(
        tmp_path,
        timed(NAIVE, 8.0, 1.0, 64),
        timed(again[0], 10.0, 2.0, 32),
        timed(again[1], 1.5, 0.1, 256, device="cuda", device_name="NVIDIA A40"),
        timed(again[2], 4.0, 0.5, 128, threads=4),
    )
    lines = lines_of(read(tmp_path, view([NAIVE, *again])))[:3]
    assert [(line["device"], line["ms, batch 1"], line["best batch"], line["n"]) for line in lines] == [
        ("EPYC, 1 thread", "9.00", "64", "2/2"),
        ("NVIDIA A40", "1.50", "256", "1/1"),
        ("EPYC, 4 threads", "4.00", "128", "1/1"),
    ]


def test_sizes_come_from_trained_runs_too_but_never_from_ganomalys_nets(tmp_path):
    trained = RunSpec(dataset="cifar10", normal_class=0, backbone="unet", batch_norm="advprop")
    other = RunSpec(dataset="mnist", protocol="leave_one_out", abnormal_class=9, method="ganomaly")
    commit_all(ResultStore(tmp_path), [trained], lambda spec: 0.9, {"parameters_g": 7_768_995})
    commit_all(ResultStore(tmp_path), [other], lambda spec: 0.9, {"parameters_g": 3_200_000})
    naive, unet, _ = lines_of(read_all(tmp_path))
    assert naive["parameters"] == "—"
    assert (unet["parameters"], unet["channels"], unet["variant"]) == ("7,768,995", "3", "batch_norm=advprop")
    assert (unet["ms, batch 1"], unet["n"], unet["device"]) == ("—", "", "")


def test_two_data_sets_of_ones_own_are_two_lines_as_their_channels_may_differ(tmp_path):
    grey, colour = (UNET.replace(dataset=f"folder:{name}") for name in ("grey", "colour"))
    commit(tmp_path, timed(grey, 1.0, 1.0, parameters_g=7_762_529), timed(colour, 9.0, 9.0, parameters_g=7_763_107))
    told = [
        (line["variant"], line["channels"], line["parameters"], line["ms, batch 1"], line["n"])
        for line in lines_of(read_all(tmp_path))
        if line["generator"] == "UNet"
    ]
    assert told == [
        ("dataset=folder:colour", "—", "7,763,107", "9.00", "1/1"),
        ("dataset=folder:grey", "—", "7,762,529", "1.00", "1/1"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_in_the_report_times_are_table_8s_and_are_in_no_table_of_aurocs(tmp_path, dataset):
    commit(tmp_path / "results", *(timed(spec.replace(dataset=dataset), 8, 1) for spec in TABLE8))
    page = write_report(tmp_path / "results", tmp_path / "out").read_text()
    assert {path.stem for path in (tmp_path / "out" / "tables").iterdir()} == {"table8", "settings", "data"}
    assert '<section id="table8">' in page
    assert "how long it trains" not in page
    trained = RunSpec(dataset="mnist", normal_class=0)
    commit_all(ResultStore(tmp_path / "results"), [trained], lambda spec: 0.9, {"parameters_g": 2_133_632})
    page = write_report(tmp_path / "results", tmp_path / "out").read_text()
    places = [page.index(f'<section id="{anchor}">') for anchor in ("table1", "table8", "table9", "provenance")]
    assert places == sorted(places)
    assert "task=inference" not in page.partition('<section id="provenance">')[0]
