"""Claims of the paper, judged on made-up rows whose truth is known, and on the published ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from agad.spec.fields import json_defaults
from agad.store.rows import ResultStore
from agad.store.schema import RunRecord
from analysis import stats
from analysis.claims.__main__ import main
from analysis.claims.claim import CLAIMS, Beats, Claim, Gains, Orders
from analysis.claims.effect import effect_of
from analysis.claims.evidence import Group, key_of, read
from analysis.claims.finding import DOES_NOT, HOLDS, NOT_TESTED, ORDERED_ONLY, UNDECIDED, Finding
from analysis.claims.judge import judge
from analysis.claims.table import CSV_BEGINS, claims_table, findings, n_text
from analysis.paper.numbers import paper_row
from analysis.summary import AUROC_COLUMNS, CELL
from analysis.tables.footnotes import MADE
from tests.conftest import ROOT
from tests.helpers.analysis_rows import ok_row, specs

CONTEXT = Claim("context", "", "", Gains("adversarial_context", "on", "off", (("cifar10", 0.0),), {"backbone": "unet"}))
WITHIN = Claim(
    "context",
    "",
    "",
    Gains("adversarial_context", "on", "off", (("cifar10", 0.0),), {"backbone": "unet"}, within=1.0),
)


def group(gains: dict[str, float], context: str, seeds: int = 1, classes: int = 10, noise: float = 0.002) -> Group:
    """Runs whose AUROC is .5 and what `gains` adds in each column, with a little noise."""
    values = {**json_defaults(), "dataset": "cifar10", "backbone": "unet", "adversarial_context": context}
    rng = np.random.default_rng(len(context))
    cells = [(c, seed) for c in range(classes) for seed in range(seeds)]
    runs = pd.DataFrame(cells, columns=["class", "seed"]).assign(known=-1, **dict.fromkeys(MADE, "alike"))
    for name in AUROC_COLUMNS:
        runs[name] = 0.5 + gains.get(name, gains.get("", 0.0)) + noise * rng.normal(size=len(runs))
    places = stats.numbered(runs, CELL)
    return Group(values, runs, places, places.max(axis=1) + 1)


def judged(claim: Claim, *groups: Group) -> list[Finding]:
    return judge(claim, {key_of(one.values): one for one in groups})


def result_of(claim: Claim, on: Group, off: Group | None = None) -> str:
    return judged(claim, *([on] if off is None else [on, off]))[0].result


ORDERED_GAIN = {"auroc_batch_normals_first": 0.2, "auroc_batch_class_sorted": 0.2}


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize(
    ("gains", "result"),
    [({"": 0.1}, HOLDS), ({"": -0.1}, DOES_NOT), (ORDERED_GAIN, ORDERED_ONLY), ({}, UNDECIDED)],
)
def test_results_of_known_truth(gains, result, seeds):
    assert result_of(CONTEXT, group(gains, "on", seeds), group({}, "off", seeds)) == result


@pytest.mark.parametrize(
    ("gains", "result"),
    [
        ({"": -0.1, **ORDERED_GAIN}, DOES_NOT),
        ({"auroc": -0.1, **ORDERED_GAIN}, DOES_NOT),
        ({"auroc": 0.1, **ORDERED_GAIN}, UNDECIDED),
        ({"auroc": 0.1, "auroc_eval_recal": -0.1}, UNDECIDED),
    ],
)
def test_images_scored_alone_are_asked_before_an_ordered_test_set(gains, result):
    """Where these show the opposite, an order that bears the claim out changes nothing."""
    assert result_of(CONTEXT, group(gains, "on", 3), group({}, "off", 3)) == result


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_gains_of_one_class_decide_nothing(seeds):
    """As of runs at the ceiling; the seeds of a single class are all that could judge it."""
    effect = effect_of(np.full((1, seeds), 2.0), CONTEXT.test, shared=False)
    assert effect.p_value is effect.outcome is effect.interval.low is None


@pytest.mark.parametrize(("seeds", "result"), [(1, HOLDS), (3, UNDECIDED)])
def test_seeds_without_a_spread_decide_nothing(seeds, result):
    """As at an AUROC of 1; of a single seed the classes are asked, and say so."""
    on, off = (group({"": gain}, context, seeds, noise=0.0) for gain, context in [(0.1, "on"), (0.0, "off")])
    (finding,) = judged(CONTEXT, on, off)
    assert finding.result == result
    assert all(effect.over == ("seeds" if seeds > 1 else "classes") for effect in finding.effects.values())
    assert all(effect.interval.low is None for effect in finding.effects.values())


def test_a_part_of_the_classes_decides_nothing():
    """Nor does a mark say that anything were borne out."""
    (finding,) = judged(CONTEXT, group({"": 0.1}, "on", 3, classes=8), group({}, "off", 3, classes=8))
    assert (finding.result, n_text(finding)) == (NOT_TESTED, "8/10 × 3")
    assert {effect.outcome for effect in finding.effects.values()} == {None}


def test_a_missing_run_is_counted():
    on, off = group({"": 0.1}, "on", 3), group({}, "off", 3)
    on.runs.loc[on.runs.index[4], [*AUROC_COLUMNS]] = np.nan
    (finding,) = judged(CONTEXT, on, off)
    assert (finding.result, n_text(finding)) == (HOLDS, "10/10 × 3: 29 of 30")


@pytest.mark.parametrize(
    ("eval_gain", "recal_gain", "result"), [(0.1, 0.1, UNDECIDED), (0.1, -0.1, UNDECIDED), (-0.1, 0.1, UNDECIDED)]
)
def test_a_protocol_that_was_scored_on_a_part_of_the_classes_leaves_it_open(eval_gain, recal_gain, result):
    """It has no number beside the others', and nothing holds that it might have contradicted."""
    on, off = group({"auroc": eval_gain, "auroc_eval_recal": recal_gain}, "on"), group({}, "off")
    on.runs.loc[on.runs["class"] > 2, "auroc_eval_recal"] = np.nan
    (finding,) = judged(CONTEXT, on, off)
    assert (finding.result, n_text(finding)) == (result, "10/10 × 1")
    assert "eval_recal" not in finding.effects


