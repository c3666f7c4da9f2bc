"""What the report makes of a study: its trials and pictures, and default and tuned side by side on the test set."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agad.errors import StoreError
from agad.plan.grid import Grid
from agad.plan.make import make_plan
from agad.plan.study import Study, Trial, read_studies, read_study
from agad.plan.tuned import Tuned
from agad.spec.run import RunSpec
from agad.store.folder import ResultsFolder, StudyFolder
from agad.store.provenance import code_digest
from agad.store.rows import ResultStore
from analysis.cells import read_all
from analysis.figures.studies import study_figures
from analysis.page.report import write_report
from analysis.studies import study_text, trials_table
from analysis.tables.footnotes import tuned_sentence
from analysis.tables.table import plan_table
from analysis.tables.tuned import tuned_table
from analysis.views import studies_view, tuned_view
from sweeps.tuning.found.summary import summarise, tuned_by
from sweeps.tuning.outcomes import Rows
from tests.helpers.analysis_rows import commit_all, nearly, ok_row
from tests.helpers.rows import spec
from tests.helpers.studies import Bench, cells, settings_of

TUNED_GAIN = 0.25
"""Share of the anomalies that only the tuned runs rank above the normals."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one study of two cells, whose validation has classes 1 and 2."""
    results = tmp_path_factory.mktemp("study")
    ranges = ("lambda_con=5:500", "lambda_lat=0.5:50", "backbone=naive,unet")
    bench = Bench(results, settings_of(cells(1), ranges=ranges))
    bench.run(8, sampler="random")
    rows = Rows(bench.store)
    rows.poll({run.run_id for run in bench.made})
    summarise(bench.optimiser, rows.known).save(bench.folder)
    return results


@pytest.fixture(scope="module")
def tuned(study: Path) -> Path:
    """The folder, with the test scores of both: the tuned runs rank a quarter of class 1's anomalies higher."""
    grid = Grid("demo", "", (spec(),), 3)
    plan, _ = make_plan(grid, tuned=tuned_by(study, "s"))
    plan.save(study)
    store = ResultStore(study)
    assert plan.tuned is not None
    for run in plan.specs:
        store.commit(_scored(run, higher=0.75))
    for seed in range(3):
        store.commit(_scored(spec(seed), higher=0.5))
    return study


def _scored(run: RunSpec, higher: float) -> object:
    """20 normals; 40 anomalies of class 1, of which that share ranks above all normals; 40 of class 5, all above."""
    of_class = np.repeat([0, 1, 5], [20, 40, 40])
    scores = np.repeat([1.0, 2.0, 0.0, 2.0], [20, round(40 * higher), 40 - round(40 * higher), 40])
    auroc = (higher + 1) / 2
    return ok_row(
        run,
        auroc,
        code_digest=code_digest(),
        test_class=of_class.tolist(),
        test_label=(of_class > 0).astype(int).tolist(),
        scores_eval=scores.tolist(),
    )


@pytest.mark.slow
def test_default_and_tuned_stand_side_by_side(tuned: Path) -> None:
    (tuning,) = read_all(tuned).tunings
    sheet = tuned_table(ResultStore(tuned), tuning)
    assert sheet is not None
    lines = sheet.data.set_index("score")

    assert lines.loc["AUROC", ["default", "tuned", "pairs"]].tolist() == [0.75, 0.875, 3]
    assert lines.loc["AUROC", "gain"] == pytest.approx(0.125)
    assert lines.loc["AUROC", "low"] is None  # no spread among these seeds
    assert lines.loc["seen", ["default", "tuned"]].tolist() == [0.5, 0.75]
    assert lines.loc["unseen", ["default", "tuned"]].tolist() == [1.0, 1.0]


def of_study(links: dict[str, str]) -> Tuned:
    return Tuned(
        study="s", trial=1, trials=2, values={"lambda_con": 7.0}, score=0.9, anomalies=(14,),
        classes={0: (1,), 1: (2,)}, datasets=("digits",), default_runs=links,
    )  # fmt: skip


def test_a_sentence_of_tuned_values_names_in_what_the_study_s_runs_differ() -> None:
    tuning = of_study({})
    assert tuned_sentence(tuning).endswith("; no test image had a part in it.")
    apart = replace(tuning, apart={"image_size": ("8", "16")})
    assert tuned_sentence(apart).endswith(
        "no test image had a part in it; its runs differ from all of these in image_size 8 (here 16), so what was best "
        "there need not be here."
    )


