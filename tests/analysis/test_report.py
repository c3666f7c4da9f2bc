"""The report, its figures and the notebooks, on synthetic rows of small grids."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.spec.run import EVAL_PROTOCOLS, SEMANTICS_VERSION, RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS, SCHEMA, SCHEMA_VERSION
from analysis import curves
from analysis.cells import of_rows, read, read_all
from analysis.figures import reconstructions
from analysis.figures.boxes import box_rows
from analysis.figures.curves import curve_figures
from analysis.figures.drawing import INK
from analysis.figures.leakage import leakage_figure
from analysis.page.report import main, write_report
from analysis.paper import numbers as paper
from analysis.table_rows import ONE_KNOWN
from analysis.tables.layouts import comparisons
from analysis.tables.layouts.coverage import coverage
from analysis.tables.layouts.layouts import paper_sheets
from analysis.tables.layouts.one_known import one_known
from analysis.tables.layouts.ours import our_tables
from analysis.tables.leakage import leakage_table
from analysis.tables.networks import networks
from benchmarks import synthetic
from tests.conftest import ROOT
from tests.helpers.analysis_rows import commit_all, drawn, failed_row, ok_row, specs
from tests.helpers.notebooks import NOTEBOOKS, code_of, run_notebook


def digits() -> list[RunSpec]:
    """The demo's cells: three digits, two shares of anomalies, three seeds."""
    return [
        RunSpec(dataset="digits", normal_class=c, gamma=gamma, seed=seed, updates=40, curve=(20,))
        for seed in range(3)
        for gamma in (0.0, 0.05)
        for c in (0, 1, 4)
    ]


def few_of_the_paper() -> list[RunSpec]:
    """All variants of Tables 1, 4, 5 and 9 on two data sets, two classes short, two seeds."""
    return [
        spec
        for spec in synthetic.paper_specs(seeds=(0, 1), tables=("table1", "table4", "table5", "table9"))
        if spec.dataset in ("mnist", "fashion_mnist") and spec.gamma in (0.0, 0.05) and spec.target_class < 8
    ]


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    results = tmp_path_factory.mktemp("demo")
    synthetic.write(results, digits())
    return results