@pytest.mark.parametrize("protocol", ["auroc", "auroc_eval_recal", "auroc_batch_shuffled"])
def test_one_missing_score_makes_no_claim_hold_more(protocol):
    """Under another protocol than the ordered ones: it might have been borne out there too."""
    on, off = group(ORDERED_GAIN, "on", 3), group({}, "off", 3)
    assert result_of(CONTEXT, on, off) == ORDERED_ONLY
    on.runs.loc[on.runs.index[4], protocol] = np.nan
    assert result_of(CONTEXT, on, off) == UNDECIDED


def test_without_the_other_variant_nothing_is_tested():
    assert result_of(CONTEXT, group({"": 0.1}, "on")) == NOT_TESTED
    assert judge(CONTEXT, {})[0].result == NOT_TESTED


def test_a_gain_is_not_judged_on_runs_that_know_one_class():
    """The claims are about runs that know all anomaly classes."""
    on, off = (
        replace(one, values={**one.values, "known_anomaly_classes": "one"})
        for one in (group({"": 0.1}, "on"), group({}, "off"))
    )
    assert judged(CONTEXT, on, off)[0].result == NOT_TESTED


def test_a_further_seed_that_has_begun_decides_nothing():
    """Three seeds that differ leave it open, and one run of a fourth does not ask the classes instead."""
    gains = np.array([2.5, -1.5, 0.5, np.nan]) + 0.01 * np.arange(10)[:, None]
    assert effect_of(gains[:, :3], CONTEXT.test, shared=True).outcome is None
    gains[0, 3] = 0.6
    found = effect_of(gains, CONTEXT.test, shared=True)
    assert (found.over, found.p_value, found.interval.low) == ("seeds", None, None)


def test_most_classes_and_the_mean_on_two_sides_decide_nothing():
    """Eighteen of twenty classes lose a little, two win much."""
    gains = np.array([-0.3 - 0.05 * n for n in range(18)] + [27.0, 28.0])[:, None]
    effect = effect_of(gains, CONTEXT.test, shared=False)
    assert (effect.right, effect.outcome) == (True, None)


def test_pairs_that_were_made_with_other_code_are_said():
    """Their gain may be due to that too."""
    on, off = group({"": 0.1}, "on"), group({}, "off")
    apart = replace(off, runs=off.runs.assign(code_digest="other"))

    assert judged(CONTEXT, on, apart)[0].settings[-1] == "pairs made with other code"
    assert not [text for text in judged(CONTEXT, on, off)[0].settings if "made with" in text]


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_claim_that_little_is_gained_holds_where_little_is(seeds):
    assert result_of(WITHIN, group({}, "on", seeds), group({}, "off", seeds)) == HOLDS
    assert result_of(WITHIN, group({"": 0.1}, "on", seeds), group({}, "off", seeds)) == DOES_NOT