@pytest.mark.slow
def test_classes_of_another_data_set_are_not_called_seen(tuned: Path, tmp_path: Path) -> None:
    """Class 1 of the study's data set is nothing to the class 1 of another one."""
    default = [spec(seed, dataset="mnist") for seed in range(2)]
    for run in default:
        ResultStore(tmp_path).commit(_scored(run, higher=0.5))
        ResultStore(tmp_path).commit(_scored(run.replace(lambda_con=7.0), higher=1.0))
    links = {run.replace(lambda_con=7.0).run_id: run.run_id for run in default}
    sheet = tuned_table(ResultStore(tmp_path), of_study(links))

    assert sheet is not None
    assert set(sheet.data["score"]) == {"AUROC", "recal"}
    assert "seen" not in " ".join(sheet.notes)
    assert "beside 1 of digits, all of them training images" in " ".join(sheet.notes)
    same = tuned_table(ResultStore(tmp_path), replace(of_study(links), datasets=("mnist",)))
    assert same is not None
    assert set(same.data["score"]) == {"AUROC", "recal", "seen", "unseen"}


def _own(run: RunSpec) -> float:
    return 0.5 + 0.1 * run.seed + 0.01 * run.known_anomaly_classes[0]


@pytest.mark.slow
def test_arms_of_a_grid_have_lines_of_their_own(tmp_path: Path) -> None:
    """Of two classes, two known ones and two seeds each has eight pairs, and no pair across arms."""
    arms = {"on": 0.1, "off": 0.2}
    default = [
        spec(seed, normal_class=of, adversarial_context=arm, gamma=0.1, min_anomalies=2, known_anomaly_classes=(known,))
        for arm in arms for of in (0, 1) for known in (5, 6) for seed in (0, 1)
    ]  # fmt: skip
    tuned = [run.replace(lambda_con=7.0) for run in default]
    store = ResultStore(tmp_path)
    commit_all(store, default, _own)
    commit_all(store, tuned, lambda run: _own(run) + nearly(arms[run.adversarial_context])(run))
    links = {found.run_id: own.run_id for found, own in zip(tuned, default, strict=True)}
    sheet = tuned_table(store, of_study(links))

    assert sheet is not None
    assert sheet.columns[:4] == ("dataset", "γ", "context", "")
    lines = sheet.data[sheet.data["score"] == "AUROC"].set_index("adversarial_context")
    assert lines["pairs"].to_dict() == dict.fromkeys(arms, 8)
    for end in ("gain", "low", "high"):  # hardly a spread among seeds
        assert lines[end].to_dict() == pytest.approx(arms)


@pytest.mark.slow
def test_runs_of_other_data_are_no_pair_and_those_of_other_code_are_counted(tmp_path: Path) -> None:
    """The data changed between the two launches: what they differ by is nothing that was tuned."""
    default = [spec(seed) for seed in range(4)]
    tuned = [run.replace(lambda_con=7.0) for run in default]
    store = ResultStore(tmp_path)
    commit_all(store, default, nearly(0.5))
    commit_all(store, tuned[:2], nearly(0.9), {"data_digest": "e" * 64})
    commit_all(store, tuned[2:], nearly(0.6), {"code_digest": "f" * 16})
    links = {found.run_id: own.run_id for found, own in zip(tuned, default, strict=True)}
    sheet = tuned_table(store, of_study(links))

    assert sheet is not None
    line = sheet.data.set_index("score").loc["AUROC"]
    assert line["pairs"] == 2
    assert line["gain"] == pytest.approx(0.1)
    text = " ".join(sheet.notes)
    assert "Of 4 pairs 2 are left out" in text
    assert "made with a different one: code (2) of 2." in text

    none = tuned_table(store, of_study({run.run_id: links[run.run_id] for run in tuned[:2]}))
    assert none is not None
    assert not none.lines
    assert "Of 2 pairs 2 are left out" in none.to_markdown().replace("\n ", "")


