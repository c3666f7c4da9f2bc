"""Other methods that were run here stand in Tables 1 and 2 beside what the paper borrows."""

from __future__ import annotations

import pytest

from agad.spec.catalogue import methods
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.page.report import write_report
from analysis.paper import numbers as paper
from analysis.tables.layouts.layouts import paper_sheets
from analysis.tables.layouts.ours import our_tables
from analysis.tables.layouts.rivals import rivals
from tests.helpers.analysis_rows import commit_all, nearly, specs


@pytest.fixture
def results(tmp_path):
    """AGAD's naive generator on MNIST, nearest neighbours on two kinds of features, a classifier with labels."""
    commit_all(ResultStore(tmp_path), [*specs(), *specs(gamma=0.05)], nearly(0.9))
    for features, auroc in (("pixels", 0.95), ("gcn", 0.97)):
        runs = specs(seeds=(0,), method="knn", features=features, updates=0)
        commit_all(ResultStore(tmp_path), runs, lambda spec, auroc=auroc: auroc)
    commit_all(ResultStore(tmp_path), specs(seeds=(0,), method="logistic", gamma=0.05, updates=0), lambda spec: 0.8)
    known = [
        s for c in (1, 2) for s in specs((0,), method="logistic", gamma=0.05, updates=0, known_anomaly_classes=(c,))
    ]
    commit_all(ResultStore(tmp_path), known, lambda spec: 0.6)
    return tmp_path


@pytest.mark.slow
def test_table_1_has_a_line_for_each_method_run_here(results):
    (table,) = our_tables(read_all(results), "table1")
    (sheet,) = paper_sheets(table)
    ours = [line for line in sheet.lines if line[1] == "here"]
    assert [(line[0], line[2], line[-3], line[-1]) for line in ours] == [
        ("AGAD", "90.0", "90.0 ↓", "30/30"),
        ("nearest neighbours (gcn)", "97.0", "97.0", "10/10"),
        ("nearest neighbours (pixels)", "95.0", "95.0", "10/10"),
    ]
    assert "gcn" in sheet.to_csv()


@pytest.mark.slow
def test_what_a_method_was_run_with_is_said_under_the_table(tmp_path):
    """Seven updates stood beside AGAD's 1,200 without a word."""
    commit_all(ResultStore(tmp_path), specs(), nearly(0.9))
    short = {"method": "geotrans", "encoder": "wrn_10_1", "updates": 7}
    commit_all(ResultStore(tmp_path), specs(seeds=(0,), **short), lambda spec: 0.9)
    (table,) = our_tables(read_all(tmp_path), "table1")
    (sheet,) = paper_sheets(table)
    (note,) = [note for note in sheet.notes if note.startswith("Settings of methods run here")]
    assert note.endswith(" GeoTrans: updates=7, encoder=wrn_10_1.")


def test_methods_that_the_paper_prints_have_its_names():
    """So what was run here reads as the method whose printed line is above it."""
    printed = {row.method for row in paper.rows("table1")}
    assert {methods()[name].title for name in ("anogan", "ocgan", "dagmm")} <= printed
    with_labels = {row.method for row in paper.rows("table2")}
    assert {methods()[name].title for name in ("deep_sad", "esad", "ssad", "ssdgm")} <= with_labels


@pytest.mark.slow
def test_a_printed_method_that_was_run_here_has_its_column_beside_the_printed_one(results):
    for gamma in (0.0, 0.05):
        runs = specs(seeds=(0,), method="ssad", gamma=gamma)
        commit_all(ResultStore(results), runs, lambda spec: 0.85)
    (table,) = our_tables(read_all(results), "table2")
    (sheet,) = paper_sheets(table)
    place = sheet.columns.index("SSAD Hybrid†")
    assert sheet.columns[place + 1] == "SSAD Hybrid, here"
    lines = {line[1]: line[place : place + 2] for line in sheet.lines}
    assert lines[".00"] == ("96.3±2.5", "85.0±0.00")
    assert lines[".05"] == ("97.4±2.0", "85.0±0.00")


