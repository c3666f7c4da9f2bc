"""The claims in short say no more and no less than the whole table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.claims.brief import brief_claims
from analysis.claims.claim import CLAIMS, Gains, Orders
from analysis.claims.evidence import Group
from analysis.claims.finding import HOLDS, NO_PAIR, NO_RUN, NOT_TESTED, Finding
from analysis.claims.short import short_claims, untested
from analysis.summary import AUROC_COLUMNS
from tests.analysis.claims.test_claims import CONTEXT, group, judged


def test_each_claim_is_a_line_or_is_counted():
    """Of three claims one has runs of all classes, one of a part, one none."""
    decided = judged(CONTEXT, group({"": 0.1}, "on", 3), group({}, "off", 3))
    partly = replace(CONTEXT, name="partly")
    part = judged(partly, group({"": 0.1}, "on", 3, classes=4), group({}, "off", 3, classes=4))
    none = [Finding(replace(CONTEXT, name="none"), ("cifar10", 0.0), (), {}, NOT_TESTED, why=NO_RUN)]
    sheet = short_claims([*decided, *part, *none])
    assert [(line[0], line[2], line[3]) for line in sheet.lines] == [
        ("context", "CIFAR-10 γ .00", HOLDS),
        ("partly", "runs of a part of the classes only", NOT_TESTED),
        ("none", NO_RUN, NOT_TESTED),
    ]
    what = "a claim at one data set and γ, with runs of one setting"
    assert sheet.notes[0].startswith(f"3 claims, 3 findings ({what}). Results: holds 1, does not 0")


def test_a_single_seed_of_all_classes_is_no_part_of_them():
    """A medical data set has one, of which one seed is too little for any test; two are runs that say nothing."""
    place = ("alzheimer", 0.0)
    claim = replace(CONTEXT, test=replace(CONTEXT.test, places=(place, ("cifar10", 0.0))))

    def runs(gain: float, context: str, seeds: int, dataset: str = "alzheimer", classes: int = 1) -> Group:
        one = group({"": gain}, context, seeds, classes)
        return replace(one, values={**one.values, "dataset": dataset})

    one, two = (judged(claim, runs(0.1, "on", seeds), runs(0.0, "off", seeds)) for seeds in (1, 2))
    assert [line[:4] for line in short_claims(one).lines] == [
        ("context", "", "one seed of too few classes for a test", NOT_TESTED)
    ]
    assert brief_claims(one).lines == (("context", "", NOT_TESTED, "one seed of too few classes for a test"),)
    assert two[0].result != NOT_TESTED
    part = [runs(0.1, "on", 1, "cifar10", 4), runs(0.0, "off", 1, "cifar10", 4)]
    assert list(untested(judged(claim, *part))) == [("context", "runs of a part of the classes only")]
    both = judged(claim, runs(0.1, "on", 1), runs(0.0, "off", 1), *part)
    assert list(untested(both)) == [("context", "one seed of too few classes for a test")]


def test_a_part_of_the_generators_is_some_run():
    claim = next(claim for claim in CLAIMS if isinstance(claim.test, Orders))
    runs = group({}, "on")
    measured = replace(runs, runs=runs.runs.assign(**{claim.test.column: 3.0, "device_name": "CPU", "threads": 1}))
    (some,), (none,) = judged(claim, measured), judged(claim)
    assert list(untested([some])) == [(claim.name, "runs of a part of the generators only")]
    assert list(untested([none])) == [(claim.name, NO_RUN)]


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ({"adversarial_context": "on"}, NO_PAIR),
        ({"adversarial_context": "off"}, NO_PAIR),
        ({"gamma": 0.05}, NO_RUN),
        ({"backbone": "naive"}, NO_RUN),
        ({"dataset": "mnist"}, NO_RUN),
    ],
)
def test_runs_of_one_of_the_two_are_some_run(runs, why):
    """Ten classes with three seeds of the variant are no "no run"; those of another network are."""
    one = group({"": 0.1}, "on", 3)
    found = judged(CONTEXT, replace(one, values={**one.values, **runs}))
    assert [(finding.result, finding.why) for finding in found] == [(NOT_TESTED, why)]


def test_a_share_without_the_one_that_it_is_compared_with_has_no_pair():
    claim = replace(CONTEXT, test=Gains("gamma", 0.05, 0.0, (("cifar10", 0.05),), {"backbone": "unet"}))
    one = group({"": 0.1}, "on", 3)
    for share, why in ((0.0, NO_PAIR), (0.05, NO_PAIR), (0.1, NO_RUN)):
        found = judged(claim, replace(one, values={**one.values, "gamma": share}))
        assert [finding.why for finding in found] == [why]


def test_protocols_of_different_runs_leave_some_run():
    """One protocol has all classes but one, another that one: none is shown, and runs there are."""
    halves = [group({"": gain}, context, 3) for gain, context in ((0.1, "on"), (0.0, "off"))]
    for one in halves:
        is_last = one.runs["class"] == 9
        for name in AUROC_COLUMNS:
            one.runs[name] = one.runs[name].where(is_last if name == "auroc_batch1" else ~is_last)
    (found,) = judged(CONTEXT, *halves)
    assert found.result == NOT_TESTED
    assert found.why == "runs of a part of the classes only"


def test_nothing_run_is_one_line():
    found = [Finding(claim, ("cifar10", 0.0), (), {}, NOT_TESTED, why=NO_RUN) for claim in CLAIMS]
    assert [line[:4] for line in short_claims(found).lines] == [(f"{len(CLAIMS)} claims", "", NO_RUN, NOT_TESTED)]


def test_runs_of_two_settings_at_one_place_are_told_apart():
    """By what differs alone; what they have in common stands below."""
    pairs = [(group({"": 0.1}, "on", 3), group({}, "off", 3)) for _ in range(2)]
    both = [
        replace(one, values={**one.values, "lambda_con": 1.0, "updates": updates, "curve": []})
        for pair, updates in zip(pairs, (3, 5), strict=True)
        for one in pair
    ]
    sheet = short_claims(judged(CONTEXT, *both))
    assert [line[2] for line in sheet.lines] == ["CIFAR-10 γ .00, updates=3", "CIFAR-10 γ .00, updates=5"]
    assert sheet.notes[0].startswith("1 claim, 2 findings")
    assert "lambda_con=1.0" in sheet.notes[1]
    (line,) = short_claims(judged(CONTEXT, *both[:2])).lines
    assert line[2] == "CIFAR-10 γ .00"