@pytest.fixture(scope="session")
def report(demo, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(demo, out)
    return out


# -- cells ---------------------------------------------------------------------------------------------------------


def test_rows_alone_make_the_same_numbers_as_their_plan(tmp_path):
    runs = [*specs(range(10), gamma=0.05, known_anomaly_draw=2), *specs(), *specs(range(3), dataset="digits")]
    store = ResultStore(tmp_path)
    commit_all(store, runs, drawn)
    planned = read(store, Plan("mixed", (), (), tuple(runs)))
    alone = of_rows(store.read(columns=(*LIGHT_COLUMNS,)), "mixed")
    by_key = [
        {(v["dataset"], v["gamma"]): line for v, line in zip(c.rows, c.summary.to_dict("records"), strict=True)}
        for c in (planned, alone)
    ]
    assert by_key[0].keys() == by_key[1].keys() == {("mnist", 0.05), ("mnist", 0.0), ("digits", 0.0)}
    for key, line in by_key[0].items():
        assert line["avg"] == pytest.approx(by_key[1][key]["avg"], rel=1e-12)
        assert line["sd_seeds"] == pytest.approx(by_key[1][key]["sd_seeds"], rel=1e-12)
        assert line["ok"] == by_key[1][key]["ok"]
    assert [(v["dataset"], v["gamma"]) for v in alone.rows] == [("digits", 0.0), ("mnist", 0.0), ("mnist", 0.05)]


def test_rows_that_lack_a_newer_field_take_its_default(tmp_path):
    store = ResultStore(tmp_path)
    commit_all(store, specs((0,)), drawn)
    rows = store.read()
    column = rows.schema.get_field_index("upsampling")
    import pyarrow as pa

    older = rows.set_column(column, "upsampling", pa.nulls(len(rows), pa.string()))
    assert of_rows(older, "older").rows[0]["upsampling"] == "transpose"


def test_rows_of_other_semantics_are_refused(tmp_path):
    import pyarrow as pa

    store = ResultStore(tmp_path)
    commit_all(store, specs((0,)), drawn)
    rows = store.read()
    column = rows.schema.get_field_index("semantics_version")
    mixed = rows.set_column(column, "semantics_version", pa.array([SEMANTICS_VERSION, 98, 99], pa.int32()))
    with pytest.raises(AnalysisError, match=f"semantics {SEMANTICS_VERSION} and 98 and 99"):
        of_rows(mixed, "mixed")


def test_pairs_of_one_known_class_make_one_row(tmp_path):
    runs = [
        RunSpec(dataset="digits", normal_class=n, gamma=0.05, known_anomaly_classes=(k,), seed=seed)
        for n in (0, 1, 2)
        for k in (0, 1, 2)
        if n != k
        for seed in (0, 1)
    ]
    of_pair = {(0, 1): 0.9, (0, 2): 0.8, (1, 0): 0.7, (1, 2): 0.6, (2, 0): 0.5, (2, 1): 0.4}
    store = ResultStore(tmp_path)
    commit_all(store, runs, lambda spec: of_pair[spec.normal_class, spec.known_anomaly_classes[0]])
    for cells in (read(store, Plan("table2_one", (), (), tuple(runs))), read_all(store)):
        (values,) = cells.rows
        assert values["known_anomaly_classes"] == ONE_KNOWN
        (line,) = cells.summary.to_dict("records")
        assert line["avg"] == pytest.approx(np.mean(list(of_pair.values())))
        assert line["sd_classes"] == pytest.approx(np.std(list(of_pair.values())))  # over the pairs, as Deep SAD's
        assert (line["classes"], line["classes_wanted"], line["ok"]) == (6, 6, 12)
    sheet = one_known(cells)
    assert sheet.lines[0][-5:] == ("65.0±17.08", "—", "—", "6/6", "12/12")


def test_aurocs_against_seen_and_unseen_anomalies(tmp_path):
    """By hand. Normal scores 1 3; class 1 has 2 4 (3 of 4 pairs won), class 2 has 0 3 (1.5 of 4)."""
    runs = [
        RunSpec(dataset="digits", normal_class=0, gamma=0.05, known_anomaly_classes=(known,), seed=0)
        for known in (1, 2)
    ]
    store = ResultStore(tmp_path)
    values = {"test_class": [0, 0, 1, 1, 2, 2], "test_label": [0, 0, 1, 1, 1, 1], "scores_eval": [1, 3, 2, 4, 0, 3]}
    for spec in runs:
        store.commit(ok_row(spec, 0.5, **values))
    cells = read_all(tmp_path)
    split = curves.read_known_split(tmp_path, dict(zip(cells.runs["run_id"], cells.runs["known"], strict=True)))
    first, second = (split.set_index("run_id").loc[spec.run_id].tolist() for spec in runs)
    assert (first, second) == ([0.75, 0.375], [0.375, 0.75])
    (line,) = one_known(cells, split).lines
    assert line[-4:-2] == ("56.2", "56.2")  # .5625 each, rounded half to even


def test_one_and_the_same_known_class_stays_named(tmp_path):
    runs = [*specs((0, 1), gamma=0.05, dataset="digits", known_anomaly_classes=(5,))]
    commit_all(ResultStore(tmp_path), runs, drawn)
    assert read_all(tmp_path).rows[0]["known_anomaly_classes"] == [5]


def test_all_plans_of_a_folder_together(tmp_path):
    first, second = specs((0, 1)), specs((1, 2))
    for name, runs in (("a", first), ("b", second)):
        content = [{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in runs]
        path = tmp_path / "plans" / f"{name}-0.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"grid": name, "title": name, "overrides": [], "specs": content}))
    commit_all(ResultStore(tmp_path), first, drawn)
    cells = read_all(tmp_path)
    assert (cells.title, len(cells.runs)) == ("a + b", 9)  # what both plans want is one run
    assert cells.summary.loc[0, ["ok", "missing"]].tolist() == [6, 3]


# -- the paper's layouts -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def paper_cells(tmp_path_factory):
    """Light rows of few_of_the_paper, without curves and scores."""
    results = tmp_path_factory.mktemp("paper")
    runs = few_of_the_paper()
    commit_all(ResultStore(results), runs, drawn)
    return read_all(results)


def our_table(cells, name):
    (found,) = our_tables(cells, name)
    return found


def test_table_1_has_every_printed_line_and_ours_below(paper_cells):
    mnist, fashion = paper_sheets(our_table(paper_cells, "table1"))
    assert [line[:2] for line in mnist.lines] == [
        *[(method, "paper") for method in ("AnoGAN", "OCGAN", "GeoTrans", "ARNet", "ADGAN (rerun)", "AGAD")],
        ("AGAD", "here"),
    ]
    assert mnist.lines[5][2:] == (
        *("100.0", "100.0", "99.0", "98.6", "99.5", "97.2", "99.6", "99.8", "95.8", "99.2"),
        *("99.1", "0.86", ""),
    )
    ours = mnist.lines[6]
    expected = np.mean([drawn(spec) for spec in few_of_the_paper() if is_table_1(spec) and spec.normal_class == 3])
    assert ours[2 + 3] == f"{100 * expected:.1f}"
    assert ours[2 + 8 : 2 + 10] == ("—", "—")  # the classes that nothing was run of
    assert ours[-3].endswith("*")
    assert ours[-1] == "16/30"
    assert len(fashion.lines) == 5


def is_table_1(spec):
    return spec.dataset == "mnist" and spec.backbone == "naive" and spec.gamma == 0


def test_table_5_has_four_lines_per_data_set_and_no_gap_where_nothing_can_be_frozen(paper_cells):
    (sheet,) = paper_sheets(our_table(paper_cells, "table5"))
    assert [line[:4] for line in sheet.lines[::2]] == [
        ("Fashion-MNIST", "✓", "✓", "paper"),
        ("Fashion-MNIST", "✓", "", "paper"),
        ("Fashion-MNIST", "", "✓", "paper"),
        ("Fashion-MNIST", "", "", "paper"),
    ]
    frozen = sheet.lines[1]
    assert frozen[3:6] == ("here", "", "—")  # gamma .00 cannot be, .01 was not run
    assert frozen[7].endswith("*")  # two classes short
    assert 'class="key again">✓' not in sheet.to_html()


def test_a_number_of_ours_bears_its_verdict_in_the_papers_layout(tmp_path):
    runs = specs(dataset="cifar10", backbone="unet", gamma=0.03)
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.983)
    (sheet,) = paper_sheets(our_table(read_all(tmp_path), "table4"))
    with_context = next(line for line in sheet.lines if line[1:3] == ("with", "here"))
    assert with_context[3:] == ("—", "—", "98.3±0.00 =", "—", "—")


def test_borrowed_columns_of_table_2_stand_marked_beside_ours(tmp_path):
    runs = specs(dataset="cifar10", backbone="unetpp", gamma=0.1)
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.5)
    (sheet,) = paper_sheets(our_table(read_all(tmp_path), "table2"))
    line = dict(zip(sheet.columns, next(line for line in sheet.lines if line[1] == ".10"), strict=True))
    assert (line["Deep SAD†"], line["AGAD, paper"], line["AGAD, here"]) == ("79.8±7.1", "99.9±0.03", "50.0±0.00")
    assert (line["diff"], line["verdict"], line["n"]) == ("−49.9", "below", "30/30")


