"""Contrast: what one choice changes under each evaluation protocol, class by class, all else being the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agad.spec.checks import unused
from agad.spec.fields import LEADING_FIELDS, former_values, json_defaults

from .. import stats
from ..cells import Cells
from ..paper.numbers import BASELINES, ORDER_FIELDS
from ..stats.crossed import spread
from ..summary import aligned_runs
from . import formats
from .footnotes import in_short, joined, made_with_other
from .formats import GAP
from .keys import heading, key_text, key_texts
from .leakage import LABELS, column, scored
from .sheet import KEY, NOTE, OURS, Sheet


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows of a table that differ in one field.

    Attributes:
        field: which.
        baseline: index of the row with the field's baseline.
        variant: of the other.
    """

    field: str
    baseline: int
    variant: int


def pairs(cells: Cells) -> Iterator[Pair]:
    """Every variant beside each of its baselines, field by field; methods may have several (see _others).

    A field's baseline is the paper's, else RunSpec's former default, else its default.
    """
    defaults = json_defaults() | former_values()
    for name in cells.fields:
        if name in LEADING_FIELDS or name == "protocol":  # class k is normal in the one, anomalous in the other
            continue
        baseline = BASELINES.get(name, defaults[name])
        keys = [_others(cells, row, name) for row in range(len(cells.rows))]
        baselines = defaultdict(list)
        for row, key in enumerate(keys):
            if cells.rows[row][name] == baseline:
                baselines[key].append(row)
        for row, values in enumerate(cells.rows):
            if values[name] != baseline:
                yield from (Pair(name, of, row) for of in baselines[keys[row]])


def choices(cells: Cells, found: Sequence[Pair]) -> dict[Pair, str]:
    """What each pair compares, as `context on over off`; of several alike at a place, with what tells these apart."""
    texts, alike = {}, defaultdict(list)
    for pair in found:
        ours, theirs = (key_text(pair.field, cells.rows[row][pair.field]) for row in (pair.variant, pair.baseline))
        texts[pair] = f"{heading(pair.field)} {ours} over {theirs}"
        alike[texts[pair], *key_texts(LEADING_FIELDS, cells.rows[pair.variant])].append(pair)
    for same in alike.values():
        rows = [cells.rows[pair.variant] for pair in same]
        names = [name for name in cells.fields if len({key_text(name, values[name]) for values in rows}) > 1]
        for pair, values in zip(same, rows, strict=True):
            texts[pair] += "".join(f", {heading(name)} {key_text(name, values[name])}" for name in names)
            texts[pair] += _of_baseline(cells, pair, same)
    return texts


def _of_baseline(cells: Cells, pair: Pair, alike: Sequence[Pair]) -> str:
    """What tells a pair's baseline from those of pairs that would print alike, where its variant does not."""
    own, other = (cells.rows[row] for row in (pair.baseline, pair.variant))
    names = [name for name in cells.fields if name != pair.field and own[name] != other[name]]
    telling = [name for name in names if any(cells.rows[one.baseline][name] != own[name] for one in alike)]
    texts = ", ".join(f"{heading(name)} {key_text(name, own[name])}" for name in telling)
    return f" with {texts}" if texts else ""


ALONE = ("eval", "eval_recal", "batch1")
"""Protocols under which a score depends on no other test image, so on none of ORDER_FIELDS."""

_SAME_WEIGHTS = 1e-3
"""AUROC; up to which two scorings of the same weights were seen to differ, by rounding alone, by far less."""


def joined_runs(cells: Cells, pair: Pair) -> pd.DataFrame:
    """The runs that both rows of a pair have (see footnotes.joined); _a are the baseline's."""
    a, b = (cells.ok[cells.ok["row"] == row] for row in (pair.baseline, pair.variant))
    return joined(a, b)


def apart(pair: Pair, runs: pd.DataFrame) -> frozenset[str]:
    """Run_ids of the variant, of runs that are scored otherwise and turn out to be trained otherwise too.

    Other code or another machine makes other weights of the same spec. What they gain is not what the field changes:
    it can change no score that depends on its own image alone.

    Args:
        pair: which.
        runs: see joined_runs.
    """
    found = pd.Series(data=False, index=runs.index)
    if pair.field in ORDER_FIELDS:
        for name in map(column, ALONE):
            found |= (runs[f"{name}_a"] - runs[f"{name}_b"]).abs() > _SAME_WEIGHTS
    return frozenset(runs.loc[found, "run_id_b"])


