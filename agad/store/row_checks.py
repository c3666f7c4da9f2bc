"""What a row shows of an error by itself: run_ids, values that no row can have, an AUROC that is not of its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agad.spec.run import EVAL_PROTOCOLS, RunSpec, canonical_text, run_id_of
from agad.store.column import Column
from agad.store.columns import COLUMNS, CURVE, SPEC
from agad.store.columns import SCORES as LISTS

SCORES = tuple(name for name in LISTS if name.startswith("scores_"))
"""Columns of the scores that the AUROCs are of. They are finite: NaN has no rank, and sorting puts it above all."""
IDENTITY = ("run_id", "semantics_version", *SPEC)
"""Columns that a run_id is checked with."""
_ROUNDING = 1e-9
"""How far two ways to compute an AUROC may lie apart; one pair of 10,000 images in another order is 1e-8 at least."""


def illegal_rows(table: pa.Table, *, has_spec: bool) -> dict[int, str]:
    """Index -> what is wrong, of the rows that agad cannot have written.

    Args:
        table: rows; only what its columns show is checked.
        has_spec: whether it has IDENTITY, with what was stored or what older code behaved like.
    """
    found: dict[int, str] = {}
    if has_spec:
        rows = table.select(IDENTITY).to_pylist()
        found = {
            n: "run_id is not the digest of its spec" for n, row in enumerate(rows) if _run_id(row) != row["run_id"]
        }
    for name in table.column_names:
        if name not in SPEC:  # which its run_id stands for; what was legal once may not be so today
            for index in _outside(table[name].combine_chunks(), COLUMNS[name]):
                found.setdefault(index, f"{name} is not {COLUMNS[name].range}")
        if name in SCORES:
            for index in _not_finite(table[name].combine_chunks()):
                found.setdefault(index, f"{name} is not finite")
    return found


def contradiction(spec: RunSpec, status: str, row: Mapping[str, Any]) -> str | None:
    """What in a row contradicts its AUROCs: its status, its spec, or the scores that they are of; None: nothing does.

    Milliseconds for 10,000 images: for who writes a row, not for who reads thousands.
    """
    return next(_contradictions(spec, status, row), None)


def _contradictions(spec: RunSpec, status: str, row: Mapping[str, Any]) -> Iterator[str]:
    if row.get("test_label") is not None:
        yield from _of_labels(spec, row)
    yield from _of_curve(row)
    curve, oracle = row.get("curve_auroc_eval"), row.get("auroc_oracle")
    if curve is not None and oracle is not None and oracle != max(point for point in curve if point is not None):
        yield "auroc_oracle is not the largest of curve_auroc_eval"
    if status == "ok" and spec.task == "train" and spec.evaluate_test and row.get("auroc") is None:
        yield "its status is ok, yet it has no auroc"
    for protocol in EVAL_PROTOCOLS:
        name = "auroc" if protocol == "eval" else f"auroc_{protocol}"
        if row.get(name) is not None:
            yield from _of_auroc(name, f"scores_{protocol}", status, row)


def _of_labels(spec: RunSpec, row: Mapping[str, Any]) -> Iterator[str]:
    labels, classes = np.asarray(row["test_label"]), row.get("test_class")
    if classes is not None:
        is_anomaly = (np.asarray(classes) == spec.target_class) == (spec.protocol == "leave_one_out")
        if not np.array_equal(labels, is_anomaly):
            yield f"test_label is not what class {spec.target_class} and protocol={spec.protocol} make of test_class"
    for name, label in (("n_test_normal", 0), ("n_test_anomaly", 1)):
        if row.get(name) not in (None, int((labels == label).sum())):
            yield f"{name} is not how often test_label is {label}"


def _of_curve(row: Mapping[str, Any]) -> Iterator[str]:
    """A list without a value for each point would be drawn beside the wrong updates."""
    lists = {name: row[name] for name in CURVE if row.get(name) is not None and name != "curve_terms"}
    lists |= {f"curve_terms[{term}]": values for term, values in dict(row.get("curve_terms") or ()).items()}
    points = len(lists.get("curve_update", ()))
    for name, values in lists.items():
        if len(values) != points:
            yield f"{name} has {len(values)} values, and curve_update {points}"


def _of_auroc(name: str, its_scores: str, status: str, row: Mapping[str, Any]) -> Iterator[str]:
    value, each, labels, scores = row[name], row.get(f"{name}_each"), row.get("test_label"), row.get(its_scores)
    if isinstance(value, bool):
        yield f"{name} is {value}, which is no number"
    if status != "ok":
        yield f"its status is {status}, yet it has an {name}"
    if each is not None and abs(value - np.mean(each)) > _ROUNDING:
        yield f"{name} is not the mean of {name}_each"
    if scores is not None and labels is not None:
        found = _auroc(np.asarray(labels), np.asarray(scores, np.float32)) if len(scores) == len(labels) else np.nan
        if not abs((value if each is None else each[0]) - found) <= _ROUNDING:
            yield f"{name} is not that of test_label and {its_scores}, {found:.6f}"


def _auroc(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """The share of pairs of a normal and an anomaly whose scores are in order, half of it where they are equal.

    Another way to the number of agad.scoring.auroc, which lies above the store: a fault of either shows.
    """
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    anomalies = int((labels == 1).sum())
    pairs = anomalies * (len(labels) - anomalies)
    return float((ranks[labels == 1].sum() - anomalies * (anomalies + 1) / 2) / pairs) if pairs else np.nan


def _run_id(row: dict[str, Any]) -> str:
    """The digest as RunSpec.run_id makes it, also of a spec that this code cannot run (a backbone that is not here)."""
    return run_id_of(canonical_text({name: row[name] for name in SPEC}, row["semantics_version"]))


def _outside(values: pa.Array, column: Column) -> Iterator[int]:
    """Indices of the rows with a value that the column cannot have; null is legal."""
    if not column.range:
        return
    if pa.types.is_list(values.type):
        parents, values = pc.list_parent_indices(values), pc.list_flatten(values)
    else:
        parents = pa.array(range(len(values)), pa.int64())
    bad = pc.fill_null(pc.invert(_within(values, column)), False)
    yield from dict.fromkeys(parents.filter(bad).to_pylist())


def _not_finite(values: pa.Array) -> Iterator[int]:
    """Indices of the rows with a number in their list that is none, infinite or not there."""
    is_finite = pc.fill_null(pc.is_finite(pc.list_flatten(values)), False)
    yield from dict.fromkeys(pc.list_parent_indices(values).filter(pc.invert(is_finite)).to_pylist())


def _within(values: pa.Array, column: Column) -> pa.Array:
    if column.choices:
        return pc.or_(pc.is_in(values, value_set=pa.array(column.choices)), pc.is_null(values))
    bounds = (
        (column.low, pc.greater_equal),
        (column.high, pc.less_equal),
        (column.above, pc.greater),
        (column.below, pc.less),
    )
    within = pa.array([True] * len(values), pa.bool_())
    for bound, compare in bounds:
        if bound is not None:
            within = pc.and_kleene(within, compare(values, bound))
    return within
