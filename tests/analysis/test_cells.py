"""Cells: which runs share a row, what became of them, and what their rows alone give."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from agad.errors import AnalysisError
from agad.plan.plan import Plan
from agad.spec.run import SEMANTICS_VERSION, RunSpec
from agad.store.rows import ResultStore
from agad.store.schema import LIGHT_COLUMNS
from analysis import stats
from analysis.cells import of_rows, read, read_all
from analysis.claims.claim import CLAIMS
from analysis.claims.evidence import read as evidence_of
from analysis.claims.finding import NOT_TESTED
from analysis.claims.judge import judge
from analysis.table_rows import ONE_KNOWN
from analysis.tables.footnotes import cautions, notes
from analysis.tables.layouts.comparisons import uncertainty
from analysis.tables.layouts.one_known import one_known
from analysis.tables.layouts.ours import our_tables
from tests.helpers.analysis_rows import commit_all, drawn, ok_row, specs


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_rows_beside_plans_that_do_not_have_their_runs_are_said(tmp_path):
    """As where files of rows were copied without their plan."""
    planned, others = specs((0, 1), seeds=(0,)), specs((2, 3, 4), seeds=(0,))
    Plan("mine", (), (), tuple(planned), "code").save(tmp_path)
    commit_all(ResultStore(tmp_path), planned, drawn)
    assert read_all(tmp_path).unplanned == 0

    commit_all(ResultStore(tmp_path), others, drawn)
    (tmp_path / "empty").mkdir()
    for folders in ([tmp_path], [tmp_path, tmp_path / "empty"]):
        cells = read_all(folders)
        assert (len(cells.runs), cells.unplanned) == (2, 3)
        said = "Not shown: 3 rows are of runs that no plan in its folder has; put the plan into its plans/."
        assert said in notes(cells, cells.summary)
        assert said in cautions(cells)
    without = tmp_path / "without"
    commit_all(ResultStore(without), others, drawn)
    assert read_all(without).unplanned == 0


def test_ganomaly_is_never_compared_with_agads_numbers(tmp_path):
    runs = [RunSpec(dataset="mnist", normal_class=c, method="ganomaly") for c in range(10)]
    commit_all(ResultStore(tmp_path), runs, drawn)
    cells = read_all(tmp_path)
    assert cells.matches == (None,)


def at_sizes(tmp_path, **values):
    """A store with a row for each image size, with one value in each."""
    store = ResultStore(tmp_path)
    for name, of_size in values.items():
        for size, value in of_size.items():
            spec = RunSpec(dataset="folder:x", normal_class=0, image_size=size)
            store.commit(ok_row(spec, 0.9, data_digest=str(size), **{name: value}))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((["a", "b"], ["a", "aa", "b"]), "class 1 is (aa in some and b|b in some and aa) in others"),
        ((["a", "b"], ["a", "b", "c"]), "class 2 is (c in some and missing|missing in some and c) in others"),
    ],
)
def test_rows_whose_classes_have_other_numbers_share_no_table(names, says, tmp_path):
    """As when a folder got a class between two sizes, whose data have other digests anyway."""
    results = at_sizes(tmp_path, class_names=dict(zip((16, 32, 48), (*names, None), strict=True)))
    with pytest.raises(AnalysisError, match=says):
        read_all(results)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_size", "is_said"),
    [({16: "a", 32: "a"}, False), ({16: "a", 32: "b"}, True), ({16: "a", 32: None}, False), ({16: "a"}, False)],
)
def test_sizes_of_other_raw_files_are_said(of_size, is_said, tmp_path):
    """Images replaced between two launches of two sizes, whose digests cannot be compared."""
    text = " ".join(cautions(read_all(at_sizes(tmp_path, raw_digest=of_size))))
    assert ("folder:x: rows of image sizes 16 and 32 were prepared from other raw files" in text) == is_said


@pytest.mark.parametrize(("without", "said"), [(0, ""), (1, "1 run does"), (2, "2 runs do"), (4, "")])
def test_runs_that_do_not_say_of_which_images_they_are_are_said(without, said, tmp_path):
    """Where all are so there is nothing to compare with."""
    runs = specs(range(4), (0,))
    commit_all(ResultStore(tmp_path), runs[:without], drawn, {"data_digest": None})
    commit_all(ResultStore(tmp_path), runs[without:], drawn)
    text = " ".join(cautions(read_all(tmp_path)))
    assert ("say of which images" in text) == bool(said)
    assert f"MNIST: {said} not say of which images" in text or not said


@pytest.mark.slow
def test_a_seed_that_has_begun_with_one_pair_turns_no_gain(tmp_path):
    """What is gained is what the printed means differ by, though pairs differ by more than all that."""
    rng = np.random.default_rng(1)
    runs = [
        spec.replace(gamma=0.05, known_anomaly_classes=(known,))
        for spec in specs(range(6), seeds=range(4))
        for known in range(6, 10)
        if spec.seed < 3 or known == 6
    ]
    store, of = ResultStore(tmp_path), dict.fromkeys(runs)
    for run in runs:
        level, noise = 0.05 * (run.known_anomaly_classes[0] - 6), 0.002 * rng.normal(size=2)
        of[run] = (0.5 + noise[0], 0.6 + level + noise[1])
    for run, (plain, first) in of.items():
        store.commit(ok_row(run, plain, auroc_batch_normals_first=first))
    cells = read_all(tmp_path)
    (line,) = cells.summary.to_dict("records")
    (first, plain) = (cells.crossed(name)[0] for name in ("auroc_batch_normals_first", "auroc"))
    assert (first - plain).mean() == pytest.approx(line["avg_batch_normals_first"] - line["avg"])
    assert line["avg"] == pytest.approx(plain.mean())
    gains = stats.mean_interval(first - plain, shared=False)
    assert gains.low is not None
    assert abs(gains.estimate - 0.175) < 0.005
    assert gains.low > 0.16


def test_a_protocol_that_some_runs_lack_has_no_mean(tmp_path):
    """A mean over the other classes would stand beside the headline as if it were of the same ones."""
    commit_all(ResultStore(tmp_path), specs((0, 1), (0,)), lambda spec: 0.9)
    commit_all(ResultStore(tmp_path), specs((2,), (0,)), lambda spec: 0.6, {"auroc_eval_recal": None})
    (line,) = read_all(tmp_path).summary.to_dict("records")
    assert line["avg"] == pytest.approx(0.8)
    assert math.isnan(line["avg_eval_recal"])
    assert line["avg_oracle"] == pytest.approx(0.8)


@pytest.mark.slow
def test_the_family_of_a_verdict_is_the_papers_table_whatever_the_plan_has(tmp_path):
    """One row of Table 2's fifteen: planned alone, it is corrected as it would be beside all the others."""
    runs = specs(dataset="mnist", backbone="naive", gamma=0.05)
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.9 + 0.004 * spec.seed + 0.001 * spec.normal_class)
    found = {}
    for name, plan in (("alone", runs), ("beside", [*runs, *(run.replace(gamma=0.1) for run in runs)])):
        summary = read(tmp_path, Plan("table2", (), (), tuple(plan))).summary
        found[name] = summary.loc[summary["ok"] > 0, "p_value"].item()

    assert found["alone"] == found["beside"]
    assert found["alone"] > 0


