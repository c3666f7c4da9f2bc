"""Judge: what rows say of a claim, place by place and protocol by protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.fields import CELL_FIELDS, former_values, json_defaults

from .. import stats
from ..paper import numbers as paper
from ..paper.match import PRUNED, find_match
from ..stats.paired import WILCOXON_FROM
from ..summary import CELL
from ..tables.footnotes import joined, made_with_other
from ..tables.leakage import ORDERED, PROTOCOLS, column
from .claim import Beats, Claim, Gains, Orders, Place
from .effect import Effect, effect_of
from .evidence import Evidence, Group, key_of
from .finding import (
    DOES_NOT,
    HOLDS,
    NO_PAIR,
    NO_RUN,
    NOT_TESTED,
    ONE_SEED,
    ORDERED_ONLY,
    SOME_CLASSES,
    UNDECIDED,
    Finding,
)
from .order import judge_order

ALONE = ("eval", "eval_recal")
"""Protocols that decide: an image's score depends on no other test image, and statistics come from training."""


def judge(claim: Claim, evidence: Evidence) -> list[Finding]:
    """A finding for each place of the claim and each setting of runs there; NOT_TESTED where there is none.

    p is corrected for the findings of the claim under the same protocol (Holm).
    """
    if isinstance(claim.test, Orders):
        return [judge_order(claim, claim.test, evidence)]
    measured = list(_beats(claim.test, evidence) if isinstance(claim.test, Beats) else _gains(claim.test, evidence))
    family = max(len(claim.test.places), len(measured))
    for protocol in PROTOCOLS:
        having = [effects for _, _, effects, _ in measured if protocol in effects]
        corrected = stats.holm_of([effects[protocol].p_value for effects in having], family)
        for effects, p in zip(having, corrected, strict=True):
            effects[protocol] = replace(effects[protocol], p_value=p)
    found = [_finding(claim, *of) for of in measured]
    absent = [place for place in claim.test.places if place not in {place for place, *_ in measured}]
    return found + [
        Finding(claim, place, (), {}, NOT_TESTED, why=_why_none(claim.test, place, evidence)) for place in absent
    ]


def _finding(
    claim: Claim, place: Place, settings: tuple[str, ...], effects: Mapping[str, Effect], partly: set[str]
) -> Finding:
    classes = paper.CLASS_COUNTS[place[0]]
    result = _result(effects, partly, classes)
    shown = {protocol: effect for protocol, effect in effects.items() if protocol not in partly}
    return Finding(
        claim, place, settings, shown, result, why=_why_not(effects, classes) if result == NOT_TESTED else ""
    )


def _result(effects: Mapping[str, Effect], partly: Collection[str], classes: int) -> str:
    """The first of RESULTS that fits the outcomes under each protocol; a part of the paper's classes decides nothing.

    The protocols of ALONE are asked first: an ordered test set only where they leave a claim open. What was scored for
    a part of the runs has no outcome, and what it might have said against a result keeps that from being one.
    """
    if not any(_can_decide(effect, classes) for effect in effects.values()):
        return NOT_TESTED
    outcomes = {**dict.fromkeys(partly), **{name: effect.outcome for name, effect in effects.items()}}
    alone = [outcomes[protocol] for protocol in ALONE if protocol in outcomes]
    if alone and all(outcome is True for outcome in alone):
        return HOLDS
    if False in alone and True not in alone and not {*partly} & {*ALONE}:
        return DOES_NOT
    unordered = [outcome for protocol, outcome in outcomes.items() if protocol not in ORDERED]
    is_open = not {*partly} - {*ORDERED} and True not in unordered
    is_ordered_only = is_open and True in (outcomes.get(protocol) for protocol in ORDERED)
    return ORDERED_ONLY if is_ordered_only else UNDECIDED


def _why_not(effects: Mapping[str, Effect], classes: int) -> str:
    """Of WHY_NOT, of runs that decide nothing."""
    return ONE_SEED if any(effect.classes >= classes for effect in effects.values()) else SOME_CLASSES


def _why_none(test: Beats | Gains, place: Place, evidence: Evidence) -> str:
    """Of WHY_NOT, of a place at which nothing could be compared."""
    if isinstance(test, Beats):
        return NO_RUN
    dataset, share = place
    shares = (test.variant, test.baseline) if test.name == "gamma" else (share,)
    one_of_two = any(
        group.values["dataset"] == dataset
        and group.values["gamma"] in shares
        and group.values[test.name] in (test.variant, test.baseline)
        and all(group.values[name] == of for name, of in {**_SAME_QUESTION, **test.fields}.items())
        for group in evidence.values()
    )
    return NO_PAIR if one_of_two else NO_RUN


def _can_decide(effect: Effect, classes: int) -> bool:
    return effect.classes >= classes and (effect.seeds > 1 or effect.classes >= WILCOXON_FROM)


_Measured = tuple[Place, tuple[str, ...], dict[str, Effect], set[str]]
"""Place, settings, effects, and protocols that a part of the runs was scored under: what they have is not shown."""


_SAME_QUESTION = {"protocol": "one_vs_rest", "task": "train", "known_anomaly_classes": []}
"""What the paper's tables are about, whatever else the runs of a comparison have in common."""


