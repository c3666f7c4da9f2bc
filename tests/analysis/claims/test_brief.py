"""The claims in brief say of each claim what came of it where, and no more than the whole table."""

from __future__ import annotations

from dataclasses import replace

from analysis.claims.brief import brief_claims
from analysis.claims.claim import CLAIMS
from analysis.claims.judge import DOES_NOT, HOLDS, NOT_TESTED, Finding
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
    found = [Finding(claim, ("cifar10", 0.0), (), {}, NOT_TESTED) for claim in CLAIMS]

    assert brief_claims(found).lines == ((f"{len(CLAIMS)} claims", "", NOT_TESTED, "no run"),)
