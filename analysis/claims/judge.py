"""Judge: what rows say of a claim, place by place and protocol by protocol."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.fields import CELL_FIELDS, json_defaults

from .. import stats
from ..paper import numbers as paper
from ..paper.match import find_match
from ..stats.crossed import spread
from ..stats.paired import WILCOXON_FROM
from ..tables.footnotes import joined, made_with_other
from ..tables.leakage import ORDERED, PROTOCOLS, column
from .claim import Beats, Claim, Gains, Orders, Place
from .evidence import Evidence, Group, key_of

HOLDS, DOES_NOT, ORDERED_ONLY = "holds", "does not", "only under ordered protocols"
UNDECIDED, NOT_TESTED = "undecided", "not tested yet"
RESULTS = (HOLDS, DOES_NOT, ORDERED_ONLY, UNDECIDED, NOT_TESTED)

FEWEST_SEEDS = 3
"""Seeds from which the interval over seeds decides; with fewer the classes do, as they are, and n says so."""

ALONE = ("eval", "eval_recal")
"""Protocols that decide: an image's score depends on no other test image, and statistics come from training."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a claim is about, measured under one protocol.

    Attributes:
        interval: of the effect, in points of AUROC or the measure's own unit.
        over: `seeds` or `classes`.
        p_value: two-sided, of no effect (or, of a claim `within`, of a larger one); None where nothing can be said.
        classes: number of classes.
        seeds: number of seeds.
        right: whether the estimate is on the claim's side.
    """

    interval: stats.Interval
    over: str
    p_value: float | None
    classes: int
    seeds: int
    right: bool

    @property
    def outcome(self) -> bool | None:
        """True: borne out; False: the opposite is; None: neither."""
        return self.right if self.p_value is not None and self.p_value <= 1 - stats.LEVEL else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What rows say of a claim at one place.

    Attributes:
        claim: which.
        place: None of a claim about generators.
        settings: in what the runs leave this project's settings.
        effects: protocol -> effect.
        result: of RESULTS.
        words: numbers of a claim about generators.
    """

    claim: Claim
    place: Place | None
    settings: tuple[str, ...]
    effects: Mapping[str, Effect]
    result: str
    words: str = ""


def judge(claim: Claim, evidence: Evidence) -> list[Finding]:
    """A finding for each place of the claim and each setting of runs there; NOT_TESTED where there is none.

    p is corrected for the findings of the claim under the same protocol (Holm).
    """
    if isinstance(claim.test, Orders):
        return [_orders(claim, claim.test, evidence)]
    measured = list(_beats(claim.test, evidence) if isinstance(claim.test, Beats) else _gains(claim.test, evidence))
    family = max(len(claim.test.places), len(measured))
    for protocol in PROTOCOLS:
        having = [effects for _, _, effects in measured if protocol in effects]
        corrected = stats.holm_of([effects[protocol].p_value for effects in having], family)
        for effects, p in zip(having, corrected, strict=True):
            effects[protocol] = replace(effects[protocol], p_value=p)
    found = [
        Finding(claim, place, settings, effects, _result(effects, paper.CLASS_COUNTS[place[0]]))
        for place, settings, effects in measured
    ]
    there = {place for place, _, _ in measured}
    return found + [Finding(claim, place, (), {}, NOT_TESTED) for place in claim.test.places if place not in there]


def _result(effects: Mapping[str, Effect], classes: int) -> str:
    """One word from the outcomes under each protocol; a part of the paper's classes decides nothing."""
    outcomes = {protocol: effect.outcome for protocol, effect in effects.items() if _can_decide(effect, classes)}
    if not outcomes:
        return NOT_TESTED
    alone = [outcomes[protocol] for protocol in ALONE if protocol in outcomes]
    if alone and all(outcome is True for outcome in alone):
        return HOLDS
    unordered = [outcome for protocol, outcome in outcomes.items() if protocol not in ORDERED]
    if True in (outcomes.get(protocol) for protocol in ORDERED) and True not in unordered:
        return ORDERED_ONLY
    return DOES_NOT if False in alone and True not in alone else UNDECIDED


def _can_decide(effect: Effect, classes: int) -> bool:
    return effect.classes >= classes and (effect.seeds > 1 or effect.classes >= WILCOXON_FROM)


_Measured = tuple[Place, tuple[str, ...], dict[str, Effect]]


_SAME_QUESTION = {"protocol": "one_vs_rest", "task": "train", "known_anomaly_classes": []}
"""What the paper's tables are about, whatever else the runs of a comparison have in common."""
_OF_NETS = ("generator_norm", "upsampling", "batch_norm")
"""Fields that make other nets of a generator, which have other sizes and speeds."""


def _beats(test: Beats, evidence: Evidence) -> Iterator[_Measured]:
    for group in evidence.values():
        match = find_match(group.values, (test.table,))
        place = (group.values["dataset"], group.values["gamma"])
        if match is None or place not in test.places:
            continue
        others = [row for row in paper.rows(test.table) if not row.is_own and (row.dataset, row.gamma) == place]
        best = max((row for row in others if row.avg is not None), key=lambda row: row.avg or 0.0)
        effects = {}
        for protocol in PROTOCOLS:
            runs = _by_class(group.runs, column(protocol))
            if runs is None:
                continue
            printed = [best.classes[c] if best.classes else best.avg for c in runs.index]
            gains = 100 * runs.to_numpy(float) - np.array(printed, float)[:, None]
            effects[protocol] = _effect(gains, shared=group.shared)
        orders = _changed(group.values, paper.ORDER_FIELDS)
        yield place, (f"beside {best.method}", *match.differences, *orders), effects


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
        effects = {
            protocol: effect
            for protocol, name in _columns(test.measure).items()
            if (effect := _gain(group, other, name, test)) is not None
        }
        if effects:
            made = made_with_other(joined(other.runs, group.runs))
            beside = (f"pairs made with other {', '.join(made)}",) if made else ()
            yield place, (*_settings(values, (test.name, *test.fields)), *beside), effects


