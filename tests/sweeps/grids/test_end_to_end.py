"""Every grid from its name to its table and figures, at reduced size: real commands, real data sets' layouts.

What all the reduced grids need is trained by one launch, as the plan of their union; each grid's own launch then finds
its runs done. Images are noise, so no number here means anything.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from agad.plan.make import make_plan
from agad.plan.plan import Plan
from agad.spec.datasets import DATASETS
from agad.spec.run import EVAL_PROTOCOLS
from agad.store.provenance import code_digest
from agad.store.row_file import FILE_METADATA
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA
from analysis.page import report
from analysis.tables import table as tables
from sweeps.grids import grid_names, load_grid
from tests.helpers.cli import launch_here
from tests.helpers.notebooks import run_notebooks
from tests.helpers.raw_data import unpack, unpack_lung, write_cifar10, write_cifar100, write_idx

pytestmark = pytest.mark.slow

NORMALS, OTHERS, LAST = 34, 6, 10
"""Training images of class 0, which is the normal one here; of other classes; of the last one, Figure 2's anomaly."""
MEDICAL_NORMALS = {"alzheimer": 20, "chest_xray": 2, "lung_histopathology": 20, "retinal_oct": 21}
"""Different where the trees would else be the same images."""
LUNG_TESTED = 500

QUICK = ["final_protocols=eval", "curve_protocols=eval"]
PAPERS = ["updates=1", *QUICK]
"""Of what the paper states nothing is changed, so that its tables are made; a batch is all normals that there are."""
TINY = ["updates=2", "batch_size=8", "min_anomalies=2", "curve=1", *QUICK]


@dataclass(frozen=True)
class Reduced:
    """A grid made small, and what must come of it.

    Attributes:
        select: as given to --select.
        overrides: as given to --set.
        runs: how many runs are left.
        files: of the report, below its folder, beside those that every report has.
    """

    select: tuple[str, ...]
    overrides: tuple[str, ...]
    runs: int
    files: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        flags = [("--select", value) for value in self.select] + [("--set", value) for value in self.overrides]
        return ["--seeds", "1", *(word for pair in flags for word in pair)]


def reduced(runs: int, *files: str, select: Sequence[str] = (), overrides: Sequence[str] = PAPERS) -> Reduced:
    return Reduced(tuple(select), tuple(overrides), runs, files)


CLASS0 = "normal_class=0"
GRIDS = {
    "demo": reduced(
        2,
        "tables/others-averages.csv",
        select=[CLASS0],
        overrides=["updates=2", "curve=1", "final_protocols=eval+eval_recal", "curve_protocols=eval"],
    ),
    "table1": reduced(
        2,
        "tables/table1-updates=1-mnist.csv",
        "tables/table1-updates=1-cifar10.csv",
        select=[CLASS0, "dataset=mnist,cifar10"],
    ),
    "table2": reduced(4, "tables/table2-updates=1.csv", select=[CLASS0, "dataset=mnist", "gamma=0,0.05,0.1,0.2"]),
    "table2_one": reduced(
        2,
        "tables/table2_one.csv",
        select=[CLASS0, "dataset=mnist", "gamma=0.05", "known_anomaly_classes=1,2"],
    ),
    "table3": reduced(2, "tables/table3-updates=1.csv", select=["dataset=chest_xray", "gamma=0"]),
    "table4": reduced(2, "tables/table4-updates=1.csv", select=[CLASS0, "dataset=fashion_mnist", "gamma=0.05"]),
    "table5": reduced(4, "tables/table5-updates=1.csv", select=[CLASS0, "dataset=fashion_mnist", "gamma=0.05"]),
    "table8": reduced(1, "tables/table8.csv", select=["backbone=naive"], overrides=[]),
    "table9": reduced(3, "tables/table9-updates=1-cifar10.csv", select=[CLASS0, "dataset=cifar10"]),
    "fig2": reduced(
        3,
        "figures/reconstructions-leave_one_out.png",
        select=["dataset=fashion_mnist"],
        overrides=["batch_size=34", *PAPERS],
    ),
    "fig3": reduced(
        2,
        "figures/reconstructions-large.png",
        select=["dataset=alzheimer"],
        overrides=["updates=1", "batch_size=2", "min_anomalies=1", "backbone=unet", *QUICK],
    ),
    "fig4": reduced(2, "figures/boxes-cifar100.png", select=[CLASS0, "dataset=cifar100"], overrides=TINY),
    "fig6": reduced(2, "figures/curves-cifar100.png", select=[CLASS0], overrides=TINY),
    "fig6_dense": reduced(2, "figures/curves-cifar100.png", select=[CLASS0], overrides=TINY),
    "leakage": reduced(
        1,
        *("tables/leakage.csv", "figures/leakage.png"),
        select=[CLASS0],
        overrides=["updates=1", "batch_size=8"],
    ),
    "changes": reduced(1, "tables/leakage.csv", select=[CLASS0, "init=torch"], overrides=["updates=1", "batch_size=8"]),
    "floor": reduced(
        5, "tables/others-averages.csv", select=[CLASS0, "dataset=mnist", "features=pixels"], overrides=[]
    ),
    "floor_labels": reduced(
        2,
        "tables/table2_one.csv",
        select=[CLASS0, "dataset=mnist", "gamma=0.05", "known_anomaly_classes=1,2"],
        overrides=[],
    ),
    "adgan_standin": reduced(1, "tables/others-averages.csv", select=[CLASS0, "dataset=mnist"]),
    "selfsupervised": reduced(
        2,
        "tables/others-averages.csv",
        select=[CLASS0, "dataset=mnist", "batch_size=32,128", "method=arnet,rotation_knn"],
        overrides=["updates=1", "final_protocols=eval"],
    ),
    "rivals_semi": reduced(1, "tables/others-averages.csv", select=[CLASS0, "dataset=mnist", "batch_size=64"]),
    "rivals_latent": reduced(
        2,
        "tables/others-averages.csv",
        select=[CLASS0, "dataset=mnist", "method=fanogan"],
        overrides=[*PAPERS, "pretrain_updates=1"],
    ),
    "rivals_supervised": reduced(
        2,
        select=[CLASS0, "dataset=mnist", "method=classifier", "gamma=0.05", "known_anomaly_classes=1,2"],
        overrides=["updates=1"],
    ),
    "density_semi": reduced(
        1, "tables/others-averages.csv", select=[CLASS0, "dataset=mnist", "method=dagmm", "lr=0.0002"]
    ),
    "density_labels": reduced(
        2,
        select=[CLASS0, "dataset=mnist", "method=ssad", "gamma=0.05", "known_anomaly_classes=1,2"],
        overrides=["updates=1"],
    ),
    "full": reduced(
        7,
        "tables/others-averages.csv",
        select=[
            *(CLASS0, "gamma=0.05", "batch_norm=shared", "adversarial_context=on"),
            "dataset=mnist,fashion_mnist,cifar10,cifar100,alzheimer,retinal_oct,lung_histopathology",
        ],
        overrides=["backbone=naive", "image_size=32", "batch_size=8", "min_anomalies=2", *PAPERS],
    ),
}