@pytest.mark.parametrize("classes", [(3,), (0, 3)])
def test_a_class_that_the_paper_s_average_lacks_is_not_compared_with_it(classes, tmp_path):
    """Runs with another normal class of a medical set had its number, a verdict, and decided a claim."""
    medical = {"dataset": "alzheimer", "backbone": "unetpp", "image_size": 128, "batch_size": 64}
    runs = [run for context in ("on", "off") for run in specs(classes, adversarial_context=context, **medical)]
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.991 if spec.adversarial_context == "on" else 0.94)
    cells = read(tmp_path, Plan("table3", (), (), tuple(runs)))

    assert cells.summary["verdict"].isna().all()
    assert set(cells.summary["paper_differences"]) == {"normal_class=3"}
    (ours,) = our_tables(cells, "table3")
    assert ours.settings == ("normal_class=3",)
    evidence, _ = evidence_of(tmp_path)
    assert {int(known) for group in evidence.values() for known in group.runs["class"]} == set(classes) - {3}
    about = [finding for claim in CLAIMS for finding in judge(claim, evidence) if finding.place == ("alzheimer", 0.0)]
    assert about
    assert {finding.result for finding in about} == {NOT_TESTED} or 0 in classes


def test_shared_seeds_have_no_interval_of_an_iqm(tmp_path):
    """Its bootstrap draws each class's runs by themselves, which they are not."""
    for scope, place in (("class", "own"), ("all_classes", "shared")):
        runs = specs(range(3), seeds=range(5), dataset="digits", seed_scope=scope)
        commit_all(ResultStore(tmp_path / place), runs, drawn)
    own, shared = (uncertainty(read_all(tmp_path / place), "u", "u") for place in ("own", "shared"))

    assert own.data["iqm_low"].notna().item()
    assert shared.data["iqm_low"].isna().item()
    assert shared.data["mean_low"].notna().item()


def test_pairs_that_are_missing_change_no_class_s_weight(tmp_path):
    """One class has nine pairs, the other one: the mean of the table is that of its interval, and no class is lost."""
    pairs = [(0, known, known % 2) for known in range(1, 10)] + [(1, 2, seed) for seed in range(3)]
    runs = [
        run.replace(known_anomaly_classes=(known,))
        for normal, known, seed in pairs
        for run in specs((normal,), (seed,), gamma=0.05)
    ]
    commit_all(ResultStore(tmp_path), runs, lambda spec: 0.9 if spec.normal_class == 0 else 0.6)
    cells = read_all(tmp_path)

    assert cells.summary["avg"].item() == pytest.approx(0.75)
    assert uncertainty(cells, "u", "u").data["mean_estimate"].item() == pytest.approx(0.75)
