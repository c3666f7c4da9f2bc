"""The paper's own layouts, with our numbers beside."""

from __future__ import annotations

import numpy as np
import pytest

from agad.plan.plan import Plan
from agad.spec.run import EVAL_PROTOCOLS
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.paper import numbers as paper
from analysis.tables.layouts import comparisons
from analysis.tables.layouts.coverage import coverage
from analysis.tables.layouts.layouts import paper_sheets
from analysis.tables.layouts.ours import our_tables
from tests.analysis.conftest import few_of_the_paper
from tests.helpers.analysis_rows import commit_all, drawn, nearly, specs


def our_table(cells, name):
    (found,) = our_tables(cells, name)
    return found


@pytest.mark.slow
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


@pytest.mark.slow
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
    commit_all(ResultStore(tmp_path), runs, nearly(0.983))
    (sheet,) = paper_sheets(our_table(read_all(tmp_path), "table4"))
    with_context = next(line for line in sheet.lines if line[1:3] == ("with", "here"))
    assert with_context[3:] == ("—", "—", "98.3±0.00 =", "—", "—")


def test_borrowed_columns_of_table_2_stand_marked_beside_ours(tmp_path):
    runs = specs(dataset="cifar10", backbone="unetpp", gamma=0.1)
    commit_all(ResultStore(tmp_path), runs, nearly(0.5))
    (sheet,) = paper_sheets(our_table(read_all(tmp_path), "table2"))
    line = dict(zip(sheet.columns, next(line for line in sheet.lines if line[1] == ".10"), strict=True))
    assert (line["Deep SAD†"], line["AGAD, paper"], line["AGAD, here"]) == ("79.8±7.1", "99.9±0.03", "50.0±0.00")
    assert (line["diff"], line["verdict"], line["n"]) == ("−49.9", "below", "30/30")