def plan_of(grid: str) -> Plan:
    reduction = GRIDS[grid]
    return make_plan(load_grid(grid), seeds=1, select=reduction.select, overrides=reduction.overrides)[0]


def labels(classes: int) -> tuple[list[int], list[int]]:
    """Of training images, most of them of class 0, and of test images, one of each class."""
    counts = [NORMALS, *[OTHERS] * (classes - 2), LAST]
    return [c for c, count in enumerate(counts) for _ in range(count)], list(range(classes))


@pytest.fixture(scope="module", autouse=True)
def _noise_as_cifar() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGAD_UNPUBLISHED_CIFAR", "1")
        yield


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that say where small data sets in the layouts of the real ones are, and where results go."""
    data = tmp_path_factory.mktemp("data")
    write_idx(data, "MNIST", labels(10))
    train, test = labels(10)
    write_idx(data, "FashionMNIST", (train[::-1], test[::-1]))  # or its bytes would be MNIST's
    write_cifar10(data, labels(10))
    write_cifar100(data, labels(20))
    for dataset, normals in MEDICAL_NORMALS.items():
        if dataset != "lung_histopathology":
            unpack(dataset, data / dataset, sizes=(normals, 1))
    (data / "lung_colon_image_set").mkdir()
    lung = data / "lung_colon_image_set" / "lung_image_sets"
    unpack_lung(lung, MEDICAL_NORMALS["lung_histopathology"] + LUNG_TESTED)
    results, cache = tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("cache")
    return ["--data", str(data), "--cache", str(cache), "--results", str(results), "--workers", "1"]


@pytest.fixture(scope="module")
def results(places: list[str]) -> Path:
    """All runs of all the reduced grids, each once."""
    folder = Path(places[places.index("--results") + 1])
    specs = dict.fromkeys(spec for grid in GRIDS for spec in plan_of(grid).specs)
    path = Plan("union", (), (), tuple(specs), code_digest()).save(folder)
    done = launch_here("--plan", str(path), *places)
    assert done.returncode == 0, done.stderr
    path.unlink()
    return folder


def rows_of(results: Path, grid: str) -> list[dict[str, Any]]:
    """The rows of a grid's runs, with all columns."""
    rows: list[dict[str, Any]] = ResultStore(results).read(SCHEMA.names, run_ids=run_ids(grid)).to_pylist()
    return rows


def run_ids(grid: str) -> set[str]:
    return {spec.run_id for spec in plan_of(grid).specs}