def test_other_settings_have_a_sheet_of_their_own_without_a_verdict(tmp_path):
    runs = [*specs(), *specs(updates=200)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    own, other = our_tables(read_all(tmp_path), "table1")
    assert (own.settings, other.settings) == ((), ("updates=200",))
    assert other.name == "table1-updates=200"
    (sheet,) = paper_sheets(other)
    assert sheet.lines[-1][-3].replace(".", "").isdigit()


def test_of_runs_trained_alike_those_with_more_seeds_stand_for_the_row(tmp_path):
    store = ResultStore(tmp_path)
    commit_all(store, specs(seeds=(0,), curve_protocols=EVAL_PROTOCOLS[:5]), lambda spec: 0.1)
    commit_all(store, specs(seeds=range(3)), lambda spec: 0.9)
    (found,) = our_tables(read_all(tmp_path), "table1")
    assert found.summary["avg"].tolist() == [pytest.approx(0.9)]


def test_coverage_counts_against_the_paper(paper_cells):
    tables = {name: our_tables(paper_cells, name) for name in paper.TABLES if name != "table8"}
    lines = {line[0]: line[1:] for line in coverage(tables).lines}
    assert lines[paper.TITLES["table1"]] == ("0/50", "32/150", "0", "0", "0", "0", "4", "")
    assert lines[paper.TITLES["table3"]][:2] == ("0/38", "0/114")
    assert lines[paper.TITLES["table5"]][1] == f"{2 * 8 * (2 + 4)}/2160"  # 2 strategies at 0, 4 at .05


def test_gains_are_over_the_same_runs(tmp_path):
    runs = specs(range(10), dataset="cifar10", backbone="unet")
    without = specs(range(10), dataset="cifar10", backbone="unet", adversarial_context="off")
    store = ResultStore(tmp_path)
    commit_all(store, without, drawn)
    same = {(s.normal_class, s.seed): drawn(s) for s in without}
    commit_all(store, runs, lambda spec: same[spec.normal_class, spec.seed] + 0.02)
    sheet = comparisons.paired(our_table(read_all(tmp_path), "table4"))
    (line,) = sheet.lines
    assert line[3:] == ("+2.0", "+2.0 … +2.0", line[5], ".002", "30")  # 2 / 2^10, one test
    assert float(line[5]) > 0.5


def test_uncertainty_says_when_there_is_no_interval(tmp_path):
    commit_all(ResultStore(tmp_path), specs(range(3), seeds=range(5), dataset="digits"), drawn)
    commit_all(ResultStore(tmp_path), specs(range(3), seeds=range(3), dataset="digits", gamma=0.05), drawn)
    five, three = comparisons.uncertainty(read_all(tmp_path), "u", "u").lines
    assert "–" in five[-4]
    assert "–" in five[-2]
    assert "–" in three[-4]
    assert three[-2] == "—"


# -- leakage -------------------------------------------------------------------------------------------------------


def test_leakage_table_by_hand(tmp_path):
    """Two classes, two seeds: last values averaged, the best of each curve, the gains of the same runs."""
    last = {"eval": 0.6, "eval_recal": 0.65, "batch_normals_first": 0.9}
    store = ResultStore(tmp_path)
    for spec in specs((0, 1), seeds=(0, 1), dataset="digits"):
        bump = 0.02 * spec.seed
        store.commit(
            ok_row(
                spec,
                last["eval"] + bump,
                auroc_eval_recal=last["eval_recal"],
                auroc_batch_normals_first=last["batch_normals_first"],
                auroc_batch_shuffled=0.8 + 0.12 * spec.normal_class,
                curve_update=[50, 1200],
                curve_auroc_eval=[0.7 + bump, last["eval"] + bump],
                curve_auroc_eval_recal=[0.1, last["eval_recal"]],
            )
        )
    cells = read_all(tmp_path)
    sheet = leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"]))
    line = dict(zip(sheet.columns, sheet.lines[0], strict=True))
    record = sheet.data.iloc[0]
    assert line["recal"] == "65.0 / 65.0"
    assert line["eval"] == "61.0 / 71.0"
    assert line["normals first"] == "90.0"
    assert line["gain"] == "+29.0"
    assert line["order"] == "+4.0"  # +10 in class 0, -2 in class 1
    assert line["up"] == "1/2"
    half = 12.7062 * 0.12 / 2  # t(1) at 95%; two classes 12 points apart
    assert (record["order_classes_low"], record["order_classes_high"]) == pytest.approx((0.04 - half, 0.04 + half))


def test_leakage_shows_no_panel_without_a_run(tmp_path):
    there, missing = specs((0,), seeds=(0,)), specs((0,), seeds=(0,), dataset="fashion_mnist")
    commit_all(ResultStore(tmp_path), there, drawn)
    drawing = leakage_figure(read(tmp_path, Plan("table1", (), (), (*there, *missing))))
    assert [panel.get_title(loc="left") for panel in drawing.figure.axes if panel.axison] == ["MNIST, naive"]


def test_without_other_protocols_there_is_no_leakage_table(tmp_path):
    store = ResultStore(tmp_path)
    for spec in specs((0,), dataset="digits"):
        store.commit(ok_row(spec, 0.5, auroc_eval_recal=None))
    cells = read_all(tmp_path)
    assert leakage_table(cells, curves.read(tmp_path, cells.runs["run_id"])) is None
    assert leakage_figure(cells) is None


def test_curves_keep_only_the_points_that_were_scored(tmp_path):
    (spec,) = specs((0,), seeds=(0,))
    values = {"curve_update": [50, 100], "curve_auroc_eval": [0.4, 0.5], "curve_auroc_batch1": [None, 0.7]}
    ResultStore(tmp_path).commit(ok_row(spec, 0.5, **values))
    found = curves.read(tmp_path, [spec.run_id]).sort_values(["protocol", "update"])
    assert found[["protocol", "update", "auroc"]].to_numpy().tolist() == [
        ["batch1", 100, 0.7],
        ["eval", 50, 0.4],
        ["eval", 100, 0.5],
    ]


# -- figures -------------------------------------------------------------------------------------------------------


def test_boxes_are_tukeys():
    """1..9 and an outlier: quartiles 3, 5.5, 7.75 by numpy's rule; 100 lies beyond 1.5 ranges."""
    found = curves.box(np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], np.float32))
    assert (found["q1"], found["med"], found["q3"]) == (3.25, 5.5, 7.75)
    assert (found["whislo"], found["whishi"], found["fliers"]) == (1.0, 9.0, [])
    mirrored = curves.box(-np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 100], np.float32))
    assert (mirrored["whislo"], mirrored["whishi"]) == (-9.0, -1.0)


