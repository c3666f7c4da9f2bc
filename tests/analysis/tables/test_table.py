"""The table of a plan: its numbers, its gaps, its refusals, its command."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from agad.errors import AnalysisError
from agad.plan.plan import Plan, find_plan
from agad.spec.fields import former_values
from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.store import row_file
from agad.store.rows import ResultStore
from agad.store.schema import MEASURED_COLUMNS, RECONSTRUCTION_COLUMNS, SCHEMA_VERSION, RunRecord
from analysis.cells import read_all
from analysis.tables import formats
from analysis.tables.footnotes import cautions, notes
from analysis.tables.sheet import KEY, OURS, PAPER, Sheet
from analysis.tables.table import main, plan_table
from tests.helpers.analysis_rows import commit_all, drawn, failed_row, nearly, ok_row, specs

MNIST_OURS = ("100.0", "100.0", "99.0", "98.6", "99.5", "97.2", "99.6", "99.8", "95.8", "99.2")
"""Table 1's last row of MNIST."""


def view(runs, grid="table1", overrides=()):
    return Plan(grid, tuple(overrides), (), tuple(runs))


def averages_line(table, number=0):
    sheet = table.sheets[0]
    return dict(zip(sheet.columns, sheet.lines[number], strict=True))


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_table_begins_with_what_was_trained_and_what_the_numbers_are(tmp_path):
    """In plain words, no line longer than a screen; of the demo's digits also what they are not."""
    digits, mnist = specs((0,), (0,), dataset="digits"), specs((0,), (0,))
    commit_all(ResultStore(tmp_path), [*digits, *mnist], lambda spec: 0.9)
    texts = [plan_table(tmp_path, view(runs, "demo")).to_markdown() for runs in (digits, mnist)]

    for text in texts:
        start, _, _ = text.partition("**AUROC")
        assert "one class in turn is normal" in start
        assert "100 is perfect, 50 is chance" in start
        assert max(map(len, start.splitlines())) <= 118
    assert ["say nothing about the paper" in text for text in texts] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize(("field", "former"), former_values().items())
def test_a_table_with_a_default_of_now_and_of_before_says_so(tmp_path, field, former):
    """Both have rows of their own, and are compared with the paper; one alone needs no word."""
    now, before = specs((0, 1), (0, 1)), specs((0, 1), (0, 1), **{field: former})
    commit_all(ResultStore(tmp_path), [*now, *before], lambda spec: 0.9)
    said = f"{field} is {getattr(now[0], field)} unless set, and was {former} in earlier versions"
    both = plan_table(tmp_path, view([*now, *before]))

    assert [note.startswith(said) for note in both.notes].count(True) == 1
    assert len(both.sheets[0].lines) == 2
    for runs in (now, before):
        table = plan_table(tmp_path, view(runs))
        assert not any(said in note for note in table.notes)
        assert averages_line(table)["verdict"] != "other settings"


@pytest.mark.slow
@pytest.mark.parametrize(("others", "said"), [(range(3), True), (range(5), False), ((4,), False)])
def test_rows_that_are_means_over_different_classes_are_not_compared_without_a_word(tmp_path, others, said):
    """A mean over easier classes is no better detector; a single class has a range and no mean."""
    whole, part = specs(range(5), (0,)), specs(others, (0,), gamma=0.05)
    commit_all(ResultStore(tmp_path), [*whole, *part], lambda spec: 0.9)
    text = plan_table(tmp_path, view([*whole, *part])).to_markdown()
    sentence = "MNIST: rows are means over different classes (3 or 5 of them), which cannot be compared"

    assert (sentence in " ".join(text.split())) == said


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100.0"),
        (0.9999999, "99.99"),
        (0.9997, "99.97"),
        (0.9995, "99.95"),
        (0.9994, "99.9"),
        (0.9884, "98.8"),
        (0.98851, "98.9"),
        (0.0, "0.0"),
        (None, "—"),
        (float("nan"), "—"),
    ],
)
def test_auroc_is_never_rounded_up_to_100(value, text):
    assert formats.auroc(value) == text


