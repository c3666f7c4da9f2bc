"""The claims in brief say of each claim what came of it where, and no more than the whole table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.claims.brief import brief_claims
from analysis.claims.claim import CLAIMS
from analysis.claims.finding import DOES_NOT, HOLDS, NO_RUN, NOT_TESTED, Finding
from analysis.claims.short import short_claims
from tests.analysis.claims.test_claims import CONTEXT, group, judged


def test_each_claim_and_result_is_a_line():
    """What holds and what does not are two lines of one claim; several settings of a place are several gains of it."""
    found = judged(CONTEXT, group({"": 0.1}, "on", 3), group({}, "off", 3))
    (one,) = (finding for finding in found if finding.effects)
    other = replace(one, place=("mnist", 0.0), result=DOES_NOT)
    sheet = brief_claims([one, replace(one, settings=("updates=7",)), other, *found[1:]])

    assert [(line[0], line[2]) for line in sheet.lines] == [("context", HOLDS), ("context", DOES_NOT)]
    assert [line[3] for line in sheet.lines] == ["CIFAR-10 γ .00 +10.0, +10.0", "MNIST γ .00 +10.0"]
    assert sheet.notes[-1] == "Each gain is a mean over 10 of 10 classes with 3 seeds."


def test_the_numbers_of_seeds_are_said():
    three = judged(CONTEXT, group({"": 0.1}, "on", 3), group({}, "off", 3))
    one = judged(replace(CONTEXT, name="other"), group({"": 0.1}, "on", 1), group({}, "off", 1))

    assert brief_claims([*three, *one]).notes[-1] == "Each gain is a mean over 10 of 10 classes with 1 or 3 seeds."
    assert brief_claims(one).notes[-1] == "Each gain is a mean over 10 of 10 classes with 1 seed."


def test_what_was_not_run_is_counted():
    found = [Finding(claim, ("cifar10", 0.0), (), {}, NOT_TESTED, why=NO_RUN) for claim in CLAIMS]

    assert brief_claims(found).lines == ((f"{len(CLAIMS)} claims", "", NOT_TESTED, NO_RUN),)


@pytest.mark.parametrize(("measure", "sign", "unit"), [("rough", -1, " of roughness"), ("apart", 1, " box heights")])
def test_what_is_no_auroc_has_a_unit(measure, sign, unit):
    """A curve that is rougher by 5 points is no gain of 5 points, nor are boxes that are half a height apart."""
    claim = replace(CONTEXT, test=replace(CONTEXT.test, measure=measure, sign=sign))
    halves = []
    for gain, context in ((0.5 if measure == "apart" else -0.05, "on"), (0.0, "off")):
        one = group({}, context, 3)
        measures = dict.fromkeys(("apart", "rough_eval"), gain + 0.001 * one.runs["class"])
        halves.append(replace(one, runs=one.runs.assign(**measures, same_points=1.0)))
    found = judged(claim, *halves)
    shown = "+0.5" if measure == "apart" else "\N{MINUS SIGN}5.0"
    assert [line[3] for line in brief_claims(found).lines] == [f"CIFAR-10 γ .00 {shown}{unit}"]
    assert short_claims(found).lines[0][4].startswith(f"{shown}{unit}")
