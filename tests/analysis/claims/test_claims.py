"""Claims of the paper, judged on made-up rows whose truth is known, and on the published ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from agad.spec.fields import json_defaults
from analysis import stats
from analysis.claims import judge as judge_module
from analysis.claims.__main__ import main
from analysis.claims.claim import CLAIMS, Beats, Claim, Gains, Orders
from analysis.claims.evidence import Group, key_of
from analysis.claims.judge import DOES_NOT, HOLDS, NOT_TESTED, ORDERED_ONLY, UNDECIDED, Finding, judge
from analysis.claims.table import CSV_BEGINS, claims_table, findings
from analysis.paper.numbers import BATCH_FIELD
from analysis.summary import AUROC_COLUMNS, CELL
from tests.conftest import ROOT

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
    runs = pd.DataFrame(cells, columns=["class", "seed"]).assign(known=-1)
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


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_gains_of_one_class_decide_nothing(seeds):
    """As of runs at the ceiling; the seeds of a single class are all that could judge it."""
    effect = judge_module._effect(np.full((1, seeds), 2.0), shared=False)
    assert effect.p_value is effect.outcome is effect.interval.low is None


def test_a_part_of_the_classes_decides_nothing():
    assert result_of(CONTEXT, group({"": 0.1}, "on", 3, classes=8), group({}, "off", 3, classes=8)) == NOT_TESTED


def test_without_the_other_variant_nothing_is_tested():
    assert result_of(CONTEXT, group({"": 0.1}, "on")) == NOT_TESTED
    assert judge(CONTEXT, {})[0].result == NOT_TESTED


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_claim_that_little_is_gained_holds_where_little_is(seeds):
    assert result_of(WITHIN, group({}, "on", seeds), group({}, "off", seeds)) == HOLDS
    assert result_of(WITHIN, group({"": 0.1}, "on", seeds), group({}, "off", seeds)) == DOES_NOT


def test_runs_that_differ_in_anything_else_are_no_pair():
    off = group({}, "off")
    longer = replace(off, values={**off.values, "updates": 2400})
    assert result_of(CONTEXT, group({"": 0.1}, "on"), longer) == NOT_TESTED


def test_what_is_scored_makes_no_difference_to_a_pair():
    off = group({}, "off")
    assert result_of(CONTEXT, group({"": 0.1}, "on"), replace(off, values={**off.values, "curve": [100]})) == HOLDS


def test_batches_of_another_size_are_no_pair():
    """What is read off a test batch depends on its size; both sizes, which the runs say, are judged alone."""
    on, off = group({"auroc_batch_normals_first": 0.2}, "on"), group({}, "off")
    small = replace(on, values={**on.values, BATCH_FIELD: 16})
    assert result_of(CONTEXT, small, off) == NOT_TESTED
    (found,) = judged(CONTEXT, small, replace(off, values={**off.values, BATCH_FIELD: 16}), off)
    assert found.settings[-1] == f"{BATCH_FIELD}=16"


def test_beats_keeps_batches_of_different_sizes_apart():
    """Their AUROCs in batches are no one mean."""
    claim = Claim("", "", "", Beats("table1", (("cifar10", 0.0),)))
    one = replace(group({}, "on"), values=_main())
    other = replace(group({"auroc_batch_normals_first": 0.4}, "on"), values={**_main(), BATCH_FIELD: 16})
    plain, small = judged(claim, one, other)
    assert (plain.settings[1:], small.settings[1:]) == ((), (f"{BATCH_FIELD}=16",))
    gains = [of.effects["batch_normals_first"].interval.estimate for of in (plain, small)]
    assert gains[1] - gains[0] == pytest.approx(40, abs=1)


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