def test_boxes_compare_the_papers_shares_where_they_are_there(tmp_path):
    runs = [s for gamma in (0.01, 0.05, 0.2) for s in specs((0,), dataset="digits", gamma=gamma)]
    runs += specs((0,), seeds=(0,), gamma=0.05) + specs((0,), seeds=(0,), gamma=0.1)
    commit_all(ResultStore(tmp_path), runs, drawn)
    cells = read_all(tmp_path)
    shares = {d: tuple(cells.rows[i]["gamma"] for i in pair) for d, pair in box_rows(cells).items()}
    assert shares == {"digits": (0.05, 0.2), "mnist": (0.05, 0.1)}


def test_figures_say_in_words_what_they_show(demo):
    cells = read_all(demo)
    (drawing,) = curve_figures(cells, curves.read(demo, cells.runs["run_id"]))
    ends = 100 * cells.runs.loc[cells.runs["row"] == 0, "auroc"]
    assert f"γ .00 ends between {ends.min():.0f} and {ends.max():.0f}" in drawing.alt
    svg = ElementTree.fromstring(drawing.to_svg())  # noqa: S314 - our own text
    assert svg.attrib["role"] == "img"
    assert svg.attrib["aria-label"] == drawing.alt


def test_svgs_take_the_pages_colour_and_share_no_ids(demo):
    cells = read_all(demo)
    points = curves.read(demo, cells.runs["run_id"])
    texts = [d.to_svg() for d in (leakage_figure(cells), *curve_figures(cells, points))]
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in texts]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text in texts:
        assert INK not in text
        assert "currentColor" in text