@pytest.mark.slow
def test_a_method_that_the_paper_prints_stands_below_its_printed_line(results):
    """GeoTrans in two settings and ARNet; what the paper does not print stays below AGAD."""
    for method, fields in (("geotrans", {"transformations": "rot4"}), ("geotrans", {}), ("arnet", {})):
        own = {} if method == "arnet" else {"encoder": "wrn_10_4"}
        runs = specs(seeds=(0,), method=method, **own, **fields)
        commit_all(ResultStore(results), runs, lambda spec: 0.7)
    (table,) = our_tables(read_all(results), "table1")
    (sheet,) = paper_sheets(table)
    assert [line[:2] for line in sheet.lines] == [
        *(("AnoGAN", "paper"), ("OCGAN", "paper"), ("GeoTrans", "paper")),
        *(("GeoTrans (geo72)", "here"), ("GeoTrans (rot4)", "here"), ("ARNet", "paper"), ("ARNet", "here")),
        *(("ADGAN (rerun)", "paper"), ("AGAD", "paper"), ("AGAD", "here")),
        *(("nearest neighbours (gcn)", "here"), ("nearest neighbours (pixels)", "here")),
    ]
    assert list(sheet.data["method"])[3:5] == ["GeoTrans (geo72)", "GeoTrans (rot4)"]


@pytest.mark.slow
def test_table_2_has_printed_columns_and_columns_run_here(results):
    (table,) = our_tables(read_all(results), "table2")
    (sheet,) = paper_sheets(table)
    lines = {line[1]: dict(zip(sheet.columns, line, strict=True)) for line in sheet.lines}
    assert "nearest neighbours (gcn), here" not in sheet.columns
    assert lines[".00"]["logistic regression, here"] == "—"
    assert lines[".05"]["logistic regression, here"] == "80.0±0.00"
    assert lines[".05"]["Deep SAD†"] == "96.7±2.3"


@pytest.mark.slow
def test_a_rival_stands_once_beside_the_setting_with_the_most_runs(results):
    """A table for each setting of AGAD: the same twenty lines below each would bury the one that differs."""
    commit_all(ResultStore(results), specs(seeds=(0,), updates=200), lambda spec: 0.5)
    tables = our_tables(read_all(results), "table1")
    assert [(table.settings, len(table.rivals)) for table in tables] == [((), 2), (("updates=200",), 0)]


@pytest.mark.slow
def test_a_rival_of_a_data_set_that_agad_was_not_run_on_is_in_the_report(results, tmp_path):
    """There is no table of the paper for it to stand in: it is listed outside."""
    commit_all(ResultStore(results), specs(seeds=(0,), dataset="cifar10", method="pca", updates=0), lambda spec: 0.55)
    commit_all(ResultStore(results), specs((0,), dataset="fashion_mnist", gamma=0.05), lambda spec: 0.9)
    runs = specs(seeds=(0,), dataset="fashion_mnist", method="mahalanobis", updates=0)
    commit_all(ResultStore(results), runs, lambda spec: 0.45)
    page = write_report(results, tmp_path / "page.html").read_text()
    others = page[page.index('id="others"') :]
    assert "55.0" in others
    assert "45.0" in others


@pytest.mark.slow
def test_a_method_that_knows_one_class_at_a_time_is_no_rival_of_rows_that_know_all(results):
    cells = read_all(results)
    assert {rival.name for rival in rivals(cells, "table2") if rival.gamma} == {"logistic regression"}
    assert rivals(cells, "table9") == ()


@pytest.mark.slow
def test_what_stands_in_the_papers_tables_is_not_listed_as_outside_of_it(results, tmp_path):
    page = write_report(results, tmp_path / "page.html").read_text()
    assert 'id="others"' not in page
    assert page.count("nearest neighbours (gcn)") == 1


@pytest.mark.slow
def test_a_method_on_other_images_than_the_papers_is_no_rival(tmp_path):
    """Of another size, or with anomalies of few classes; normals that were held out are told."""
    classes, seeds = range(10), (0,)
    rows = [
        *specs(classes, seeds),
        *specs(classes, seeds, method="knn", updates=0, image_size=64),
        *specs(classes, seeds, method="knn", updates=0, validation=0.1),
        *specs(classes, seeds, method="pca", updates=0),
        *specs(classes, seeds, method="logistic", updates=0, gamma=0.05, known_anomaly_draw=1),
    ]
    commit_all(ResultStore(tmp_path), rows, lambda _: 0.9)
    cells = read_all(tmp_path)

    assert [rival.name for rival in rivals(cells, "table1")] == ["PCA residual", "nearest neighbours (10% held out)"]
    assert [rival.name for rival in rivals(cells, "table2") if rival.gamma] == []
