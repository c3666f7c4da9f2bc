"""Whether a tune.py is at work on a study whose summary is old, and what a command says of it then."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agad.errors import AgadError
from agad.plan.study import read_study
from agad.store.claims import Claim, ClaimBoard, Owner
from sweeps.cli.arguments import plan_of
from sweeps.cli.launch import main as launch
from sweeps.cli.options import build_parser
from sweeps.cli.status import main as status
from sweeps.tuning.found.newest import CoordinatorWatch, OldSummaryError, lacks, refusal
from sweeps.tuning.found.summary import tuned_by
from sweeps.worker.growing import COORDINATOR
from tests.helpers.studies import Bench, repeating, settings_of
from tests.sweeps.tuning.found.test_newest import left_behind, summarised

pytestmark = [pytest.mark.usefixtures("no_flushing"), pytest.mark.slow]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("sweeps.tuning.found.newest._WATCHED", 0.6)
    monkeypatch.setattr("sweeps.tuning.found.newest._POLL_EVERY", 0.1)
    return left_behind(Bench(tmp_path, settings_of()))


def claimed(bench: Bench, **changes: Any) -> Claim:
    """The claim of a coordinator that is elsewhere: of another host, or of this one before it was started again."""
    owner = dataclasses.replace(Owner.this_process("coordinator"), **changes)
    board = ClaimBoard(bench.folder.path, owner)
    claim = board.take(COORDINATOR, max(board.generations().get(COORDINATOR, [0])) + 1)
    assert claim is not None
    return claim


@contextmanager
def beating(claim: Claim) -> Iterator[None]:
    with repeating(claim.beat, every=0.15):
        yield


def test_one_that_was_killed_on_another_host_is_at_work_no_more(bench: Bench) -> None:
    """It was taken for one at work for ever, as each command sees it for the first time."""
    claim = claimed(bench, host="elsewhere")
    said: list[str] = []
    with pytest.raises(OldSummaryError, match="lacks 6 that have ended since"):
        tuned_by(bench.results, "s", said.append)
    (line,) = said
    assert line.startswith("Waiting to see whether a tune.py is at work on study s (")

    with beating(claim):
        assert tuned_by(bench.results, "s", said.append).trials == 2
    assert "a tune.py is at work on it, and these values are the best of those 2" in said[-1]


def test_one_of_before_the_machine_was_started_again_is_known_to_be_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(bench, boot="another")
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits") if seconds else None)
    with pytest.raises(OldSummaryError):
        tuned_by(bench.results, "s")


def test_a_damaged_claim_is_watched_too(bench: Bench) -> None:
    claimed(bench).path.write_text("{")
    with pytest.raises(OldSummaryError):
        tuned_by(bench.results, "s", lambda _: None)


def options(bench: Bench, *more: str) -> list[str]:
    return ["--grid", "demo", "--select", "normal_class=0", "--results", str(bench.results), *more]


def parsed(words: list[str]) -> argparse.Namespace:
    return build_parser("").parse_args(words)


def test_commands_that_make_no_runs_say_it_and_go_on(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    words = options(bench, "--set-from-study", "s:1")
    assert launch([*words, "--dry-run"]) == 0
    error = capsys.readouterr().err
    assert "lacks 6 that have ended since" in error
    assert "no tune.py is at work on it, and these values are those of trial 1\n" in error
    claimed(bench, host="elsewhere")
    assert status(words) == 1
    error = capsys.readouterr().err
    assert "a tune.py on elsewhere may be at work on it, and these values are those of trial 1\n" in error
    assert "Waiting" not in error


def test_a_sweep_that_has_begun_may_go_on_by_its_plan(bench: Bench) -> None:
    newest = bench.folder.summary.read_bytes()
    words = options(bench, "--set-from-study", "s:1")
    with pytest.raises(AgadError) as found:
        plan_of(parsed(words))
    assert "--plan" not in str(found.value)
    summarised(bench)
    path = plan_of(parsed(words)).save(bench.results)
    bench.folder.summary.write_bytes(newest)
    with pytest.raises(AgadError, match=f"; or go on with the values of trial 1 by --plan {path}$"):
        plan_of(parsed(words))


def test_one_that_has_ended_while_the_study_was_read_has_written_the_last_summary(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary was read before, the journal after."""

    def ended(_: Any) -> tuple[bool, str]:
        summarised(bench)
        return False, ""

    monkeypatch.setattr(CoordinatorWatch, "look", ended)
    assert tuned_by(bench.results, "s", pytest.fail).trials == 8


def test_of_a_study_in_a_database_a_trial_under_way_may_get_its_rows_afterwards(tmp_path: Path) -> None:
    """Workers commit the last rows of a study that was stopped in order: its summary is the newest."""
    bench = Bench(tmp_path / "r", settings_of(database=True))
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    bench.run(2, sampler="random", url=url)
    with bench.opened(sampler="random", url=url) as coordinator:
        coordinator._ask(4)
        summarised(bench)
    assert [trial.state for trial in read_study(bench.folder).trials] == ["complete"] * 2 + ["running"] * 2
    bench.answer()
    assert read_study(bench.folder).ended_later == ()
    assert tuned_by(tmp_path / "r", "s", pytest.fail).trials == 2


def test_a_lost_journal_is_made_again_from_the_rows(bench: Bench) -> None:
    """A study without one was taken for one in a database."""
    bench.folder.journal.unlink()
    with pytest.raises(OldSummaryError, match=r"its journal is gone: make it again from the rows by .* --rebuild$"):
        tuned_by(bench.results, "s")


def test_the_command_has_the_sampler_and_the_pruner_of_the_last_call(bench: Bench) -> None:
    study = dataclasses.replace(read_study(bench.folder), sampler="tpe (4), random (1)", pruner="median")
    text = refusal(study, bench.folder, bench.results)
    assert text.endswith("--trials 8 --pruner median")
    assert "with the --data, executor and --sampler of its last call, by" in text
    usual = refusal(dataclasses.replace(study, sampler="tpe", pruner="none"), bench.folder, bench.results)
    assert usual.endswith("--trials 8")
    assert "with the --data and executor of its last call, by" in usual


def test_one_trial_is_not_several(bench: Bench) -> None:
    study = read_study(bench.folder)
    one = dataclasses.replace(study, trials=study.trials[:1], ended_later=(1,))
    assert lacks(one) == "the summary of study s has 1 ended trial and lacks trial 1, which has ended since"