def test_every_grid_is_here() -> None:
    assert sorted(GRIDS) == sorted(grid_names())


@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_from_its_name_to_its_report(
    grid: str, results: Path, places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = ResultStore(results).read_tries().num_rows
    done = launch_here("--grid", grid, *GRIDS[grid].arguments, *places)

    assert done.returncode == 0, done.stderr
    assert ResultStore(results).read_tries().num_rows == tries, "the union holds every grid's runs"
    assert [row["status"] for row in rows_of(results, grid)] == ["ok"] * GRIDS[grid].runs
    assert f"- Complete: all {GRIDS[grid].runs} runs are ok" in done.stdout
    assert tables.main(["--results", str(results), "--grid", grid]) == 0
    assert capsys.readouterr().out == done.stdout, "the launch prints the table of its plan"

    assert report.main(["--results", str(results), "--grid", grid, "--out", str(tmp_path)]) == 0
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"index.html", *GRIDS[grid].files} <= made
    for name in GRIDS[grid].files:
        assert Path(name).name.partition(".")[0] in (tmp_path / "index.html").read_text()


def test_rows_are_of_the_data_sets_that_the_specs_name(results: Path) -> None:
    """Every run has seen all normals of its data set, and as many anomalies as gamma means."""
    specs = {spec.run_id: spec for grid in GRIDS for spec in plan_of(grid).specs if spec.task == "train"}
    rows = ResultStore(results).read(run_ids=set(specs)).to_pylist()
    normals = {**dict.fromkeys(("mnist", "fashion_mnist", "cifar10", "cifar100"), NORMALS), **MEDICAL_NORMALS}
    seen = set()
    for row in rows:
        spec = specs[row["run_id"]]
        seen.add(spec.dataset)
        if spec.dataset == "digits":
            continue
        expected = normals[spec.dataset] if spec.protocol == "one_vs_rest" else NORMALS + 8 * OTHERS
        assert (row["n_train_normal"], row["n_train_anomaly"]) == (expected, spec.anomalies(expected))
    assert seen == {*DATASETS}
    assert len({row["data_digest"] for row in rows}) == len({(row["dataset"], row["image_size"]) for row in rows})


@pytest.mark.parametrize("grid", ["table2", "table3", "table4", "table5"])
def test_a_table_of_the_paper_has_the_rows_numbers(grid: str, results: Path, tmp_path: Path) -> None:
    """One class and one seed: a cell's mean is the run's own AUROC."""
    report.main(["--results", str(results), "--plan", str(plan_of(grid).save(results)), "--out", str(tmp_path)])
    with (tmp_path / GRIDS[grid].files[0]).open() as file:
        printed = [float(line["avg"]) for line in csv.DictReader(file) if line["avg"]]
    assert sorted(printed) == sorted(row["auroc"] for row in rows_of(results, grid))


def test_what_each_grid_is_for_is_in_its_rows(results: Path) -> None:
    def values(grid: str, column: str) -> list[Any]:
        return sorted({str(row[column]) for row in rows_of(results, grid)})

    assert values("table2", "gamma") == ["0.0", "0.05", "0.1", "0.2"]
    assert values("table2_one", "drawn_anomaly_classes") == ["[1]", "[2]"]
    assert values("table3", "adversarial_context") == values("table4", "adversarial_context") == ["off", "on"]
    assert values("table3", "image_size") == values("fig3", "image_size") == ["128"]
    assert values("table5", "batch_norm") == ["advprop", "advprop_freeze", "freeze", "shared"]
    assert values("table9", "backbone") == ["naive", "unet", "unetpp"]
    assert values("fig2", "method") == ["agad", "ganomaly"]
    assert values("fig2", "recon_shape") == ["[1, 32, 32]"]
    assert values("fig3", "recon_shape") == ["[1, 128, 128]"]
    assert values("fig6", "curve_update") == ["[1, 2]"]
    (timed,) = rows_of(results, "table8")
    assert 0 < timed["inference_ms_best"] <= timed["inference_ms_batch1"]
    (leaking,) = rows_of(results, "leakage")
    assert all(len(leaking[f"scores_{protocol}"]) == 10 for protocol in EVAL_PROTOCOLS)


def test_shared_runs_are_made_once(results: Path) -> None:
    assert len(run_ids("table4") & run_ids("table5")) == 1
    assert ResultStore(results).read_tries().num_rows == len(set().union(*map(run_ids, GRIDS)))


def test_notebooks_run_on_the_demos_rows(results: Path, tmp_path: Path) -> None:
    plan_of("demo").save(tmp_path)
    (tmp_path / "base").mkdir()
    rows = ResultStore(results).read(SCHEMA.names, run_ids=run_ids("demo"))
    pq.write_table(rows.replace_schema_metadata(FILE_METADATA), tmp_path / "base" / "rows.parquet")

    run_notebooks(tmp_path)
