"""Runs on a GPU. Where there is none these tests are skipped; the numbers' own tests run on the CPU."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from agad.spec.run import RunOptions, RunSpec
from agad.store.schema import RunRecord
from agad.train.control import Action, Interrupted, Progress
from agad.train.crew import train_together
from agad.train.run import train
from agad.train.session import Member
from tests.helpers.science import made_up, small

pytestmark = pytest.mark.cuda

OPTIONS = RunOptions(threads=1, device="cuda")
RUNS = [small(seed=0), small(seed=1, gamma=0.4), small(seed=2, backbone="unet")]


def check(record: RunRecord, spec: RunSpec) -> None:
    assert (record.spec, record.status) == (spec, "ok")
    assert 0 <= record.values["auroc"] <= 1
    assert all(math.isfinite(score) for score in record.values["scores_eval"])
    assert record.values["updates_done"] == spec.updates
    assert record.values["device"].startswith("cuda")
    assert record.values["peak_memory_bytes"] > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_has_a_complete_row(precision: str) -> None:
    spec = small(precision=precision)
    check(train(spec, OPTIONS, data=made_up()), spec)


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    options = RunOptions(threads=1, device="cuda", checkpoint_dir=str(tmp_path))

    def stop(progress: Progress) -> Action:
        return Action.STOP if progress.update == 2 else Action.CONTINUE

    with pytest.raises(Interrupted):
        train(small(), options, data=made_up(), control=stop)
    record = train(small(), options, data=made_up())

    check(record, small())
    assert record.values["resumes"] == 1


def test_runs_advance_together() -> None:
    found: dict[str, RunRecord | Exception] = {}
    data = made_up()

    def members() -> Iterator[Member]:
        for spec in RUNS:
            yield Member(spec, OPTIONS, data, None)

    train_together(members(), OPTIONS, 2, lambda member, outcome: found.update({member.spec.run_id: outcome}))

    for spec in RUNS:
        outcome = found[spec.run_id]
        assert isinstance(outcome, RunRecord), outcome
        check(outcome, spec)
