"""A study's journal and the lease on it: one coordinator, no torn line."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agad.errors import AgadError, StoreError
from agad.store.claims import Claim, ClaimBoard, Owner
from agad.store.folder import StudyFolder
from sweeps.tuning.journal import repair
from sweeps.tuning.lease import Lease, LeaseLostError
from sweeps.tuning.optimiser import Optimiser, open_storage
from sweeps.worker.growing import COORDINATOR, Feed
from sweeps.worker.stopping import Stopping
from tests.helpers.studies import Bench, cells, rebuilt, settings_of, storage_of

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
        assert repair(StudyFolder(tmp_path).journal)[0] == cut - last_line
        assert repair(StudyFolder(tmp_path).journal)[0] == 0
        again = Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
        assert again.ended() == {0: "complete"}
        (running,) = again.running()  # what the torn line had to say is said anew
        again.tell(running.number, "complete", [0.6])
        assert Optimiser(settings_of(), storage_of(StudyFolder(tmp_path))).best() == 0.6


def test_damage_elsewhere_than_at_the_end_is_one_clear_line(tmp_path: Path) -> None:
    Optimiser(settings_of(), storage_of(StudyFolder(tmp_path)))
    content = StudyFolder(tmp_path).journal.read_bytes()
    StudyFolder(tmp_path).journal.write_bytes(b"{torn\n" + content)

    with pytest.raises(StoreError, match=r"line 1 is damaged.*; tune.py --rebuild"):
        storage_of(StudyFolder(tmp_path))


def _study_of_two(tmp_path: Path) -> Bench:
    """A study with two trials that have ended."""
    bench = Bench(tmp_path, settings_of())
    bench.run(2, sampler="random")
    return bench


def _refuses(bench: Bench) -> bool:
    """Whether a further call says that the study is to be made again from the rows."""
    try:
        bench.run(2, sampler="random")
    except StoreError as error:
        return "tune.py --rebuild makes it again from the rows" in str(error)
    return False


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_journal_is_taken_for_what_was_written(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A flipped bit, and lines that are lost, doubled or exchanged: refused, or the trials are the same."""
    bench = _study_of_two(tmp_path_factory.mktemp("study"))
    before = [(trial.state, trial.params, trial.values) for trial in bench.optimiser.frozen()]
    journal = bench.folder.journal
    lines = journal.read_bytes().splitlines(keepends=True)
    one, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    kind = data.draw(st.sampled_from(("flip", "drop", "double", "exchange", "cut")))
    if kind == "flip":
        byte = data.draw(st.integers(0, len(lines[one]) - 1))
        bit = data.draw(st.integers(0, 7))
        lines[one] = lines[one][:byte] + bytes([lines[one][byte] ^ 1 << bit]) + lines[one][byte + 1 :]
    elif kind == "exchange":
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one:] = {"drop": lines[one + 1 :], "double": lines[one:][:1] + lines[one:], "cut": []}[kind]
    journal.write_bytes(b"".join(lines))

    if not _refuses(bench):
        assert [(trial.state, trial.params, trial.values) for trial in bench.optimiser.frozen()] == before


@pytest.mark.slow
@pytest.mark.parametrize("change", ["emptied", "deleted"])
def test_a_journal_without_its_trials_is_noticed_and_made_again(tmp_path: Path, change: str) -> None:
    """The study's folder knows trials that such a journal lacks; the rows give them back."""
    bench = _study_of_two(tmp_path)
    bench.folder.journal.unlink()
    if change == "emptied":
        bench.folder.journal.touch()
    with pytest.raises(StoreError, match=r"lacks 2 of 2 trials .* the first is 0: .*tune.py --rebuild"):
        bench.run(2)

    assert len(rebuilt(bench).trials) == 2
    assert len(bench.run(3, sampler="random")) == 3


def test_a_journal_of_an_older_agad_goes_on(tmp_path: Path) -> None:
    """Its lines have no checksum; those that are appended cover them too."""
    bench = _study_of_two(tmp_path)
    journal = bench.folder.journal
    without = [re.sub(rb',"agad_crc":"[0-9a-f]{8}"', b"", line) for line in journal.read_bytes().splitlines(True)]
    journal.write_bytes(b"".join(without))
    assert len(bench.run(3, sampler="random")) == 3
    assert b"agad_crc" in journal.read_bytes().splitlines()[-1]

    journal.write_bytes(journal.read_bytes().replace(b'"param_value_internal":1.0', b'"param_value_internal":2.0', 1))
    assert _refuses(bench)


def test_what_the_study_s_folder_lacks_of_its_journal_is_made_good(tmp_path: Path) -> None:
    """The runs of a trial that is complete, and which runs were withdrawn."""
    pruned = {"status": "pruned", "auroc_val": None}
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: pruned if of.lambda_con != 50 else {})
    feed = Feed(bench.folder)
    with bench.opened() as coordinator:
        coordinator._ask(1)
        assert coordinator.run(1)
    bench.optimiser.add({**bench.settings.own_values(), "lambda_con": 60.0}, "pruned", None, {})
    runs = {spec.run_id for spec in bench.settings.runs({"lambda_con": 60.0})}
    for path in (*bench.folder.trials.iterdir(), bench.folder.verdicts):
        path.unlink()
    with bench.opened():
        assert [spec.run_id for specs in feed.trials() for spec in specs] == [s.run_id for s in bench.settings.specs]
        assert Feed(bench.folder).verdicts().withdrawn == runs


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
