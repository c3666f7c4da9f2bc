"""A study from its rows again: the same trials under the same numbers, and no other study's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from agad import files
from agad.errors import StoreError
from agad.plan.study import read_study
from analysis.studies import study_text
from sweeps.tuning import journal
from sweeps.tuning.optimiser import Optimiser
from sweeps.tuning.rebuild import rebuild_journal
from sweeps.tuning.settings import StudySettings
from sweeps.tuning.study import work
from sweeps.tuning.summary import summarise, tuned_by
from sweeps.worker.growing import Feed
from sweeps.worker.stopping import Stopping
from tests.conftest import ROOT
from tests.helpers.studies import Bench, a_search, cells, rebuilt, settings_of, storage_of

STATE = optuna.trial.TrialState
pytestmark = pytest.mark.usefixtures("no_flushing")
REPEATING = ("backbone=naive,unet",)
"""A space of two values, so that trials repeat."""


def trials_of(bench: Bench) -> list[tuple[Any, ...]]:
    """State, values and scores of the trials in the study's journal, by number."""
    study = Optimiser(bench.settings, storage_of(bench.folder), begins=False)
    names = [axis.name for axis in bench.settings.axes]
    rounded = [axis.value for axis in bench.settings.axes]
    return [
        (one.state.name, [of(one.params[name]) for of, name in zip(rounded, names, strict=True)], one.values)
        for one in study.frozen()
    ]


def numbers_of(bench: Bench) -> dict[int, set[str]]:
    return Feed(bench.folder).known()


def a_study(results: Path, trials: int = 4, settings: StudySettings | None = None, seed: int = 0) -> Bench:
    bench = Bench(results, settings or settings_of())
    bench.run(trials, sampler="random", seed=seed)
    return bench


@pytest.mark.parametrize("lost", ["nothing", "the summary", "trials", "trials and the summary"])
def test_a_study_is_made_again_from_the_rows(tmp_path: Path, lost: str) -> None:
    """From the folder's trials, from the summary, or from nothing but rows: the same trials with the same scores."""
    bench = Bench(tmp_path, settings_of(cells(2)), lambda of: {"status": "failed"} if of.lambda_con > 400 else {})
    bench.values = lambda of: {"status": "failed", "auroc_val": None} if of.lambda_lat > 30 else {}
    bench.run(8, sampler="random")
    rebuilt(bench)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    assert {state for state, *_ in wanted} == {"COMPLETE", "FAIL"}

    bench.folder.journal.unlink()
    if "trials" in lost:
        shutil.rmtree(bench.folder.trials)
    if "summary" in lost:
        bench.folder.summary.unlink()
    found = rebuilt(bench)
    assert found.added == (tuple(range(8)) if "trials" in lost else ())
    assert "".join(found.lines).count("Added by summary and rows") == ("trials" in lost)
    assert trials_of(bench) == wanted if lost != "trials and the summary" else trials_of(bench)[0] == wanted[0]
    assert sorted(map(str, trials_of(bench))) == sorted(map(str, wanted))
    assert (numbers_of(bench) == numbers) == (lost != "trials and the summary")
    assert [trial.number for trial in bench.run(9, sampler="random")] == list(range(9))


@pytest.mark.parametrize("keeps", [True, False], ids=["whole", "lost"])
def test_another_study_s_trials_are_not_this_one_s(tmp_path: Path, keeps: bool) -> None:
    """Two studies search the same cells; the first trial, the cells' own values, is of both."""
    first = a_study(tmp_path)
    wanted = trials_of(first)
    second = a_study(tmp_path, settings=settings_of(name="other"), seed=7)
    others = trials_of(second)
    assert others[0] == wanted[0]
    assert others[1:] != wanted[1:]
    for bench, trials in ((first, wanted), (second, others)):
        if not keeps:
            shutil.rmtree(bench.folder.trials)
        assert len(rebuilt(bench).trials) == 4
        found = trials_of(bench)
        assert found == trials if keeps else found[0] == trials[0]
        assert sorted(map(str, found)) == sorted(map(str, trials))


