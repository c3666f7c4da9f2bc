"""Order: how the generators stand in a property that the paper lists, judged from rows."""

from __future__ import annotations

import itertools

import pandas as pd

from agad.spec.fields import json_defaults

from ..paper import numbers as paper
from .claim import Claim, Orders
from .evidence import Evidence, Group
from .finding import DOES_NOT, HOLDS, NO_RUN, NOT_TESTED, SOME_GENERATORS, UNDECIDED, Finding

_OF_NETS = ("generator_norm", "upsampling", "batch_norm")
"""Fields that make other nets of a generator, which have other sizes and speeds."""


def judge_order(claim: Claim, test: Orders, evidence: Evidence) -> Finding:
    """Judged within each place where all generators were measured alike: medians over places could turn the order."""
    runs = _measured_alike(test, evidence)
    of_places = runs.groupby([*test.alike, *_OF_NETS, "backbone"], dropna=False)[test.column].median() / test.scale
    found = of_places.unstack("backbone").reindex(columns=list(test.backbones)).dropna(axis="columns", how="all")
    words = ", ".join(f"{paper.BACKBONES[str(name)]} {_range(found[name], test.unit)}" for name in found)
    if len(found.columns) < len(test.backbones):
        return Finding(claim, None, (), {}, NOT_TESTED, words, SOME_GENERATORS if words else NO_RUN)
    rising = [all(low < high for low, high in itertools.pairwise(row)) for row in found.to_numpy()]
    changed = {f"{name}={value}" for name in _OF_NETS for value in set(runs[name]) - {json_defaults()[name]}}
    result = HOLDS if all(rising) else UNDECIDED if any(rising) else DOES_NOT
    places = (f"in {sum(rising)} of {len(rising)} places that were measured alike",) if result == UNDECIDED else ()
    return Finding(claim, None, (*sorted(changed), *places), {}, result, words)


def _range(values: pd.Series, unit: str) -> str:
    ends = dict.fromkeys(f"{value:.2f}" for value in (values.min(), values.max()))
    return f"{'–'.join(ends)} {unit}"


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


def _measured_alike(test: Orders, evidence: Evidence) -> pd.DataFrame:
    """Runs of images and machines for which all backbones were measured that were at all."""
    fields = ("backbone", "dataset", "image_size", *_OF_NETS)
    runs = [group.runs.assign(**{name: group.values[name] for name in fields}) for group in _nets(test, evidence)]
    if not runs:
        return pd.DataFrame({name: [] for name in (*fields, *test.alike, test.column)})
    every = pd.concat(runs).dropna(subset=[test.column])
    of_place = every.groupby([*test.alike, *_OF_NETS], dropna=False)["backbone"].transform("nunique")
    return every[of_place == every["backbone"].nunique()]