SMALL = replace(WITHIN, test=replace(WITHIN.test, either_way=True))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("gain", "small", "no_more"),
    [(0.0, HOLDS, HOLDS), (0.3, DOES_NOT, DOES_NOT), (-0.3, DOES_NOT, HOLDS), (-0.01, UNDECIDED, HOLDS)],
)
def test_an_effect_is_small_where_it_is_so_either_way(gain, small, no_more, seeds):
    """A loss of thirty points is no small effect, and yet no gain of more than one."""
    on, off = group({"": gain}, "on", seeds), group({}, "off", seeds)
    assert (result_of(SMALL, on, off), result_of(WITHIN, on, off)) == (small, no_more)


def test_the_papers_claim_of_a_small_effect_is_one_either_way():
    assert [claim.name for claim in CLAIMS if isinstance(claim.test, Gains) and claim.test.either_way] == [
        "its effect is small with more (γ ≥ .05): within 1 point, our margin"
    ]


@pytest.mark.parametrize("pruned", ["on", "off"])
def test_what_is_left_after_pruning_decides_nothing(pruned):
    """Scores decided which runs ended early: the others are no sample."""
    on, off = group({"": 0.1}, "on", 3), group({}, "off", 3)
    (found,) = judged(CONTEXT, replace(on, pruned=pruned == "on"), replace(off, pruned=pruned == "off"))
    assert (found.result, found.settings[-1]) == (UNDECIDED, "pruned runs")
    assert all(effect.outcome is None for effect in found.effects.values())


def test_a_method_beside_the_best_other_decides_nothing_after_pruning():
    runs = replace(group({"": 0.495}, "on", 3), pruned=True)
    runs = replace(runs, values={**runs.values, "backbone": "unetpp"})
    (found,) = [one for one in judged(CLAIMS[2], runs) if one.effects]
    assert (found.result, found.settings[-1]) == (UNDECIDED, "pruned runs")


@pytest.mark.slow
def test_pruned_runs_are_known_of_the_rows(tmp_path):
    store, runs = ResultStore(tmp_path), specs((0,), seeds=(0, 1, 2))
    for spec in runs[:2]:
        store.commit(ok_row(spec, 0.9))
    assert not any(one.pruned for one in read(tmp_path)[0].values())
    store.commit(RunRecord(spec=runs[2], attempt=1, status="pruned", values={}))
    assert all(one.pruned for one in read(tmp_path)[0].values())


def test_runs_that_differ_in_anything_else_are_no_pair():
    off = group({}, "off")
    longer = replace(off, values={**off.values, "updates": 2400})
    assert result_of(CONTEXT, group({"": 0.1}, "on"), longer) == NOT_TESTED


def test_what_is_scored_makes_no_difference_to_a_pair():
    off = group({}, "off")
    assert result_of(CONTEXT, group({"": 0.1}, "on"), replace(off, values={**off.values, "curve": [100]})) == HOLDS


@pytest.mark.parametrize("name", ["eval_batch_size", "test_orders"])
def test_batches_of_another_size_or_more_orders_are_no_pair(name):
    """What is read off a test batch depends on them; both values, which the runs say, are judged alone."""
    on, off = group({"auroc_batch_normals_first": 0.2}, "on"), group({}, "off")
    small = replace(on, values={**on.values, name: 16})
    assert result_of(CONTEXT, small, off) == NOT_TESTED
    (found,) = judged(CONTEXT, small, replace(off, values={**off.values, name: 16}), off)
    assert found.settings[-1] == f"{name}=16"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eval_batch_size", "test_orders"])
def test_beats_keeps_batches_of_different_sizes_and_orders_apart(name):
    """Their AUROCs in batches are no one mean."""
    claim = Claim("", "", "", Beats("table1", (("cifar10", 0.0),)))
    one = replace(group({}, "on"), values=_main())
    other = replace(group({"auroc_batch_normals_first": 0.4}, "on"), values={**_main(), name: 16})
    plain, small = judged(claim, one, other)
    assert (plain.settings[1:], small.settings[1:]) == ((), (f"{name}=16",))
    gains = [of.effects["batch_normals_first"].interval.estimate for of in (plain, small)]
    assert gains[1] - gains[0] == pytest.approx(40, abs=1)