@pytest.mark.parametrize(
    ("points", "text"),
    [(1.26, "+1.3"), (-1.26, "−1.3"), (0.04, "+0.04"), (-0.04, "−0.04"), (0.004, "0.0"), (0.0, "0.0"), (None, "—")],
)
def test_differences_are_signed(points, text):
    assert formats.difference(points) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, ".00"), (0.05, ".05"), (0.1, ".10"), (0.125, ".125")])
def test_gamma_is_written_as_in_the_paper(value, text):
    assert formats.gamma(value) == text


@pytest.mark.slow
def test_numbers_equal_an_independent_computation(tmp_path):
    """Against the standard library, from the specs: no pandas, no code of the analysis."""
    runs = specs() + specs(gamma=0.05)
    commit_all(ResultStore(tmp_path), runs, drawn)
    table = plan_table(tmp_path, view(runs, "table2"))
    for number, gamma in enumerate((0.0, 0.05)):
        of_class = [[drawn(s) for s in runs if s.gamma == gamma and s.normal_class == c] for c in range(10)]
        means = [statistics.fmean(values) for values in of_class]
        line = averages_line(table, number)
        assert line["avg±SD"] == f"{100 * statistics.fmean(means):.1f}±{100 * statistics.pstdev(means):.2f}"
        pooled = statistics.fmean(statistics.variance(values) for values in of_class) ** 0.5
        assert line["SD seeds"].startswith(f"{100 * pooled:.2f} [")
        assert line["n"] == "30/30"
        printed = {0.0: 99.1, 0.05: 99.9}[gamma]
        assert line["diff"] == formats.difference(100 * statistics.fmean(means) - printed)
        assert line["verdict"] == "below"
    by_class = table.sheets[1]
    assert by_class.lines[0][3:] == tuple(
        f"{100 * statistics.fmean(drawn(s) for s in runs if s.gamma == 0 and s.normal_class == c):.1f}"
        for c in range(10)
    )
    assert by_class.lines[1][2:] == ("paper", *MNIST_OURS)
    assert table.complete


def test_other_protocols_stand_beside_the_headline(tmp_path):
    runs = specs()
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.9, {"auroc_eval_recal": 0.93, "auroc_oracle": 0.96})
    line = averages_line(plan_table(tmp_path, view(runs)))
    assert (line["avg±SD"], line["recal"], line["oracle"]) == ("90.0±0.00", "93.0", "96.0")


def test_csv_has_the_full_precision(tmp_path):
    runs = specs()
    commit_all(ResultStore(tmp_path), runs, drawn)
    (line,) = csv.DictReader(io.StringIO(plan_table(tmp_path, view(runs)).sheets[0].to_csv()))
    means = [np.mean([drawn(s) for s in runs if s.normal_class == c]) for c in range(10)]
    assert float(line["avg"]) == pytest.approx(np.mean(means), rel=1e-12)
    assert float(line["paper_avg"]) == 99.1


# -- gaps ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_gaps_stay_visible(tmp_path):
    runs = specs((0, 1, 2), seeds=range(2), dataset="digits")
    store = ResultStore(tmp_path)
    for spec in runs:
        if spec.normal_class == 2:
            continue  # never run
        store.commit(failed_row(spec, "oom") if (spec.normal_class, spec.seed) == (1, 1) else ok_row(spec, 0.8))
    table = plan_table(tmp_path, view(runs, "demo"))
    line = averages_line(table)
    assert line["avg±SD"] == "80.0±0.00*"  # a mean over two of three classes is marked
    assert line["n"] == "3/6"
    assert table.sheets[1].lines[0][-3:] == ("80.0", "80.0₁", "—")
    text = table.to_markdown()
    assert "Not complete: 3 of 6 runs are ok; 1 failed, 2 missing." in text
    assert "Failed: 1 oom." in text
    assert not table.complete