def test_rows_that_no_study_asked_for_fill_what_is_lost_only(tmp_path: Path) -> None:
    bench = a_study(tmp_path)
    run = bench.settings.runs({**bench.settings.own_values(), "lambda_con": 77.0})[0]
    other = Bench(tmp_path / "other", settings_of((run,), ranges=("lambda_con=10:100",)), lambda _: {"plan": "mine-0"})
    other.run(1)
    shutil.copytree(tmp_path / "other" / "inbox", tmp_path / "inbox", dirs_exist_ok=True)
    assert rebuilt(bench).added == ()

    (last,) = bench.folder.trials.glob("000003-*")
    last.unlink()
    assert rebuilt(bench).added == (3, 4)
    assert trials_of(bench)[4][1] == [1.0, 77.0, 15.0, 5.0]


def test_repeated_trials_keep_their_numbers(tmp_path: Path) -> None:
    """`--set-from-study s:4` means the same before and after."""
    bench = a_study(tmp_path, 6, settings_of(ranges=REPEATING))
    wanted, numbers = trials_of(bench), numbers_of(bench)
    assert len({str(one) for one in wanted}) == 2
    assert len(rebuilt(bench).trials) == 6

    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
    assert tuned_by(tmp_path, "s:4").values["backbone"] == wanted[4][1][0]


def test_trials_whose_runs_are_to_be_made_keep_their_numbers(tmp_path: Path) -> None:
    """They stand between others, and go on with the values that were drawn."""
    bench = a_study(tmp_path)
    before = trials_of(bench)
    run = bench.settings.runs(dict(zip((axis.name for axis in bench.settings.axes), before[1][1], strict=True)))[0]
    _forget_row(bench, run.run_id)
    rebuilt(bench)

    assert [state for state, *_ in trials_of(bench)] == ["COMPLETE", "RUNNING", "COMPLETE", "COMPLETE"]
    bench.run(4)
    assert trials_of(bench) == before


def _forget_row(bench: Bench, run_id: str) -> None:
    for path in (bench.results / "inbox").iterdir():
        if run_id in path.name:
            path.unlink()


def test_a_number_that_nothing_gives_is_a_failed_trial_s(tmp_path: Path) -> None:
    """As that of values which no run can have together."""
    bench = a_study(tmp_path)
    before = trials_of(bench)
    (lost,) = bench.folder.trials.glob("000001-*")
    run = Feed.runs(lost)[0]
    lost.unlink()
    _forget_row(bench, run.run_id)
    found = rebuilt(bench)

    assert found.lines == ["Counted as failed, for nothing tells what they were: trial 1."]
    study = read_study(bench.folder)
    assert [(one.state, one.failure) for one in study.trials][1] == ("failed", "nothing tells what it was")
    again = Optimiser(bench.settings, storage_of(bench.folder)).frozen()
    assert [trial.values for trial in again] == [before[0][2], None, *(one[2] for one in before[2:])]


def test_what_a_number_was_before_it_was_drawn_again_comes_after_the_others(tmp_path: Path) -> None:
    bench = a_study(tmp_path)
    before = trials_of(bench)
    values = {**bench.settings.own_values(), "lambda_con": 77.0}
    feed = Feed(bench.folder)
    earlier = {*feed.files()}
    feed.add(2, bench.settings.runs(values))
    (drawn,) = {*feed.files()} - earlier
    shutil.move(drawn, tmp_path / drawn.name)  # as old as the study itself
    shutil.copyfile(tmp_path / drawn.name, drawn)
    for path in earlier:
        path.touch()

    for added in ((4,), ()):
        assert rebuilt(bench).added == added
        assert trials_of(bench)[:4] == before
        assert trials_of(bench)[4][:2] == ("RUNNING", [*values.values()])


@pytest.mark.parametrize("number", [1, 7])
def test_a_file_that_is_no_trial_of_the_study_is_one_line(tmp_path: Path, number: int) -> None:
    bench = a_study(tmp_path, 2)
    before = bench.folder.journal.read_bytes()
    Feed(bench.folder).add(number, cells(2))
    with pytest.raises(StoreError, match=rf"{number:06}-\w+.json is no trial of study s; move it away.*--rebuild"):
        rebuilt(bench)
    assert bench.folder.journal.read_bytes() == before