def _columns(measure: str) -> dict[str, str]:
    if measure == "apart":
        return {"eval": "apart"}
    return {protocol: column(protocol) if measure == "auroc" else f"rough_{protocol}" for protocol in PROTOCOLS}


def _gain(group: Group, other: Group, name: str, test: Gains) -> Effect | None:
    a, b = other.aligned(name), group.aligned(name)
    if a is None or b is None:
        return None
    if test.measure == "rough":
        b = np.where(group.aligned("same_points") == other.aligned("same_points"), b, np.nan)
    gains = stats.trimmed(b - a)
    if gains is None:
        return None
    scale = 1.0 if test.measure == "apart" else 100.0
    return _effect(scale * gains, shared=group.shared or other.shared, sign=test.sign, within=test.within)


def _by_class(runs: pd.DataFrame, value: str) -> pd.DataFrame | None:
    whole = runs.dropna(subset=[value])
    return whole.pivot_table(index="class", columns="seed", values=value) if len(whole) else None


def _effect(gains: NDArray[np.float64], *, shared: bool, sign: int = 1, within: float | None = None) -> Effect:
    """The mean of gains by class and seed, its interval and p: over seeds where there are enough, else over classes.

    Neither where there are enough seeds and no interval over them: without a spread, or in the middle of another seed.
    """
    classes, seeds = gains.shape
    of_class = np.nanmean(gains, axis=1)
    few = classes < WILCOXON_FROM
    by_seeds = spread(gains, shared=shared)
    over_classes = stats.class_interval(of_class)
    assert over_classes is not None  # a class at least
    if by_seeds.error is None and seeds >= FEWEST_SEEDS:
        return Effect(by_seeds.interval(), "seeds", None, classes, seeds, right=False)
    if by_seeds.error is not None and (seeds >= FEWEST_SEEDS or few):
        interval, over = by_seeds.interval(), "seeds"
        p_value: float | None = _p_value(interval.estimate - (within or 0.0), by_seeds.error, by_seeds.degrees)
    else:
        interval, over = over_classes, "classes"
        p_value = stats.mean_wilcoxon(of_class - (within or 0.0))
    if within is not None:
        return Effect(interval, over, p_value, classes, seeds, interval.estimate < within)
    return Effect(interval, over, p_value, classes, seeds, sign * interval.estimate > 0)


def _p_value(distance: float, error: float, degrees: float) -> float:
    """Two-sided p of Student's t."""
    from scipy.special import stdtr

    return 2 * float(stdtr(degrees, -abs(distance) / error))


def _settings(values: Mapping[str, Any], but: Collection[str]) -> tuple[str, ...]:
    """Each field that differs from its default, but for those of the claim, the place, the class and the curve."""
    known = {"dataset", "gamma", *but, *paper.QUIET_FIELDS, *CELL_FIELDS}
    return _changed(values, [name for name in json_defaults() if name not in known])


def _changed(values: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    defaults = json_defaults()
    return tuple(f"{name}={values[name]}" for name in names if name in values and values[name] != defaults[name])


def _orders(claim: Claim, test: Orders, evidence: Evidence) -> Finding:
    known = _measured_alike(test, evidence)
    there = [name for name in test.backbones if name in known.groups]
    found = {name: float(known.get_group(name).median()) / test.scale for name in there}
    words = ", ".join(f"{paper.BACKBONES[name]} {number:.2f} {test.unit}" for name, number in found.items())
    if len(found) < len(test.backbones):
        return Finding(claim, None, (), {}, NOT_TESTED, words)
    numbers = list(found.values())
    rising = all(low < high for low, high in itertools.pairwise(numbers))
    changed = {text for group in _nets(test, evidence) for text in _changed(group.values, _OF_NETS)}
    return Finding(claim, None, tuple(sorted(changed)), {}, HOLDS if rising else DOES_NOT, words)


def _nets(test: Orders, evidence: Evidence) -> list[Group]:
    """Runs of AGAD with one of the generators, the naive one with the latent of Table 7."""
    latent = json_defaults()["naive_latent"]
    return [
        group
        for group in evidence.values()
        if group.values["method"] == "agad"
        and group.values["backbone"] in test.backbones
        and group.values["naive_latent"] == latent
    ]


def _measured_alike(test: Orders, evidence: Evidence) -> Any:
    """The column by backbone, of images and machines for which all backbones were measured that were at all."""
    fields = ("backbone", "dataset", "image_size", *_OF_NETS)
    runs = [group.runs.assign(**{name: group.values[name] for name in fields}) for group in _nets(test, evidence)]
    if not runs:
        return pd.DataFrame({name: [] for name in (*fields, test.column)}).groupby("backbone")[test.column]
    every = pd.concat(runs).dropna(subset=[test.column])
    of_place = every.groupby([*test.alike, *_OF_NETS], dropna=False)["backbone"].transform("nunique")
    return every[of_place == every["backbone"].nunique()].groupby("backbone")[test.column]