@pytest.mark.slow
def test_a_table_of_pruned_runs_says_that_its_means_are_too_high(tmp_path):
    """Those that are left have the better scores: they are no sample of seeds."""
    runs = specs(range(2), seeds=(0, 1))
    store = ResultStore(tmp_path)
    Plan("mine", (), (), tuple(runs), "code").save(tmp_path)
    commit_all(store, runs[1:], drawn)
    store.commit(RunRecord(spec=runs[0], attempt=1, status="pruned", values={}))
    cells = read_all(tmp_path)
    said = "1 run was pruned, which their scores decided: means of the others are too high, "
    assert "Not complete: 3 of 4 runs are ok; 1 pruned." in notes(cells, cells.summary)
    for lines in (notes(cells, cells.summary), cautions(cells)):
        assert [line for line in lines if line.startswith(said)]


@pytest.mark.slow
@pytest.mark.parametrize("with_plan", [True, False])
def test_a_row_of_which_runs_were_pruned_is_not_compared_with_the_paper(with_plan, tmp_path):
    runs = specs(seeds=range(4))
    store = ResultStore(tmp_path)
    if with_plan:
        Plan("table1", (), (), tuple(runs), "code").save(tmp_path)
    commit_all(store, runs[1:], lambda spec: 0.991 + 0.001 * spec.seed)
    (line,) = read_all(tmp_path).summary.to_dict("records")
    assert (line["paper_differences"], line["verdict"]) != ("", None)

    store.commit(RunRecord(spec=runs[0], attempt=1, status="pruned", values={}))
    cells = read_all(tmp_path)
    (line,) = cells.summary.to_dict("records")
    assert line["paper_differences"] == "pruned runs"
    assert line["verdict"] is None
    assert line["paper_avg"] == 99.1


@pytest.mark.slow
def test_a_failed_row_counts_as_failed_even_where_it_carries_a_number(tmp_path):
    """As one by an older agad may; today none is stored."""
    runs = specs((0, 1), seeds=(0,), dataset="digits")
    store = ResultStore(tmp_path)
    store.commit(ok_row(runs[0], 0.8))
    record = failed_row(runs[1])
    record.values["auroc"] = 0.1
    name = f"{record.run_id}.{record.attempt}.parquet"
    row_file.write(store.folder.inbox / name, [record.to_table()], one_row=True)
    assert averages_line(plan_table(tmp_path, view(runs, "demo")))["avg±SD"] == "80.0*"


def test_an_empty_folder_gives_a_table_of_gaps(tmp_path):
    table = plan_table(tmp_path, view(specs()))
    line = averages_line(table)
    assert (line["avg±SD"], line["SD seeds"], line["n"], line["diff"]) == ("—", "—", "0/30", "—")
    assert line["verdict"] == "not enough runs"
    assert set(table.sheets[1].lines[0][3:]) == {"—"}
    assert not table.complete


def test_one_class_shows_its_range_and_is_judged_by_its_seeds(tmp_path):
    runs = specs((0,), dataset="retinal_oct", backbone="unetpp", image_size=128)
    commit_all(ResultStore(tmp_path), runs, lambda spec: (0.90, 0.92, 0.97)[spec.seed])
    line = averages_line(plan_table(tmp_path, view(runs, "table3")))
    assert line["avg±SD"] == "93.0 [90.0–97.0]"
    assert line["verdict"] == "undecided"


def test_the_opening_names_both_protocols_where_a_plan_has_both(tmp_path):
    left_out = [spec.replace(protocol="leave_one_out", normal_class=None, abnormal_class=3) for spec in specs((0,))]
    runs = [*specs((0,)), *left_out]
    commit_all(ResultStore(tmp_path), runs, drawn)
    text = " ".join(plan_table(tmp_path, view(runs)).to_markdown().split())
    assert "normal and all others are anomalies, or anomalous and all others are normal; γ" in text