def test_the_sampler_and_pruner_of_each_call_are_said_with_counts(tmp_path: Path) -> None:
    """The last call's were said of all trials; after a rebuild nothing tells which they were."""
    bench = a_study(tmp_path, 2)
    bench.run(3, sampler="tpe", pruner="median")
    said = summarise(bench.optimiser, {})
    assert (said.sampler, said.pruner) == ("random (2), tpe (1)", "none (2), median (1)")
    assert "proposed by random (2), tpe (1), pruner none (2), median (1)." in study_text(said)

    rebuilt(bench)
    assert read_study(bench.folder).sampler == read_study(bench.folder).pruner == "unknown"
    bench.run(4, sampler="random")
    assert summarise(bench.optimiser, {}).sampler == "unknown (3), random (1)"


# -- killed ---------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """In place of a signal: nothing handles it."""


def _killed_at(step: int, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Rebuild, and be killed before the step-th of all the calls that change a file; whether there were so many."""
    left = step

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= threading.current_thread() is threading.main_thread()  # the lease's heartbeat goes on
            if left < 0:
                raise Killed
            return real(*arguments, **options)

        return call

    search = a_search(bench)
    lease = search.hold(Stopping())
    with monkeypatch.context() as patch:
        for owner, name in (
            (Optimiser, "add"), (Feed, "add"), (Path, "replace"), (Path, "rename"), (Path, "unlink"),
            (shutil, "copyfile"), (os, "link"), (files, "replace_text"), (journal, "_lines"),
        ):  # fmt: skip
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            rebuild_journal(search, lease)
        except Killed:
            left = 10**6
    lease.release()
    return left >= 10**6


def _refusal(bench: Bench) -> str:
    try:
        bench.run(3, sampler="random")
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["journal", "trials", "both"])
def test_a_killed_rebuild_leaves_the_old_or_the_new_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Wherever it was killed; and the next one ends what it began."""
    original = a_study(tmp_path / "original", 3)
    wanted = trials_of(original)
    if lost != "trials":
        original.folder.journal.unlink()
    if lost != "journal":
        shutil.rmtree(original.folder.trials)
    shutil.rmtree(original.folder.path / "claims", ignore_errors=True)
    steps = 0
    while True:
        results = tmp_path / f"killed{steps}"
        shutil.copytree(tmp_path / "original", results)
        bench = Bench(results, settings_of())
        if not _killed_at(steps, bench, monkeypatch):
            break
        steps += 1
        if refusal := _refusal(bench):
            assert "--rebuild makes it again from the rows" in refusal
            rebuilt(bench)
        assert not bench.made
        assert sorted(map(str, trials_of(bench))) == sorted(map(str, wanted))
    assert steps > 12


@pytest.mark.slow
@pytest.mark.parametrize("kill", [0, 2])
def test_a_rebuild_that_a_signal_killed(tmp_path: Path, kill: int) -> None:
    bench = a_study(tmp_path)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    script = f"""
import os, sys
from sweeps.cli import tune
from sweeps.tuning.optimiser import Optimiser
add = Optimiser.add
def killed(self, *arguments):
    if len(self.frozen()) == {kill}:
        os.kill(os.getpid(), 9)
    add(self, *arguments)
Optimiser.add = killed
sys.exit(tune.main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", script, "--study", "s", "--rebuild", "--results", str(tmp_path)]
    assert subprocess.run(command, check=False, cwd=ROOT, timeout=600).returncode == -signal.SIGKILL

    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
    bench.run(4, sampler="random")
    assert len(rebuilt(bench).trials) == 4
    assert trials_of(bench) == wanted
    assert not [path for path in bench.folder.path.iterdir() if path.name.startswith("_")]


@pytest.mark.parametrize("what", ["journal.log", "trials"])
def test_what_an_older_rebuild_set_aside_is_not_forgotten(tmp_path: Path, what: str) -> None:
    """It renamed both before it had made others; killed there, the next call began the study from nothing."""
    bench = a_study(tmp_path)
    wanted, numbers = trials_of(bench), numbers_of(bench)
    for name in ("journal.log", what):
        path = bench.folder.path / name
        if path.exists():
            path.rename(path.with_name(f"{name}.0123abcd.old"))
    search = a_search(bench)
    lease = search.hold(Stopping())
    with pytest.raises(StoreError, match=r"was set aside by a --rebuild that was cut short; tune.py --rebuild makes"):
        work(search, lease, Stopping(), trials=4, workers=1, launch=None)
    lease.release()

    assert len(rebuilt(bench).trials) == 4
    assert (trials_of(bench), numbers_of(bench)) == (wanted, numbers)
