"""No result is firmer for a score that is missing: whatever it might have been, it must not contradict the result."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis import stats
from analysis.claims.claim import Beats, Claim
from analysis.claims.effect import Effect
from analysis.claims.finding import DOES_NOT, HOLDS, NOT_TESTED, ORDERED_ONLY, UNDECIDED
from analysis.claims.judge import ALONE, _result
from analysis.tables.leakage import PROTOCOLS, column
from tests.analysis.claims.test_claims import CONTEXT, group, judged, result_of

FIRM = {HOLDS, DOES_NOT, ORDERED_ONLY}
OUTCOMES = (True, False, None)


def effect(outcome: bool | None) -> Effect:
    """Of all runs of ten classes."""
    p_value = None if outcome is None else 0.001
    return Effect(stats.Interval(0.0, None, None, "t"), "seeds", p_value, 10, 3, 30, bool(outcome))


def result(outcomes: dict[str, bool | None], partly: set[str] = frozenset()) -> str:
    return _result({name: effect(of) for name, of in outcomes.items()}, partly, 10)


@pytest.mark.parametrize("hidden", PROTOCOLS)
@pytest.mark.parametrize("has_effect", [True, False], ids=["some pairs", "one variant alone"])
def test_a_protocol_that_was_scored_in_part_makes_no_result_firmer(hidden, has_effect):
    """Each outcome, or no score, under each other protocol."""
    others = [protocol for protocol in PROTOCOLS if protocol != hidden]
    found = set()
    for outcomes in itertools.product((*OUTCOMES, "not scored"), repeat=len(others)):
        rest = {name: of for name, of in zip(others, outcomes, strict=True) if of != "not scored"}
        given = result({**rest, **({hidden: None} if has_effect else {})}, {hidden})
        possible = {result({**rest, hidden: outcome}) for outcome in OUTCOMES}
        assert given not in FIRM or possible == {given}, (rest, given, possible)
        found.add(given)
    assert ORDERED_ONLY in found or hidden not in ("batch_class_sorted", "batch_normals_first"), (
        "else nothing is tested"
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_beats", [False, True], ids=["gains", "beats"])
@pytest.mark.parametrize("seed", range(4))
def test_one_missing_score_of_random_rows_makes_no_result_firmer(seed, is_beats):
    rng = np.random.default_rng(seed)
    claim = Claim("", "", "", Beats("table1", (("cifar10", 0.0),))) if is_beats else CONTEXT
    middle = 0.438 if is_beats else 0.0  # the best other method's .938

    def found(gains: dict[str, float], hidden: str | None = None) -> str:
        on, off = group({column(name): middle + of for name, of in gains.items()}, "on", 3), group({}, "off", 3)
        if hidden is not None:
            on.runs.loc[on.runs.index[rng.integers(len(on.runs))], column(hidden)] = np.nan
        on.values.update(backbone="unetpp" if is_beats else "unet")
        return judged(claim, on, *([] if is_beats else [off]))[0].result

    gains = {name: float(rng.choice([-0.05, 0.0, 0.05])) for name in PROTOCOLS}
    gains |= dict(zip(ALONE, [(-0.05, 0.05), (-0.05, 0.0), (0.0, -0.05), (0.0, 0.0)][seed % 4], strict=True))
    for hidden in PROTOCOLS:
        given = found(gains, hidden)
        possible = {found({**gains, hidden: gain}) for gain in (-0.05, 0.0, 0.05)}
        assert given not in FIRM or possible == {given}, (gains, hidden)


@pytest.mark.parametrize("gain", [0.1, -0.1])
def test_different_runs_without_a_score_are_not_the_same_runs(gain):
    """As many were scored under both protocols, and other ones; no protocol has all."""
    on, off = group({"": gain}, "on", 3), group({}, "off", 3)
    assert result_of(CONTEXT, on, off) == (HOLDS if gain > 0 else DOES_NOT)
    for place, protocol in enumerate(PROTOCOLS):
        on.runs.loc[on.runs.index[place], column(protocol)] = np.nan
    (finding,) = judged(CONTEXT, on, off)
    assert (finding.result, finding.effects) == (UNDECIDED, {})


@pytest.mark.parametrize("gain", [0.1, -0.1])
def test_a_protocol_that_one_variant_alone_was_scored_under_leaves_it_open(gain):
    """Under one that neither was, nobody has asked."""
    on, off = group({"": gain}, "on", 3), group({}, "off", 3)
    off.runs["auroc_eval_recal"] = np.nan
    assert result_of(CONTEXT, on, off) == UNDECIDED
    on.runs["auroc_eval_recal"] = np.nan
    assert result_of(CONTEXT, on, off) == (HOLDS if gain > 0 else DOES_NOT)


def test_parts_of_the_classes_that_differ_by_protocol_decide_nothing():
    on, off = group({"": 0.1}, "on", classes=8), group({}, "off", classes=8)
    on.runs.loc[on.runs["class"] == 3, "auroc_eval_recal"] = np.nan
    assert result_of(CONTEXT, on, off) == NOT_TESTED
