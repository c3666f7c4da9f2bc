"""Rows like those of the trainer, for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from agad.spec.run import RunSpec
from agad.store import row_file
from agad.store.rows import ResultStore
from agad.store.schema import SCHEMA, RunRecord

MADE = {
    "data_digest": "d" * 64,
    "code_digest": "c" * 64,
    "git_clean": True,
    "threads": 1,
    "device": "cpu",
    "torch_version": "2.12.1",
}
"""Provenance of a row, where a test does not depend on it."""


def specs(classes: Iterable[int] = range(10), seeds: Iterable[int] = range(3), **fields: Any) -> list[RunSpec]:
    """Specs of some classes and seeds; MNIST with the naive generator unless said otherwise."""
    fields = {"dataset": "mnist", "backbone": "naive", **fields}
    return [RunSpec(normal_class=c, seed=seed, **fields) for seed in seeds for c in classes]


def ok_row(spec: RunSpec, auroc: float, **values: Any) -> RunRecord:
    """A successful run; every protocol has the same `auroc`, except where `values` differ."""
    aurocs = {"auroc": auroc, "auroc_eval_recal": auroc, "auroc_oracle": auroc}
    return RunRecord(spec=spec, attempt=1, status="ok", values={**MADE, **aurocs, **values})


def failed_row(spec: RunSpec, kind: str = "nan", attempt: int = 1) -> RunRecord:
    """A run that failed."""
    values = {**MADE, "failure_kind": kind, "failure_message": "loss_g became non-finite at update 7"}
    return RunRecord(spec=spec, attempt=attempt, status="failed", values=values)


def commit_all(
    store: ResultStore,
    runs: Iterable[RunSpec],
    auroc: Callable[[RunSpec], float],
    values: Mapping[str, Any] | None = None,
) -> None:
    """An ok row for each spec, in one file as after compaction: separate commits would each wait for the disk."""
    rows = [ok_row(spec, auroc(spec), **(values or {})).to_row() for spec in runs]
    store.base.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    row_file.write(store.base / f"rows-{len(list(store.base.iterdir()))}.parquet", [table])


def nearly(auroc: float) -> Callable[[RunSpec], float]:
    """About the same number for every run: a spread among seeds that changes no printed digit, and decides nothing."""
    return lambda spec: auroc + 1e-9 * (spec.seed - 1)


def drawn(spec: RunSpec, spread: float = 0.01) -> float:
    """An AUROC that depends on the spec only."""
    rng = np.random.default_rng(int(spec.run_id, 16))
    return float(np.clip(0.95 - 0.01 * spec.target_class + rng.normal(0, spread), 0, 1))