# -- the paper beside ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_override_of_what_the_paper_leaves_open_shows_its_number_but_compares_nothing(tmp_path):
    runs = specs(updates=200)
    commit_all(ResultStore(tmp_path), runs, drawn)
    table = plan_table(tmp_path, view(runs, overrides=("updates=200",)))
    line = averages_line(table)
    assert (line["paper"], line["diff"], line["verdict"]) == ("(99.1±0.86)", "—", "other settings")
    assert "here updates=200" in table.to_markdown()


def test_an_override_of_what_the_paper_states_leaves_no_number_beside(tmp_path):
    runs = specs(lambda_adcon=1.0)
    commit_all(ResultStore(tmp_path), runs, drawn)
    table = plan_table(tmp_path, view(runs, overrides=("lambda_adcon=1",)))
    assert "paper" not in table.sheets[0].columns


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "printed"), [((8, 9), "(97.5)"), ((8,), "(95.8)"), (range(9), "(98.8)")])
def test_a_part_of_the_papers_classes_is_not_judged(tmp_path, classes, printed):
    """Whether or not a plan wants the others: the paper's mean is over all of them, and is misprinted only there."""
    runs = specs(classes)
    store = ResultStore(tmp_path)
    commit_all(store, runs, nearly(0.975), {"auroc_eval_recal": 0.97})
    table = plan_table(tmp_path, view(runs))
    line = averages_line(table)
    assert (line["paper"], line["diff"], line["verdict"]) == (printed, "—", "not enough runs")
    notes_below = " ".join(table.sheets[0].notes)
    assert "The printed one is compared" not in notes_below
    assert "(in brackets): the paper's mean over the same classes" in notes_below
    verdicts = next(sheet for sheet in table.sheets if sheet.name == "verdicts")
    beside = [verdicts.lines[0][verdicts.columns.index(name)] for name in ("paper", "recal", "eval")]
    assert beside == [printed, "—", "—"]


@pytest.mark.slow
def test_a_setting_of_ours_that_the_paper_states_otherwise_is_named(tmp_path):
    runs = specs((0,), dataset="alzheimer", backbone="unetpp", image_size=128, batch_size=64)
    commit_all(ResultStore(tmp_path), runs, drawn)
    table = plan_table(tmp_path, view(runs, "table3"))
    assert averages_line(table)["paper"] == "99.1"
    assert "Table 3 is made with batch_size=64; the paper states 256." in table.notes

    runs += [spec.replace(batch_size=256) for spec in runs]
    table = plan_table(tmp_path, view(runs, "table3"))
    assert "Table 3 has runs with batch_size=64; the paper states 256." in table.notes


@pytest.mark.slow
def test_numbers_of_another_table_of_the_paper_are_named_as_such(tmp_path):
    runs = [*specs(), *specs(dataset="fashion_mnist")]  # the naive generator: only Table 9 has it on Fashion-MNIST
    commit_all(ResultStore(tmp_path), runs, drawn)
    table = plan_table(tmp_path, view(runs, "table2"))
    assert [averages_line(table, n)["paper"] for n in (0, 1)] == ["99.1±0.86", "99.2±0.75"]
    assert "The paper's numbers are from Table 2 and Table 9." in table.sheets[0].notes


@pytest.mark.slow
def test_a_misprinted_average_is_named(tmp_path):
    runs = specs()
    commit_all(ResultStore(tmp_path), runs, drawn)
    text = plan_table(tmp_path, view(runs)).to_markdown()
    assert "the paper prints 99.1; the mean of its printed classes is 98.9" in text