@pytest.mark.slow
def test_a_tuned_table_says_that_labels_had_a_part(tuned: Path) -> None:
    (plan,) = (tuned / "plans").glob("*.json")
    text = " ".join(plan_table(tuned, plan).to_markdown().split())

    assert "lambda_con=" in text.partition("**")[0]
    assert re.search("Tuned with labels: backbone=(naive|unet), lambda_con=", text)
    assert "with 14 labelled anomalies a run, of classes 1+2 beside 0 of digits" in text
    assert "Test AUROC in %: the plan's own values, and those of trial" in text


@pytest.mark.slow
def test_the_study_s_trials_and_pictures(study: Path) -> None:
    (one,), _ = read_studies([study])
    sheet = trials_table(one)
    names = [drawing.name for drawing in study_figures(one)]

    assert sheet.lines[0][0] == str(one.best)
    assert len(sheet.data) == 8
    assert [name.rpartition("-")[2] for name in names] == ["history", "importance", "slices", "parallel"]
    assert "14 labelled anomalies of classes 1+2" in study_text(one)
    assert all(drawing.to_svg().startswith("<svg") for drawing in study_figures(one))


def test_a_study_without_a_finished_trial_says_so() -> None:
    """Its launch was refused: nothing runs, and there is no best."""
    trials = tuple(
        Trial(number=number, state="running", values={}, scores=(), points={}, seconds=0.0, failure="", runs=())
        for number in range(2)
    )
    one = Study(
        name="s", title="t", objectives=("auroc",), protocol="eval", space=(), sampler="tpe", pruner="none", best=None,
        importance={}, validation=(), trials=trials,
    )  # fmt: skip

    assert trials_table(one).caption == "Study s: no trial has a score yet (2 trials: 2 not finished)"
    assert "2 trials (2 not finished), proposed by tpe" in study_text(one)


@pytest.mark.slow
def test_the_report_of_a_study_opens_without_a_network(study: Path, tuned: Path, tmp_path: Path) -> None:
    page = write_report(tuned, tmp_path / "all").read_text()
    assert {"tuned", "study-s"} <= set(re.findall(r'id="([^"]+)"', page))
    assert not re.findall(r'(?:src|href)="https?:', page)
    assert (tmp_path / "all" / "figures" / "study-s-parallel.png").exists()


@pytest.mark.slow
def test_a_folder_with_a_study_alone_has_a_report(study: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    folder = ResultsFolder(alone).study("s")
    folder.path.mkdir(parents=True)
    folder.summary.write_text(ResultsFolder(study).study("s").summary.read_text())

    assert "Studies only" in write_report(alone, tmp_path / "report").read_text()


def test_a_damaged_summary_is_one_clear_line(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.summary.write_text('{"study_version": 1')
    with pytest.raises(StoreError, match="is damaged; tune"):
        read_study(folder)
    folder.summary.write_text('{"study_version": 9}')
    with pytest.raises(StoreError, match="a study of schema 9"):
        read_study(folder)


def _without_a_trial(name: str) -> Study:
    return Study(
        name=name, title="t", objectives=("auroc",), protocol="eval", space=(), sampler="tpe", pruner="none", best=None,
        importance={}, validation=(), trials=(),
    )  # fmt: skip


def test_a_summary_of_another_study_is_refused(tmp_path: Path) -> None:
    """Two were exchanged, or a folder was copied or renamed: rows would name one study and have another's values."""
    results = ResultsFolder(tmp_path)
    for name, held in (("mine", "yours"), ("yours", "mine"), ("whole", "whole")):
        results.study(name).path.mkdir(parents=True)
        _without_a_trial(held).save(results.study(name))
    line = "is of study yours, and not of mine: it was copied, or its folder was renamed; name the folder yours again"
    with pytest.raises(StoreError, match=line):
        read_study(results.study("mine"))
    with pytest.raises(StoreError, match="is of study yours"):
        tuned_by(tmp_path, "mine")
    found, damaged = read_studies([tmp_path])
    assert [one.name for one in found] == ["whole"]
    assert len(damaged) == 2


@pytest.mark.slow
def test_the_notebook_s_views(tuned: Path, tmp_path: Path) -> None:
    shown = studies_view(tuned)._repr_html_() + tuned_view(tuned)._repr_html_()
    assert shown.count("<svg") == 4
    assert shown.count("<table") == 2
    assert "There is no study" in studies_view(tmp_path)._repr_html_()