def test_runs_of_a_former_default_are_told_from_those_of_today():
    """They are compared with the paper as today's are, and their line was named by what the others had."""
    claim = Claim("", "", "", Beats("table1", (("cifar10", 0.0),)))
    today = group({"": 0.1}, "on")
    today.values["backbone"] = "unetpp"
    former = replace(today, values={**today.values, "bn_update": "all"})
    settings = [found.settings[1:] for found in judged(claim, today, former)]

    assert settings == [(), ("bn_update=all",)]


def test_leave_one_out_is_another_question():
    """Its classes are anomalies in turn, which the paper's tables are not about."""
    on, off = (
        replace(one, values={**one.values, "protocol": "leave_one_out"})
        for one in (group({"": 0.1}, "on"), group({}, "off"))
    )
    assert result_of(CONTEXT, on, off) == NOT_TESTED


def test_every_setting_that_is_not_the_default_is_said():
    """Of what a claim compares, the place, the class and the curve nothing."""
    changed = {"lr": 0.02, "lambda_con": 1.0, "updates": 2, "curve": [1], "gamma": 0.0}
    on, off = (replace(one, values={**one.values, **changed}) for one in (group({"": 0.1}, "on"), group({}, "off")))
    (found,) = judged(CONTEXT, on, off)
    assert found.settings == ("lambda_con=1.0", "updates=2", "lr=0.02")