def _beats(test: Beats, evidence: Evidence) -> Iterator[_Measured]:
    for group in evidence.values():
        match = find_match(group.values, (test.table,))
        place = (group.values["dataset"], group.values["gamma"])
        if match is None or place not in test.places:
            continue
        others = [row for row in paper.rows(test.table) if not row.is_own and (row.dataset, row.gamma) == place]
        best = max((row for row in others if row.avg is not None), key=lambda row: row.avg or 0.0)
        effects, scored = {}, {}
        for protocol in PROTOCOLS:
            runs = _by_class(group.runs, column(protocol))
            if runs is None:
                continue
            scored[protocol] = _there(group.aligned(column(protocol)))
            printed = [best.classes[c] if best.classes else best.avg for c in runs.index]
            gains = 100 * runs.to_numpy(float) - np.array(printed, float)[:, None]
            effects[protocol] = effect_of(gains, test, shared=group.shared)
        changed = _changed(group.values, (*former_values(), *paper.ORDER_FIELDS))
        settings = tuple(dict.fromkeys((f"beside {best.method}", *match.differences, *changed)))
        partly = _partly(scored)
        deciding = _deciding(effects, partly, place)
        yield place, *_unless_pruned((group,), settings, deciding), partly


def _gains(test: Gains, evidence: Evidence) -> Iterator[_Measured]:
    for group in evidence.values():
        values = group.values
        place = (values["dataset"], values["gamma"])
        wanted = {**_SAME_QUESTION, **test.fields, test.name: test.variant}
        if place not in test.places or any(values[name] != of for name, of in wanted.items()):
            continue
        other = evidence.get(key_of(values, **{test.name: test.baseline}))
        if other is None:
            continue
        gains = {
            protocol: of_pairs
            for protocol, name in _columns(test.measure).items()
            if (of_pairs := _gains_of_pairs(group, other, name, test)) is not None
        }
        effects = {
            protocol: effect_of(whole, test, shared=group.shared or other.shared)
            for protocol, of_pairs in gains.items()
            if (whole := stats.trimmed(of_pairs)) is not None
        }
        if effects:
            made = made_with_other(joined(other.runs, group.runs))
            beside = (f"pairs made with other {', '.join(made)}",) if made else ()
            settings = (*_settings(values, (test.name, *test.fields)), *beside)
            partly = _partly({protocol: _there(of_pairs) for protocol, of_pairs in gains.items()})
            deciding = _deciding(effects, partly, place)
            yield place, *_unless_pruned((group, other), settings, deciding), partly


def _there(numbers: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    assert numbers is not None  # every run has the columns of all protocols
    return ~np.isnan(numbers)


def _partly(scored: Mapping[str, NDArray[np.bool_]]) -> set[str]:
    """The protocols that lack a run, or a pair of runs, which another has. Equal counts may be of other runs."""
    every = np.any([*scored.values()], axis=0)
    return {protocol for protocol, there in scored.items() if (there != every).any()}


def _deciding(effects: Mapping[str, Effect], partly: Collection[str], place: Place) -> dict[str, Effect]:
    """Without p under those protocols, and of a part of the paper's classes."""
    classes = paper.CLASS_COUNTS[place[0]]
    return {
        protocol: effect if protocol not in partly and _can_decide(effect, classes) else replace(effect, p_value=None)
        for protocol, effect in effects.items()
    }


def _unless_pruned(
    groups: Sequence[Group], settings: tuple[str, ...], effects: Mapping[str, Effect]
) -> tuple[tuple[str, ...], dict[str, Effect]]:
    """Settings and effects of groups; where scores decided which of their runs ended early, the rest proves nothing."""
    if not any(group.pruned for group in groups):
        return settings, dict(effects)
    undecided = {protocol: replace(effect, p_value=None) for protocol, effect in effects.items()}
    return (*settings, PRUNED), undecided


def _columns(measure: str) -> dict[str, str]:
    if measure == "apart":
        return {"eval": "apart"}
    return {protocol: column(protocol) if measure == "auroc" else f"rough_{protocol}" for protocol in PROTOCOLS}


def _gains_of_pairs(group: Group, other: Group, name: str, test: Gains) -> NDArray[np.float64] | None:
    """By cell and seed, NaN of all where one variant alone was scored; None where neither was."""
    a, b = other.aligned(name), group.aligned(name)
    if a is None or b is None or np.isnan([a, b]).all():
        return None
    if test.measure == "rough":
        b = np.where(group.aligned("same_points") == other.aligned("same_points"), b, np.nan)
    return (1.0 if test.measure == "apart" else 100.0) * (b - a)


def _by_class(runs: pd.DataFrame, value: str) -> pd.DataFrame | None:
    """A column by class and seed, of pairs with one known class as in the tables (see stats.by_class)."""
    whole = runs.dropna(subset=[value])
    if not len(whole):
        return None
    of_cells, classes = stats.crossed_runs(whole, value, CELL), stats.class_of_cell(whole, CELL)
    assert of_cells is not None  # whole is not empty
    return pd.DataFrame(stats.by_class(of_cells, classes), index=np.unique(classes))


def _settings(values: Mapping[str, Any], but: Collection[str]) -> tuple[str, ...]:
    """Each field that differs from its default, but for those of the claim, the place, the class and the curve."""
    known = {"dataset", "gamma", *but, *paper.QUIET_FIELDS, *CELL_FIELDS}
    return _changed(values, [name for name in json_defaults() if name not in known])


def _changed(values: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    defaults = json_defaults()
    return tuple(f"{name}={values[name]}" for name in names if name in values and values[name] != defaults[name])