@dataclass(frozen=True, slots=True)
class Contrast:
    """What a variant gains over its baseline under one protocol, class by class and seed by seed.

    Attributes:
        interval: the mean gain, over seeds where both have two or more and these differ, else over classes; no ends
            in the middle of a third seed or a later one.
        over: `seeds` or `classes`: what the interval is over.
        p_value: of no gain (Wilcoxon over the classes as they are), not corrected; None too where runs of either were
            pruned for their scores.
        classes: classes that both have.
        pairs: of runs.
    """

    interval: stats.Interval
    over: str
    p_value: float | None
    classes: int
    pairs: int


def contrasts(cells: Cells, pair: Pair, protocols: Sequence[str]) -> dict[str, Contrast | None]:
    """Protocol -> the gain of a pair; None where no class and seed has both, or fewer have than under another one."""
    found = {protocol: contrast(cells, pair, column(protocol)) for protocol in protocols}
    most = max((gain.pairs for gain in found.values() if gain), default=0)
    return {protocol: gain if gain and gain.pairs == most else None for protocol, gain in found.items()}


def contrast(cells: Cells, pair: Pair, value: str) -> Contrast | None:
    """The gain of a pair in one column of AUROCs; None where no class and seed has both."""
    runs = cells.aligned(value)
    moved = runs[pair.variant] - runs[pair.baseline]
    if pair.field in ORDER_FIELDS and (gone := apart(pair, joined_runs(cells, pair))):
        moved[_marked(cells, gone)[pair.variant]] = np.nan
    gains = stats.trimmed(stats.by_class(moved, cells.class_of_cell))
    if gains is None:
        return None
    of_class = np.nanmean(gains, axis=1)
    seeds = spread(gains, shared=cells.shared[pair.baseline] or cells.shared[pair.variant])
    over_seeds, over_classes = seeds.interval(), stats.class_interval(of_class)
    is_amid = gains.shape[1] > 2 and seeds.error is None and not seeds.unseen  # a further seed is on its way
    by_seeds = over_seeds.low is not None or over_classes is None or is_amid
    found = over_seeds if by_seeds or over_classes is None else over_classes
    p_value = None if cells.pruned & {pair.variant, pair.baseline} else stats.mean_wilcoxon(of_class)
    over = "seeds" if by_seeds else "classes"
    return Contrast(found, over, p_value, len(gains), int(np.count_nonzero(~np.isnan(gains))))


def _marked(cells: Cells, run_ids: Collection[str]) -> dict[int, NDArray[np.bool_]]:
    """Row -> where these runs are, by cell and seed as in Cells.aligned."""
    marks = cells.runs.assign(marked=cells.runs["run_id"].isin(run_ids).astype(float))
    return {row: values == 1 for row, values in aligned_runs(marks, "marked").items()}