def test_rows_are_told_apart_by_what_differs_and_by_nothing_else(tmp_path):
    runs = [
        *specs((0,), backbone="unet", dataset="cifar10"),
        *specs((0,), backbone="unet", dataset="cifar10", adversarial_context="off", updates=100),
        *specs((0,), backbone="unet", dataset="mnist"),
    ]
    columns = plan_table(tmp_path, view(runs, "table4")).sheets[0].columns
    # The curve differs too, as it ends with the updates, but tells nothing more.
    assert columns[:5] == ("dataset", "γ", "context", "updates", "avg±SD")


@pytest.mark.slow
def test_many_classes_are_continued_in_a_second_sheet(tmp_path):
    runs = specs(range(20), seeds=(0,), dataset="cifar100", backbone="unetpp")
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.9)
    first, second = plan_table(tmp_path, view(runs)).sheets[1:3]
    assert first.columns[-10:] == tuple(map(str, range(10)))
    assert second.columns[-10:] == tuple(map(str, range(10, 20)))
    assert second.lines[1][3:] == ("99.9", "99.1", "99.9", "86.4", "96.9", "61.7", "99.0", "99.8", "86.5", "99.7")


# -- refusals and footnotes ----------------------------------------------------------------------------------------


def test_rows_of_different_data_are_refused(tmp_path):
    runs = specs((0,))
    store = ResultStore(tmp_path)
    store.commit(ok_row(runs[0], 0.9, data_digest="a" * 64))
    store.commit(ok_row(runs[1], 0.9, data_digest="b" * 64))
    with pytest.raises(AnalysisError, match=r"different MNIST data.*aaaaaaaaaaaa \(1 runs\)") as caught:
        plan_table(tmp_path, view(runs))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_rows_of_different_vectors_are_refused_and_others_share_a_table(tmp_path):
    """The images may be the same while the file of vectors has changed; rows on pixels have no such digest."""
    fields = {"method": "knn", "updates": 0}
    runs = [*specs((0, 1), seeds=(0,), **fields), *specs((0, 1), seeds=(0,), features="file:own", **fields)]
    for number, (last, is_whole) in enumerate((("a" * 64, True), ("b" * 64, False))):
        store = ResultStore(tmp_path / str(number))
        for spec, digest in zip(runs, (None, None, "a" * 64, last), strict=True):
            store.commit(ok_row(spec, 0.9, features_digest=digest))
        if is_whole:
            assert plan_table(tmp_path / str(number), view(runs)).complete
            continue
        with pytest.raises(AnalysisError, match=r"different MNIST data.*aaaaaaaaaaaa \(1 runs\), bbbbbbbbbbbb"):
            plan_table(tmp_path / str(number), view(runs))


@pytest.mark.slow
def test_each_data_set_has_its_own_data(tmp_path):
    runs = [*specs((0,)), *specs((0,), dataset="fashion_mnist")]
    store = ResultStore(tmp_path)
    for spec in runs:
        store.commit(ok_row(spec, 0.9, data_digest=spec.dataset))
    assert plan_table(tmp_path, view(runs)).complete


@pytest.mark.slow
def test_mixtures_are_counted_and_named(tmp_path):
    runs = specs((0,))
    store = ResultStore(tmp_path)
    store.commit(ok_row(runs[0], 0.9, code_digest="e" * 64, git_clean=False, threads=2))
    for spec in runs[1:]:
        store.commit(ok_row(spec, 0.9))
    text = " ".join(plan_table(tmp_path, view(runs)).to_markdown().split())
    assert "code: cccccccccccc (2 runs), eeeeeeeeeeee (1 runs)" in text
    assert "working tree: clean (2 runs), not clean (1 runs)" in text
    assert "threads: 1 (2 runs), 2 (1 runs)" in text
    assert "Made with: torch 2.12.1; device cpu." in text


@pytest.mark.slow
@pytest.mark.parametrize(("nameless", "begins"), [(1, "1 run names no code"), (3, "3 runs name no code")])
def test_runs_that_name_no_code_are_counted(nameless, begins, tmp_path):
    """Where none named any, the table did not speak of code."""
    runs = specs((0,))
    store = ResultStore(tmp_path)
    for number, spec in enumerate(runs):
        store.commit(ok_row(spec, 0.9, **({"code_digest": None} if number < nameless else {})))
    text = " ".join(plan_table(tmp_path, view(runs)).to_markdown().split())
    assert text.count("no code") == 1
    assert f"- {begins}: " in text


