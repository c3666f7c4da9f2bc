"""A study's journal and the lease on it: one coordinator, no torn line."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from agad.errors import AgadError, StoreError
from agad.store.claims import Claim, ClaimBoard, Owner
from agad.store.folder import StudyFolder
from sweeps.tuning.journal import repair
from sweeps.tuning.lease import Lease, LeaseLostError
from sweeps.tuning.optimiser import Optimiser, open_storage
from sweeps.worker.growing import COORDINATOR, Feed
from sweeps.worker.stopping import Stopping
from tests.helpers.studies import settings_of, storage_of

pytestmark = pytest.mark.usefixtures("no_flushing")


def test_a_line_that_a_killed_coordinator_tore_is_cut_off(tmp_path: Path) -> None:
    """Wherever it tore. Optuna alone cannot load such a journal again."""
    optimiser = Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
    first = optimiser.ask()
    optimiser.tell(first.number, "complete", [0.5])
    optimiser.ask()
    content = StudyFolder(tmp_path).journal.read_bytes()
    last_line = content[:-1].rfind(b"\n") + 1

    for cut in (last_line + 1, (last_line + len(content)) // 2, len(content) - 1):
        StudyFolder(tmp_path).journal.write_bytes(content[:cut])
        assert repair(StudyFolder(tmp_path).journal) == cut - last_line
        assert repair(StudyFolder(tmp_path).journal) == 0
        again = Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
        assert again.ended() == {0: "complete"}
        (running,) = again.running()  # what the torn line had to say is said anew
        again.tell(running.number, "complete", [0.6])
        assert Optimiser(settings_of(), storage_of(StudyFolder(tmp_path))).best() == 0.6


def test_damage_elsewhere_than_at_the_end_is_one_clear_line(tmp_path: Path) -> None:
    Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
    content = StudyFolder(tmp_path).journal.read_bytes()
    StudyFolder(tmp_path).journal.write_bytes(b"{torn\n" + content)

    with pytest.raises(StoreError, match=r"line 1 is damaged; tune.py --rebuild"):
        storage_of(StudyFolder(tmp_path))


def _take(folder: StudyFolder, lease: float = 300.0) -> Lease:
    return Lease(folder, "s", lease, Stopping(), lambda _: None)


def test_a_second_coordinator_is_refused_and_may_come_when_the_first_has_gone(tmp_path: Path) -> None:
    first = _take(StudyFolder(tmp_path))
    with pytest.raises(AgadError, match=f"has a coordinator already \\(process {os.getpid()}"):
        _take(StudyFolder(tmp_path))
    assert Feed(StudyFolder(tmp_path)).is_open()

    first.release()
    assert not Feed(StudyFolder(tmp_path)).is_open()
    _take(StudyFolder(tmp_path)).release()


@pytest.mark.slow
def test_a_coordinator_of_another_host_is_waited_for(tmp_path: Path) -> None:
    """While its counter rises it lives; when that stands still for a lease, the study is free."""
    elsewhere = dataclasses.replace(Owner.this_process("coordinator"), host="elsewhere")
    claim = ClaimBoard(tmp_path, elsewhere).take(COORDINATOR, 1)
    assert isinstance(claim, Claim)

    class Beating(Stopping):
        def is_set(self) -> bool:
            claim.beat()
            return False

    with pytest.raises(AgadError, match="has a coordinator already"):
        Lease(StudyFolder(tmp_path), "s", 300.0, Beating(), lambda _: None)
    said: list[str] = []
    Lease(StudyFolder(tmp_path), "s", 1.0, Stopping(), said.append).release()
    assert len(said) == 1


def test_who_lost_the_lease_writes_nothing_more(tmp_path: Path) -> None:
    first = _take(StudyFolder(tmp_path))
    optimiser = Optimiser(settings_of(), open_storage(StudyFolder(tmp_path), None, first.check))
    assert ClaimBoard(tmp_path, Owner.this_process("thief")).take(COORDINATOR, 2)
    before = StudyFolder(tmp_path).journal.read_bytes()

    with pytest.raises(LeaseLostError, match="was taken over"):
        optimiser.ask()
    assert StudyFolder(tmp_path).journal.read_bytes() == before
    first.release()
