"""The storm's verdict: rows that are lost, doubled or other are counted. That rows survive kills: tests/sweeps."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agad.store.rows import ResultStore
from benchmarks.kill_storm import storm as kill_storm
from tests.helpers.rows import record, spec

SPECS = [spec(seed=seed) for seed in range(4)]


@pytest.mark.slow
def test_lost_doubled_and_other_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four runs one is as it should be, one has no row, one has two, and one another number."""
    stormy, quiet = ResultStore(tmp_path / "storm"), ResultStore(tmp_path / "quiet")
    for each in SPECS:
        quiet.commit(record(each, auroc=0.5))
    for each, attempt, auroc in ((0, 1, 0.5), (2, 1, 0.5), (2, 2, 0.5), (3, 4, 0.5000001)):
        stormy.commit(record(SPECS[each], attempt, auroc=auroc))
    stormy.commit(record(SPECS[0], 9, status="failed"))
    monkeypatch.setattr(kill_storm, "_undisturbed", lambda *_: quiet.path)
    storm = kill_storm.Storm("local", tmp_path, 1, 1.0, random.Random(0))
    storm._compare(cast(Any, SimpleNamespace(seed=0, results=stormy.path, specs=lambda: SPECS)))

    assert (storm.runs, storm.failed, storm.lost, storm.doubled, storm.other) == (4, 1, 1, 1, 1)
    assert list(storm.lines())[-1] == "| local | all | 0 | 0 | 4 | 1 | 1 | 1 | 1 |"