@pytest.mark.slow
def test_versions_of_libraries_that_differ_are_said(tmp_path):
    """Of rows from before, which do not say, too."""
    for spec, library in zip(
        specs(range(3), seeds=(0,)), ("scikit-learn 1.6.1", "scikit-learn 1.9.0", None), strict=True
    ):
        ResultStore(tmp_path).commit(ok_row(spec, 0.8, libraries=library))
    cells = read_all(tmp_path)
    (said,) = (note for note in notes(cells, cells.summary) if note.startswith("Mixed: libraries: "))
    for version in ("scikit-learn 1.6.1", "scikit-learn 1.9.0", "unknown"):
        assert f"{version} (1 runs)" in said


@pytest.mark.slow
def test_a_torn_file_is_named_and_passed_over(tmp_path):
    runs = specs((0,))
    store = ResultStore(tmp_path)
    for spec in runs:
        store.commit(ok_row(spec, drawn(spec)))
    whole = store.inbox / f"{runs[0].run_id}.1.parquet"
    whole.write_bytes(whole.read_bytes()[:500])
    table = plan_table(tmp_path, view(runs))
    assert averages_line(table)["n"] == "2/3"
    assert any(note.startswith(f"Not readable and passed over: {whole.name}") for note in table.notes)


@pytest.mark.slow
def test_what_compaction_has_set_aside_is_still_said(tmp_path):
    """The file that held the rows is gone from where it was, and the table has a gap."""
    runs = specs((0,))
    store = ResultStore(tmp_path)
    store.commit(ok_row(runs[0], drawn(runs[0])))
    store.folder.make(store.folder.base)
    (store.base / "foreign.parquet").write_bytes(b"PAR1 and nothing else")
    ResultStore(tmp_path).compact()

    assert not (store.base / "foreign.parquet").exists()
    assert any("1 damaged file lies in set_aside/" in note for note in plan_table(tmp_path, view(runs)).notes)


# -- output --------------------------------------------------------------------------------------------------------


SHEET = Sheet(
    name="tiny",
    caption="100% & more",
    columns=("dataset", "γ", "avg"),
    kinds=(KEY, KEY, OURS),
    lines=(("a_b", ".05", "98.3±0.10"), ("a|b", ".05", "—")),
    line_kinds=(OURS, PAPER),
    notes=("−1 is less",),
)


@pytest.mark.parametrize(
    ("caption", "shown"),
    [
        ("Table 1: MNIST", "MNIST"),
        ("Table 1 (updates=9): MNIST", "updates=9: MNIST"),
        ("Table 1 (updates=9)", "updates=9"),
        ("Table 1", ""),
        ("Other words", "Other words"),
    ],
)
def test_a_caption_leaves_out_what_the_heading_says(caption, shown):
    assert replace(SHEET, caption=caption).shown_caption("Table 1") == shown