def contrast_table(cells: Cells) -> Sheet | None:
    """A line per pair: the variant's gain over its baseline, mean over classes, under each protocol; None without."""
    protocols, wanted, lines, data = scored(cells), _wanted(cells), [], []
    found = [(pair, contrasts(cells, pair, protocols)) for pair in wanted]
    corrected = _corrected(found, protocols)
    found = [(pair, gains) for pair, gains in found if any(gains.values())]
    texts_of = choices(cells, [pair for pair, _ in found])
    for pair, gains in found:
        values, what = cells.rows[pair.variant], texts_of[pair]
        key, there = key_texts(LEADING_FIELDS, values), [gain for gain in gains.values() if gain]
        p_values = {protocol: corrected.get((pair, protocol)) for protocol in protocols}
        over = "/".join(dict.fromkeys(gain.over for gain in there))
        made = ", ".join(made_with_other(joined_runs(cells, pair)))
        texts = (_text(gain, p_values[protocol]) for protocol, gain in gains.items())
        lines.append((*key, what, *texts, over, str(max(gain.classes for gain in there)), made))
        record: dict[str, Any] = dict(zip(LEADING_FIELDS, key, strict=True)) | {"field": pair.field, "contrast": what}
        for protocol, gain in gains.items():
            ends = (gain.interval.estimate, gain.interval.low, gain.interval.high) if gain else (None,) * 3
            names = (protocol, f"{protocol}_low", f"{protocol}_high", f"{protocol}_p_holm")
            record |= dict(zip(names, (*ends, p_values[protocol]), strict=True))
        data.append(record | {"over": over, "classes": max(gain.classes for gain in there), "made_with_other": made})
    if not lines:
        return None
    labels = (LABELS[protocol] for protocol in protocols)
    return Sheet(
        name="contrast",
        caption="What one choice changes, all other settings being the same: points of AUROC by evaluation protocol",
        columns=(*map(heading, LEADING_FIELDS), "choice", *labels, "95% over", "classes", "made with other"),
        kinds=(KEY, KEY, KEY) + (OURS,) * len(protocols) + (NOTE, OURS, NOTE),
        lines=tuple(lines),
        caution=in_short(cells),
        notes=(
            "Last update, paired by class and seed; in brackets the 95% interval: over fresh seeds where both have two "
            "or more and the gains of these differ, else over classes (t), which takes these for a sample of such "
            "classes and says nothing of other seeds; no interval while a third seed or a later one is incomplete. *: "
            "p < .05, Wilcoxon over the classes as they are, corrected (Holm) for the lines of the same choice under "
            "the same protocol; of one seed it says nothing of others either.",
            "made with other: what the two runs of some pairs were made with besides, to which a gain may be due too.",
            *_notes_apart(cells, wanted),
        ),
        data=pd.DataFrame(data),
    )


_Found = list[tuple[Pair, dict[str, Contrast | None]]]


def _notes_apart(cells: Cells, wanted: Sequence[Pair]) -> Iterator[str]:
    """How many pairs of runs are left out for their weights, by what they compare."""
    counts: Counter[str] = Counter()
    for pair in wanted:
        if pair.field in ORDER_FIELDS:
            counts[heading(pair.field)] += len(apart(pair, joined_runs(cells, pair)))
    for name, count in counts.items():
        if count:
            yield (
                f"{name}: {count} pairs of runs are left out. It changes no score that depends on its own image alone; "
                "theirs differ, so they are of two trainings."
            )


def _wanted(cells: Cells) -> list[Pair]:
    """The pairs that have, or will have, runs of one class and seed: no family of tests grows as a sweep goes on."""
    places = {row: set(zip(runs["class"], runs["seed"], strict=True)) for row, runs in cells.runs.groupby("row")}
    return [pair for pair in pairs(cells) if not places[pair.variant].isdisjoint(places[pair.baseline])]


def _corrected(found: _Found, protocols: Sequence[str]) -> dict[tuple[Pair, str], float | None]:
    """Pair and protocol -> p, Holm-corrected: a family is the pairs of one field under one protocol."""
    result: dict[tuple[Pair, str], float | None] = {}
    for name in dict.fromkeys(pair.field for pair, _ in found):
        for protocol in protocols:
            family = [(pair, gains[protocol]) for pair, gains in found if pair.field == name]
            p_values = stats.holm_of([gain.p_value if gain else None for _, gain in family])
            result |= {(pair, protocol): p for (pair, _), p in zip(family, p_values, strict=True)}
    return result


def _others(cells: Cells, row: int, name: str) -> tuple[str, ...]:
    """The values of all fields that tell a row apart, but one; of methods, of the fields that all of them use."""
    skipped = {name}
    if name == "method":
        skipped = skipped.union(*(unused(values["method"], values["task"]) for values in cells.rows))
    return tuple(repr(cells.rows[row][other]) for other in cells.fields if other not in skipped)


def _text(found: Contrast | None, p_value: float | None) -> str:
    if found is None:
        return GAP
    mean = formats.difference(100 * found.interval.estimate)
    mark = "*" if p_value is not None and p_value < 1 - stats.LEVEL else ""
    if found.interval.low is None or found.interval.high is None:
        return mean + mark
    return f"{mean} ({formats.interval(found.interval.low, found.interval.high)}){mark}"