def with_images(spec, error):
    """A row whose two normal images come back exactly, and whose anomalous one is off by `error`."""
    x = np.full((3, 1, 32, 32), 100, np.uint8)
    x_hat = x + np.array([0, 0, error], np.uint8)[:, None, None, None]
    values = {"recon_index": [5, 7, 2], "recon_label": [0, 0, 1], "recon_shape": [1, 32, 32]}
    return ok_row(spec, 0.9, **values, recon_x=x.tobytes(), recon_x_hat=x_hat.tobytes())


def test_figure_2_has_ganomaly_and_agad_without_and_with_anomalies(tmp_path):
    of_class = RunSpec(dataset="fashion_mnist", protocol="leave_one_out", abnormal_class=9)
    store = ResultStore(tmp_path)
    store.commit(with_images(of_class.replace(method="ganomaly"), 10))
    for gamma, error in ((0.0, 20), (0.1, 30)):
        store.commit(with_images(of_class.replace(backbone="unetpp", gamma=gamma), error))
    cells = read_all(tmp_path)
    (group,) = reconstructions.groups(cells)
    assert list(group.run_ids) == ["GANomaly", "AGAD unetpp, γ .00", "AGAD unetpp, γ .10"]
    saved = reconstructions.read(tmp_path, group.run_ids.values())
    (drawing,) = reconstructions.drawings(cells, saved)
    assert drawing.name == "reconstructions-leave_one_out"
    assert "Fashion-MNIST, anomalous: Ankle boot" in drawing.caption
    assert "GANomaly 0 and 10; AGAD unetpp, γ .00 0 and 20; AGAD unetpp, γ .10 0 and 30" in drawing.alt