def test_markdown_lines_up():
    lines = [line for line in SHEET.to_markdown().splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    assert lines[-1].startswith(r"| a\|b")


def test_latex_is_booktabs_with_everything_escaped():
    text = SHEET.to_latex()
    assert r"\caption{100\% \& more}" in text
    assert r"    a\_b & .05 & 98.3$\pm$0.10 \tabularnewline" in text
    assert r"    a$|$b & .05 & \textit{--} \tabularnewline" in text  # the paper's numbers in italics
    assert [rule for rule in (r"\toprule", r"\midrule", r"\bottomrule") if rule in text] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    assert text.isascii()


def test_html_marks_gaps_and_escapes():
    text = SHEET.to_html()
    assert "<caption><span>100% &amp; more</span></caption>" in text
    assert '<td class="ours gap">—</td>' in text
    assert '<tr class="paper"><th scope="row"' in text


# -- the command ---------------------------------------------------------------------------------------------------


def write_plan(results, runs, grid="table1"):
    plan = {
        "grid": grid,
        "title": grid,
        "overrides": [],
        "specs": [{"semantics_version": SEMANTICS_VERSION, **spec.to_dict()} for spec in runs],
    }
    path = results / "plans" / f"{grid}-0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan))
    return path


@pytest.mark.slow
def test_the_command_prints_writes_and_says_whether_it_is_complete(tmp_path, capsys):
    runs = specs((0, 1), dataset="digits")
    store = ResultStore(tmp_path)
    plan = write_plan(tmp_path, runs, "demo")
    commit_all(store, runs[:-1], drawn)
    out = tmp_path / "table.md"
    assert main(["--results", str(tmp_path), "--plan", str(plan), "--out", str(out)]) == 1
    printed = capsys.readouterr().out
    assert out.read_text().strip() == printed.strip()
    commit_all(store, runs[-1:], drawn)
    assert main(["--results", str(tmp_path), "--grid", "demo"]) == 0
    assert main(["--results", str(tmp_path)]) == 0
    assert main(["--results", str(tmp_path), "--out", str(out)]) == 0, "over its own"
    out.write_text("# My thesis, chapter 3\n\nMonths of words.\n")
    assert main(["--results", str(tmp_path), "--out", str(out)]) == 2
    assert "what is there is none of this command's" in capsys.readouterr().err
    assert "Months" in out.read_text()


def newer_schema(tmp_path):
    store = ResultStore(tmp_path)
    (spec,) = specs((0,), seeds=(0,))
    record = ok_row(spec, 0.9).to_table()
    store.inbox.mkdir()
    newer = record.replace_schema_metadata({"agad_schema_version": str(SCHEMA_VERSION + 1)})
    pq.write_table(newer, store.inbox / f"{spec.run_id}.1.parquet")
    write_plan(tmp_path, [spec])


def newer_schema_in_base(tmp_path):
    newer_schema(tmp_path)
    store = ResultStore(tmp_path)
    store.base.mkdir()
    (path,) = store.inbox.iterdir()
    path.rename(store.base / "rows-1.parquet")


def other_data(tmp_path):
    runs = specs((0,))
    for number, spec in enumerate(runs):
        ResultStore(tmp_path).commit(ok_row(spec, 0.9, data_digest=str(number)))
    write_plan(tmp_path, runs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (newer_schema, "written by a newer agad"),
        (newer_schema_in_base, "written by a newer agad"),
        (other_data, "different MNIST data"),
        (lambda tmp_path: None, "no plan"),
        (lambda tmp_path: write_plan(tmp_path, specs()).write_text("{"), "damaged"),
        (lambda tmp_path: tmp_path.rmdir(), "no such results folder"),
    ],
    ids=["newer schema", "newer schema, compacted", "other data", "empty folder", "damaged plan", "no folder"],
)
def test_bad_input_is_one_clear_line_and_exit_status_2(tmp_path, prepare, message):
    prepare(tmp_path)
    command = [sys.executable, "-m", "analysis.tables.table", "--results", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.slow
def test_rows_of_an_older_schema_are_read_and_what_they_lack_is_missing(tmp_path):
    """As written before there were tasks, methods, times and reconstructions."""
    store = ResultStore(tmp_path)
    runs = specs()
    commit_all(store, runs, drawn, {"auroc_eval_recal": None})
    (path,) = store.base.iterdir()
    rows = pq.read_table(path)
    later = ["task", "method", "parameters_g", "auroc_eval_recal", *MEASURED_COLUMNS, *RECONSTRUCTION_COLUMNS]
    older = rows.drop_columns(later)
    pq.write_table(older.replace_schema_metadata({"agad_schema_version": "0"}), path)
    write_plan(tmp_path, runs)
    table = plan_table(tmp_path, find_plan(tmp_path))
    line = averages_line(table)
    mean = statistics.fmean(drawn(spec) for spec in runs)
    assert (line["avg±SD"].partition("±")[0], line["n"], line["recal"]) == (f"{100 * mean:.1f}", "30/30", "—")
    assert line["verdict"] == "below"
    alone = read_all(shutil.copytree(tmp_path / "base", tmp_path / "alone" / "base").parent)
    assert [(row["task"], row["method"]) for row in alone.rows] == [("train", "agad")]
    assert alone.runs["inference_ms_batch1"].isna().all()


@pytest.mark.slow
def test_a_reader_that_has_read_enough_is_no_error(tmp_path):
    runs = specs((0,), dataset="digits")
    commit_all(ResultStore(tmp_path), runs, drawn)
    write_plan(tmp_path, runs)
    command = [sys.executable, "-m", "analysis.tables.table", "--results", str(tmp_path)]
    reading, writing = os.pipe()
    os.close(reading)  # gone before the first line
    with os.fdopen(writing, "w") as gone:
        result = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")


def test_leave_one_out_is_named_as_such(tmp_path):
    runs = [RunSpec(dataset="digits", protocol="leave_one_out", abnormal_class=c) for c in (0, 1)]
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.7)
    table = plan_table(tmp_path, view(runs, "demo"))
    assert table.sheets[1].caption == "AUROC in % by anomalous class, mean over seeds"
    assert table.sheets[1].lines[0][-2:] == ("70.0", "70.0")