@pytest.mark.slow
def test_other_settings_have_a_sheet_of_their_own_without_a_verdict(tmp_path):
    runs = [*specs(), *specs(updates=200)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    own, other = our_tables(read_all(tmp_path), "table1")
    assert (own.settings, other.settings) == ((), ("updates=200",))
    assert other.name == "table1-updates=200"
    (sheet,) = paper_sheets(other)
    assert sheet.lines[-1][-3].replace(".", "").isdigit()


@pytest.mark.slow
def test_runs_of_a_default_of_before_have_a_table_of_their_own_beside_those_of_now(tmp_path):
    """None is dropped for the other, and those alone are in no second place."""
    now = specs(range(10), (0, 1))
    before = [spec.replace(bn_update="all") for spec in now]
    commit_all(ResultStore(tmp_path / "both"), [*now, *before], lambda spec: 0.7 + 0.2 * (spec.bn_update != "all"))
    commit_all(ResultStore(tmp_path / "before"), before, lambda spec: 0.7)
    own, other = our_tables(read_all(tmp_path / "both"), "table1")
    (alone,) = our_tables(read_all(tmp_path / "before"), "table1")

    assert (own.name, other.name, alone.name) == ("table1", "table1-bn_update=all", "table1")
    assert [round(of.summary["avg"].item(), 3) for of in (own, other, alone)] == [0.9, 0.7, 0.7]
    assert [of.summary["verdict"].notna().item() for of in (own, other, alone)] == [True, False, True]


@pytest.mark.slow
def test_of_runs_trained_otherwise_none_is_hidden_and_those_with_more_runs_are_compared(tmp_path):
    """Both count as the paper's own; the default breaks a tie."""

    def tables(name, *of_precision):
        for precision, seeds in of_precision:
            runs = specs(seeds=range(seeds), precision=precision)
            commit_all(ResultStore(tmp_path / name), runs, nearly(0.9 if precision == "fp32" else 0.6))
        found = our_tables(read_all(tmp_path / name), "table1")
        return [(of.settings, of.is_second, round(of.summary["avg"].item(), 3)) for of in found]

    assert tables("fp32", ("fp32", 2)) == [((), False, 0.9)]
    assert tables("tf32", ("tf32", 2)) == [((), False, 0.6)]
    assert tables("alike", ("fp32", 2), ("tf32", 2)) == [((), False, 0.9), (("precision=tf32",), True, 0.6)]
    assert tables("more", ("fp32", 2), ("tf32", 3)) == [((), False, 0.6), (("precision=fp32",), True, 0.9)]


@pytest.mark.slow
def test_one_way_of_training_stands_for_all_rows_that_were_trained_in_several(tmp_path):
    """Else one table would mix them, by which run of which row happens to be missing."""
    store = ResultStore(tmp_path)
    for dataset, fewer in (("mnist", "tf32"), ("fashion_mnist", "fp32")):
        for precision in ("fp32", "tf32"):
            runs = specs(range(4 if dataset == "mnist" else 5), dataset=dataset, precision=precision)
            commit_all(store, runs[: -1 if precision == fewer else None], nearly(0.9 if precision == "fp32" else 0.6))
    own, other = our_tables(read_all(tmp_path), "table9")
    assert other.settings == ("precision=tf32",)
    assert own.summary["avg"].round(3).tolist() == [0.9, 0.9]
    assert other.summary["avg"].round(3).tolist() == [0.6, 0.6]


def test_both_batch_sizes_of_table_3_stand_apart(tmp_path):
    medical = {"dataset": "alzheimer", "image_size": 128, "backbone": "unetpp", "classes": (0,)}
    for size, auroc in ((64, 0.94), (256, 0.55)):
        commit_all(ResultStore(tmp_path), specs(batch_size=size, **medical), nearly(auroc))
    own, other = our_tables(read_all(tmp_path), "table3")
    assert (own.settings, other.settings) == ((), ("batch_size=64",))
    assert [round(of.summary["avg"].item(), 2) for of in (own, other)] == [0.55, 0.94]
    assert [of.summary["verdict"].notna().item() for of in (own, other)] == [True, False]


def test_of_runs_trained_alike_those_with_more_seeds_stand_for_the_row(tmp_path):
    store = ResultStore(tmp_path)
    commit_all(store, specs(seeds=(0,), curve_protocols=EVAL_PROTOCOLS[:5]), lambda spec: 0.1)
    commit_all(store, specs(seeds=range(3)), lambda spec: 0.9)
    (found,) = our_tables(read_all(tmp_path), "table1")
    assert found.summary["avg"].tolist() == [pytest.approx(0.9)]


@pytest.mark.slow
def test_coverage_counts_against_the_paper(paper_cells):
    tables = {name: our_tables(paper_cells, name) for name in paper.TABLES if name != "table8"}
    lines = {line[0]: line[1:] for line in coverage(tables).lines}
    assert lines[paper.TITLES["table1"]] == ("0/50", "32/150", "0", "0", "0", "0", "0", "4", "")
    assert lines[paper.TITLES["table3"]][:2] == ("0/38", "0/114")
    assert lines[paper.TITLES["table5"]][1] == f"{2 * 8 * (2 + 4)}/2160"  # 2 strategies at 0, 4 at .05


CIFAR_U = {"dataset": "cifar10", "backbone": "unet"}


@pytest.mark.slow
def test_gains_are_over_the_same_runs(tmp_path):
    runs, without = specs(**CIFAR_U), specs(**CIFAR_U, adversarial_context="off")
    store = ResultStore(tmp_path)
    commit_all(store, without, drawn)
    same = {(s.normal_class, s.seed): drawn(s) for s in without}
    commit_all(store, runs, lambda spec: same[spec.normal_class, spec.seed] + nearly(0.02)(spec))
    sheet = comparisons.paired(our_table(read_all(tmp_path), "table4"))
    (line,) = sheet.lines
    assert line[3:] == ("+2.0", "+2.0 … +2.0", line[5], ".002", "30")  # 2 / 2^10, one test
    assert float(line[5]) > 0.5


@pytest.mark.slow
def test_planned_pairs_without_runs_are_in_the_family_of_a_gain(tmp_path):
    """Two tests of ten classes, whether the second has runs yet or not: 2 * 2 / 2^10."""
    pairs = [
        [run for context in ("on", "off") for run in specs(**CIFAR_U, gamma=gamma, adversarial_context=context)]
        for gamma in (0.0, 0.05)
    ]
    Plan("mine", (), (), (*pairs[0], *pairs[1]), "code").save(tmp_path)
    for count, runs in enumerate(pairs, 1):
        commit_all(ResultStore(tmp_path), runs, lambda one: nearly(0.8 - 0.1 * (one.adversarial_context == "off"))(one))
        lines = comparisons.paired(our_table(read_all(tmp_path), "table4")).lines
        assert [line[-2] for line in lines] == [".004"] * count


def test_uncertainty_says_when_there_is_no_interval(tmp_path):
    commit_all(ResultStore(tmp_path), specs(range(3), seeds=range(5), dataset="digits"), drawn)
    commit_all(ResultStore(tmp_path), specs(range(3), seeds=range(3), dataset="digits", gamma=0.05), drawn)
    five, three = comparisons.uncertainty(read_all(tmp_path), "u", "u").lines
    assert "–" in five[-5]
    assert "–" in five[-3]
    assert "–" in three[-5]
    assert three[-3] == "—"