@pytest.mark.slow
def test_what_is_known_of_the_rows_stands_under_the_claims(tmp_path, capsys):
    """As under every table: rows that differ, values of a study, files that cannot be read."""
    one, other = ResultStore(tmp_path / "one"), ResultStore(tmp_path / "other")
    (spec,) = specs((0,), seeds=(0,))
    one.commit(ok_row(spec, 0.5, tuned_by="tuned with labels: trial 3 of 9 of study mine"))
    other.commit(ok_row(spec, 0.75))
    (other.inbox / "torn.1.parquet").write_bytes(b"PAR1")
    for form in ([], ["--short"]):
        assert main([str(one.path), str(other.path), *form]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "1 run has several finished rows that differ" in said
        assert "1 run has values of a study: tuned with labels: trial 3 of 9 of study mine." in said
        assert "Not readable and passed over: torn.1.parquet" in said


FAST = Claim("", "", "", Orders("inference_ms_batch1", ("naive", "unet"), "ms", 1.0, ("image_size", "device_name")))


@pytest.mark.parametrize(("device", "size", "result"), [("a", 32, HOLDS), ("b", 32, NOT_TESTED), ("a", 64, NOT_TESTED)])
def test_times_of_other_machines_or_images_are_in_no_order(device, size, result):
    timed = [group({}, "on", classes=1) for _ in range(2)]
    for one, milliseconds, where in zip(timed, (1.0, 2.0), ("a", device), strict=True):
        one.runs[["inference_ms_batch1", "device_name"]] = milliseconds, where
    sizes = {"naive": 32, "unet": size}
    timed = [
        replace(one, values={**one.values, "backbone": name, "image_size": of})
        for one, (name, of) in zip(timed, sizes.items(), strict=True)
    ]
    assert result_of(FAST, *timed) == result


def timed_on(milliseconds: dict[str, list[tuple[str, float]]]) -> list[Group]:
    """Runs of generators on devices: backbone -> device and milliseconds of each."""
    found = []
    for name, of in milliseconds.items():
        one = group({}, "on", seeds=len(of), classes=1)
        one.runs["device_name"], one.runs["inference_ms_batch1"] = zip(*of, strict=True)
        found.append(replace(one, values={**one.values, "backbone": name}))
    return found


@pytest.mark.parametrize(
    ("unet", "result", "places"),
    [
        ([("a", 20.0), ("b", 2.0), ("b", 2.0), ("b", 2.0)], HOLDS, ()),
        ([("a", 9.0), ("b", 2.0)], UNDECIDED, ("in 1 of 2 places that were measured alike",)),
        ([("a", 9.0), ("b", 0.5)], DOES_NOT, ()),
    ],
)
def test_times_are_compared_on_each_device_alone(unet, result, places):
    """Medians over devices would put the naive one, measured mostly on the slow one, behind."""
    naive = [("a", 10.0), ("a", 10.0), ("a", 10.0), ("b", 1.0)]
    (found,) = judged(FAST, *timed_on({"naive": naive, "unet": unet}))
    assert (found.result, found.settings) == (result, places)
    assert found.words.startswith("Naive 1.00–10.00 ms, UNet ")


def test_times_of_other_nets_are_in_no_order():
    """Without batch norm a generator is faster; where all are without it they are judged, which is said."""
    timed = [group({}, "on", classes=1) for _ in range(2)]
    for one, milliseconds in zip(timed, (1.0, 2.0), strict=True):
        one.runs[["inference_ms_batch1", "device_name"]] = milliseconds, "a"
    naive, unet = (
        replace(one, values={**one.values, "backbone": name})
        for one, name in zip(timed, ("naive", "unet"), strict=True)
    )
    bare = {"generator_norm": "none"}
    assert result_of(FAST, naive, replace(unet, values={**unet.values, **bare})) == NOT_TESTED
    (found,) = judged(FAST, *(replace(one, values={**one.values, **bare}) for one in (naive, unet)))
    assert (found.result, found.settings) == (HOLDS, ("generator_norm=none",))
    (found,) = judged(FAST, naive, unet, replace(unet, values={**unet.values, "batch_norm": "advprop"}))
    assert (found.result, found.settings) == (HOLDS, ()), "of the nets that are compared alone"


@pytest.mark.slow
def test_out_overwrites_no_file_of_another_kind(tmp_path, demo, capsys):
    """Its own it does."""
    own, other = tmp_path / "claims.csv", tmp_path / "thesis.tex"
    other.write_text("years of work")
    assert main([str(demo), "--out", str(other)]) == 2
    assert "--out" in capsys.readouterr().err
    assert other.read_text() == "years of work"
    for _ in range(2):
        assert main([str(demo), "--out", str(own)]) == 0
    assert own.read_bytes().startswith(CSV_BEGINS)


SMOOTHER = Claim(
    "smoother", "", "", Gains("backbone", "unetpp", "unet", (("cifar10", 0.0),), {}, measure="rough", sign=-1)
)


@pytest.mark.parametrize(("points", "result"), [(1.0, HOLDS), (2.0, NOT_TESTED)])
def test_only_curves_with_the_same_points_are_compared_for_smoothness(points, result):
    """Half as rough in every class and seed; of other points that says nothing."""
    rough, smooth = group({}, "on"), group({}, "on")
    rough.runs[["rough_eval", "rough_eval_recal", "same_points"]] = 0.02, 0.02, 1.0
    smooth.runs[["rough_eval", "rough_eval_recal", "same_points"]] = 0.01, 0.01, points
    smooth = replace(smooth, values={**smooth.values, "backbone": "unetpp"})
    assert result_of(SMOOTHER, smooth, rough) == result


def test_beats_compares_with_the_best_other_method():
    """CIFAR-10: ADGAN's 93.8 is the best; .96 beats it, .92 does not."""
    claim = Claim("", "", "", Beats("table1", (("cifar10", 0.0),)))
    high, low = (replace(group({"": gain}, "on"), values=_main()) for gain in (0.5, 0.2))
    assert result_of(claim, high) == HOLDS
    assert result_of(claim, low) == DOES_NOT


def _main() -> dict:
    return {**json_defaults(), "dataset": "cifar10", "backbone": "unetpp"}


def test_every_claim_names_places_of_the_paper():
    for claim in CLAIMS:
        assert claim.source
        assert getattr(claim.test, "places", (("cifar10", 0.0),))


@pytest.mark.slow
def test_claims_of_the_published_rows(capsys):
    """The numbers in the table are the rows': CIFAR-10's context in eval is the contrast that reproduction/ prints."""
    folders = sorted(path for path in (ROOT / "reproduction").iterdir() if path.is_dir())
    data = claims_table(findings(folders)).data
    line = data[data["claim"].str.contains("few anomalies") & (data["dataset"] == "cifar10") & (data["gamma"] == 0)]
    assert line["eval"].round(1).tolist() == [-5.0]
    assert line["result"].tolist() == [UNDECIDED]
    assert line["eval_classes"].tolist() == [10]
    assert main(["no such folder"]) == 2
    assert "there is no such results folder" in capsys.readouterr().err


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.source.endswith(("Table 4", "Table 9"))])
def test_what_the_paper_says_holds_at_all_places_of_a_claim(claim):
    """No gain that its table prints at a place of the claim lies beyond the range that stands beside it."""
    table = claim.source.rpartition(" ")[2]
    ends = [float(end.replace("−", "-")) for end in claim.size.split(" to ")]
    for dataset, gamma in claim.test.places:
        ours, theirs = (
            paper_row(f"table{table}", dataset, gamma, **{claim.test.name: of}).avg
            for of in (claim.test.variant, claim.test.baseline)
        )
        assert ends[0] - 0.01 <= ours - theirs <= ends[-1] + 0.01