# -- data ----------------------------------------------------------------------------------------------------------


def test_what_is_known_of_the_data_stands_under_the_table(tmp_path):
    """Each sentence once, under the data set's title; the classes of a data set of one's own by their names."""
    store, runs = ResultStore(tmp_path), specs((0, 1), dataset="folder:x")
    values = {"data_notes": ["7 of 9 test images are copies"], "class_names": ["=good", "bad"]}
    commit_all(store, runs, drawn, values)
    averages, classes = plan_table(store, view(runs)).sheets
    assert [note for note in averages.notes if "copies" in note] == ["folder:x: 7 of 9 test images are copies."]
    assert "folder:x: 0 =good, 1 bad." in classes.notes


def test_texts_in_csv_are_no_formulas():
    """Names of data sets and classes come from strangers' files; numbers stay numbers."""
    names = ["=1+1", "+x", "-x", "@x", " =x", "plain", "-3.5"]
    frame = pd.DataFrame({"=name": names, "value": [-1.0] * len(names)})
    text = Sheet("a", "", ("n",), (KEY,), (), data=frame).to_csv()
    cells = [line[0] for line in csv.reader(io.StringIO(text))]
    assert cells == ["'=name", "'=1+1", "'+x", "'-x", "'@x", "' =x", "plain", "-3.5"]
    assert text.count(",-1.0") == len(names)


def test_runs_that_something_else_began_are_counted(tmp_path):
    """A row's provenance is its last attempt's alone."""
    one, *others = specs((0, 1, 2), seeds=(0,))
    store = ResultStore(tmp_path)
    store.commit(ok_row(one, 0.9, resumed_from="code_digest=old"))
    commit_all(store, others, lambda _: 0.9)
    cells = read_all(tmp_path)
    found = [note for note in notes(cells, cells.summary) if "continued from a checkpoint" in note]

    assert found == ["Begun by something else and continued from a checkpoint: code_digest=old (1 runs)."]


@pytest.mark.parametrize("option", ["--results", "--plan", "--grid"])
def test_a_table_is_of_one_folder_and_one_plan(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two the last one had been taken, without a word."""
    with pytest.raises(SystemExit):
        main(["--results", "a", option, "b", option, "c"])
    assert f"{option} is given twice" in capsys.readouterr().err