def test_large_images_are_halved_by_their_means():
    image = np.zeros((1, 1, 128, 128), np.uint8)
    image[..., 0::2, :] = 200
    strip = reconstructions.strip(image, 1)
    assert strip.shape[0] == 64 + 2  # a transparent pixel on each side
    assert set(strip[1:65, 1:65, 0].flat) == {100}


def test_ganomaly_is_never_compared_with_agads_numbers(tmp_path):
    runs = [RunSpec(dataset="mnist", normal_class=c, method="ganomaly") for c in range(10)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    cells = read_all(tmp_path)
    assert cells.matches == (None,)


# -- the page ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What the tests check of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [found[name] for name in ("href", "src", "xlink:href") if found.get(name)]
        self.ids += [found["id"]] if "id" in found else []
        if tag not in ("meta", "link", "br", "img", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(report) -> Page:
    return Page((report / "index.html").read_text())


def test_the_page_is_whole_and_needs_no_network(report, page):
    assert page.open == []
    assert not {"script", "img", "iframe", "link"} & set(page.tags)
    assert any(link.startswith("data:") for link in page.links)  # the reconstructions
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("data:image/png;base64,"):
            assert (report / link).is_file()
    text = (report / "index.html").read_text()
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_the_pages_files_are_installed_with_it():
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["package-data"]["agad.analysis.page"]
    files = {path.name for path in (ROOT / "analysis" / "page").iterdir() if path.suffix in (".css", ".html", ".js")}
    assert set(listed) == files == {"page.css", "page.html"}


def test_every_id_of_the_page_is_there_once(page):
    assert len(page.ids) == len(set(page.ids))


def test_tables_have_captions_and_figures_have_words(page):
    assert page.tags.count("table") == page.tags.count("caption") > 3
    assert page.tags.count("svg") == page.tags.count("figcaption") == 4


def test_each_table_is_three_files_and_each_figure_two(report):
    tables = {path.suffix: 0 for path in (report / "tables").iterdir()}
    for path in (report / "tables").iterdir():
        tables[path.suffix] += 1
        assert path.stat().st_size > 0
    assert tables.keys() == {".md", ".tex", ".csv"}
    assert len(set(tables.values())) == 1
    for path in (report / "figures").glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 200
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert {path.stem for path in (report / "figures").iterdir()} == {
        "leakage",
        "curves-digits",
        "boxes-digits",
        "reconstructions",
    }


def test_latex_has_no_letter_that_latex_lacks(report, paper_cells):
    sheets = [sheet for name in ("table1", "table5", "table9") for sheet in paper_sheets(our_table(paper_cells, name))]
    texts = [sheet.to_latex() for sheet in (*sheets, networks(paper_cells))]
    for text in (*texts, *(path.read_text() for path in (report / "tables").glob("*.tex"))):
        assert text.isascii()
        assert text.count("{") == text.count("}")


def test_the_csv_of_the_report_has_the_runs_numbers(demo, report):
    with (report / "tables" / "others-averages.csv").open() as file:
        lines = list(csv.DictReader(file))
    rows = ResultStore(demo).read(columns=["gamma", "auroc", "normal_class"]).to_pylist()
    for line in lines:
        of_class = {}
        for row in rows:
            if row["gamma"] == float(line["gamma"]):
                of_class.setdefault(row["normal_class"], []).append(row["auroc"])
        assert float(line["avg"]) == pytest.approx(np.mean([np.mean(v) for v in of_class.values()]), rel=1e-12)


def test_failures_are_listed_one_by_one_and_escaped(tmp_path):
    runs = specs((0, 1), dataset="digits")
    store = ResultStore(tmp_path)
    commit_all(store, runs[1:], drawn)
    record = failed_row(runs[0])
    record.values["failure_message"] = "loss <g> & co"
    store.commit(record)
    text = write_report(tmp_path, tmp_path / "out").read_text()
    assert "loss &lt;g&gt; &amp; co" in text
    assert "loss <g>" not in text
    with (tmp_path / "out" / "tables" / "failures.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["run_id"], line["failure_kind"]) == (runs[0].run_id, "nan")


def test_the_report_runs_as_a_script_from_anywhere(demo, tmp_path):
    command = [sys.executable, str(ROOT / "analysis" / "report.py"), "--results", str(demo), "--out", "out"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / "index.html").is_file()


def test_the_report_loads_no_torch_and_no_scheduler(demo, tmp_path):
    program = (
        "import sys; from analysis.page.report import write_report; write_report(sys.argv[1], sys.argv[2]);"
        "print(*sorted(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(demo), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert not loaded & {"torch", "torchvision", "sklearn", "ray", "submitit", "optuna", "sweeps"}


def nothing(results):
    results.mkdir()


def torn(results):
    store = ResultStore(results)
    (spec,) = specs((0,), seeds=(0,))
    store.commit(ok_row(spec, 0.9))
    path = store.inbox / f"{spec.run_id}.1.parquet"
    path.write_bytes(path.read_bytes()[:-200])


def newer_schema(results):
    store = ResultStore(results)
    commit_all(store, specs((0,), seeds=(0,)), drawn)
    (path,) = store.base.iterdir()
    rows = pq.read_table(path)
    pq.write_table(rows.replace_schema_metadata({"agad_schema_version": str(SCHEMA_VERSION + 1)}), path)


def other_data(results):
    for number, spec in enumerate(specs((0,))):
        ResultStore(results).commit(ok_row(spec, 0.9, data_digest=str(number)))


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (lambda results: None, [], "no such results folder"),
        (nothing, [], "no plan and no row"),
        (torn, [], "no row that can be read"),
        (newer_schema, [], "written by a newer agad"),
        (other_data, [], "different MNIST data"),
        (other_data, ["--grid", "table1"], "no plan of grid table1"),
        (other_data, ["--plan", "nowhere.json"], "no such plan file"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, prepare, arguments, message):
    results = tmp_path / "results"
    prepare(results)
    assert main(["--results", str(results), "--out", str(tmp_path / "out"), *arguments]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_clear_line(demo, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--results", str(demo), "--out", str(tmp_path / "file")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


# -- synthetic rows ------------------------------------------------------------------------------------------------


def test_synthetic_rows_are_the_papers_in_number_and_a_runs_in_form():
    runs = synthetic.paper_specs()
    assert len(runs) == len(set(runs)) == 3654
    record = synthetic.record(RunSpec(dataset="digits", normal_class=1))
    row = record.to_row()
    assert set(row) == set(SCHEMA.names)
    labels, scores = np.array(row["test_label"]), np.array(row["scores_eval"])
    above = np.mean(scores[labels == 1][:, None] > scores[labels == 0][None, :])
    assert row["auroc"] == pytest.approx(above, abs=1e-6)


# -- notebooks -----------------------------------------------------------------------------------------------------


def test_there_are_the_four_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["figures", "leakage", "tables", "tuning"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs_and_define_nothing(path):
    for cell in json.loads(path.read_text())["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for text in code_of(path) for node in ast.walk(ast.parse(text)) if isinstance(node, definitions)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_from_their_folder(path, demo):
    result = run_notebook(path, demo)
    assert result.returncode == 0, result.stderr
